//! Limits of the services, with their sources.

/// Memory of a Lambda function in MiB (AWS Lambda Developer Guide, "Lambda quotas").
pub(crate) const MEMORY_MIB: (u64, u64) = (128, 10_240);
/// Time of a Lambda invocation in seconds (same page).
pub(crate) const TIMEOUT_S: (u64, u64) = (1, 900);
/// `/tmp` of a Lambda function in MiB (same page, "ephemeral storage").
pub(crate) const DISK_MIB: (u64, u64) = (512, 10_240);
/// Starts of an asynchronous invocation: `MaximumRetryAttempts` is 0 to 2 (Lambda API Reference,
/// `PutFunctionEventInvokeConfig`).
pub(crate) const ATTEMPTS: (u64, u64) = (1, 3);
/// Variables of a function in bytes, names and values together (AWS Lambda Developer Guide, "Lambda
/// quotas"). A stage keeps the limit, so that it can run on every platform.
pub const VARIABLES_BYTES: usize = 4096;
/// Days that a log group can keep its events (CloudWatch Logs API Reference, `PutRetentionPolicy`).
pub(crate) const LOG_DAYS: &[u64] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
/// Description of a template in bytes (CloudFormation User Guide, "CloudFormation quotas").
pub(crate) const DESCRIPTION_BYTES: usize = 1024;
/// Tags of one resource (CloudFormation User Guide, "Resource tag"), a few of which are scar's own.
pub(crate) const TAGS: usize = 40;
/// Characters of a tag's key and value (AWS General Reference, "Tagging your AWS resources").
pub(crate) const TAG_KEY: usize = 128;
/// See [`TAG_KEY`].
pub(crate) const TAG_VALUE: usize = 256;
/// Characters of a name in a manifest; leaves room for account and region in the names of buckets.
pub(crate) const NAME: usize = 31;
/// Stages of one workflow: about eight resources each, of the 500 that a template may have
/// (CloudFormation User Guide, "CloudFormation quotas").
pub(crate) const STAGES: usize = 60;
/// Inputs or outputs of one stage: each input is a rule's pattern, which has 2048 characters (Amazon
/// EventBridge User Guide, "EventBridge quotas").
pub(crate) const PATHS: usize = 20;
