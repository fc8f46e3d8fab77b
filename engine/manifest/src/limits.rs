//! Limits of the services, with their sources.

/// Memory of a task in MiB: from the least of a Lambda function (AWS Lambda Developer Guide, "Lambda
/// quotas") to the largest computers of EC2, 24 TiB (Amazon EC2 instance types, "High memory").
pub(crate) const MEMORY_MIB: (u64, u64) = (128, 25_165_824);
/// Time of a task in seconds: a Fargate job ends after 14 days (AWS Batch User Guide, "Job timeouts").
pub(crate) const TIMEOUT_S: (u64, u64) = (1, 1_209_600);
/// Scratch disk in MiB: from the least of a Lambda function (AWS Lambda Developer Guide, "Lambda
/// quotas") to the largest gp3 volume that all of EBS has, 16 TiB (Amazon EBS User Guide, "gp3").
pub(crate) const DISK_MIB: (u64, u64) = (512, 16_777_216);
/// Starts of one task: `RetryStrategy.attempts` is 1 to 10 (AWS Batch API Reference, `RetryStrategy`).
pub(crate) const ATTEMPTS: (u64, u64) = (1, 10);
/// GPUs of one computer (Amazon EC2 instance types, "P5": 8; "P2": 16).
pub(crate) const GPUS: u64 = 16;
/// Processors of one computer in thousandths (Amazon EC2 instance types, "U7i": 896 and more).
pub(crate) const VCPU_MILLI: (u64, u64) = (250, 1_920_000);
/// Computers of one multi-node job (AWS Batch User Guide, "Multi-node parallel jobs": up to 1000 tested).
pub(crate) const NODES: u64 = 1000;
/// Tasks of one stage at once; accounts have 1,000 and may ask for more (AWS Lambda Developer Guide,
/// "Lambda quotas").
pub(crate) const CONCURRENCY: u64 = 100_000;
/// Rounds of a cycle; a larger number is no bound at all.
pub(crate) const ROUNDS: u64 = 1000;
/// Largest body in MiB: what one `PutObject` takes, 5 GiB (Amazon S3 User Guide, "Uploading objects").
pub(crate) const HTTP_BODY_MIB: u64 = 5 * 1024;
/// Longest time between two firings in seconds, a year; there is no documented limit.
pub(crate) const EVERY_S: u64 = 366 * 86_400;
/// Items of a scatter: the size of an array job (AWS Batch User Guide, "Array jobs").
pub(crate) const ITEMS: usize = 10_000;
/// Bytes of one item: the overrides of a task, all together 8 KiB (Amazon ECS API Reference,
/// `TaskOverride`), leave room for this.
pub(crate) const ITEM_BYTES: usize = 2048;
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
/// Stages of one workflow. What fits into one stack, 500 resources, is the template's to say
/// (CloudFormation User Guide, "CloudFormation quotas").
pub(crate) const STAGES: usize = 3000;
/// Inputs or outputs of one stage: each input is a rule's pattern, which has 2048 characters (Amazon
/// EventBridge User Guide, "EventBridge quotas").
pub(crate) const PATHS: usize = 20;
