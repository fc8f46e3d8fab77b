//! What Lambda allows, with the sources. What no service allows is refused when the manifest is read.

/// Memory of a Lambda function in MiB (AWS Lambda Developer Guide, "Lambda quotas").
pub(crate) const MEMORY_MIB: u64 = 10_240;
/// Time of a Lambda invocation in seconds (same page).
pub(crate) const TIMEOUT_S: u64 = 900;
/// `/tmp` of a Lambda function in MiB (same page, "ephemeral storage").
pub(crate) const DISK_MIB: u64 = 10_240;
/// Processors of a Lambda function of the most memory, in thousandths (AWS Lambda Developer Guide,
/// "Memory": one at 1,769 MB, six at 10,240 MB).
pub(crate) const VCPU_MILLI: u64 = 6000;
/// Starts of one asynchronous invocation: `MaximumRetryAttempts` is 0 to 2 (Lambda API Reference,
/// `PutFunctionEventInvokeConfig`).
pub(crate) const ATTEMPTS: u32 = 3;
/// Characters of an event pattern (Amazon EventBridge User Guide, "EventBridge quotas"), less what every
/// pattern of scar has besides keys.
pub(crate) const PATTERN: usize = 2048 - 200;
/// Characters of all inline policies of a role (IAM User Guide, "IAM and AWS STS quotas").
pub(crate) const POLICY: usize = 10_240;
/// The least that stands around each name in a policy: `"arn:aws:s3:::x/*",`.
pub(crate) const ARN: usize = 20;
/// `MaximumConcurrency` of a queue's event source mapping (Lambda API Reference, `ScalingConfig`).
pub(crate) const QUEUE_CONCURRENCY: u32 = 1000;
/// Rules of an event bus (Amazon EventBridge User Guide, "EventBridge quotas"); AWS raises it on request.
pub(crate) const RULES: usize = 300;
/// What can be reserved of the 1,000 that an account has: 100 must stay free (AWS Lambda Developer Guide,
/// "Configuring reserved concurrency").
pub(crate) const RESERVED: u64 = 900;
/// Pairs of outputs and inputs, or of outputs, whose keys begin alike. Three thousand stages with a folder for
/// each kind of file have a few thousand of them; it is what keeps hostile text from taking long.
pub(crate) const COMPARISONS: usize = 100_000;
/// Results that are looked at for what an input may have meant; see [`COMPARISONS`].
pub(crate) const RESULTS: usize = 1000;
