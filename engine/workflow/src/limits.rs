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
