//! The constructs of the language that the manifest, the workflow and the stage contract share: what
//! a stage takes, waits for, becomes and opens, each with every unit parsed.

use serde::{Deserialize, Serialize};

/// What runs a stage's tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compute {
    /// An AWS Lambda function.
    #[default]
    Lambda,
    /// Jobs of AWS Batch.
    Batch,
}

/// Processor architecture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Architecture {
    /// 64-bit x86.
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    #[serde(rename = "arm64")]
    Arm64,
}

/// How an object's event reaches its stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Events {
    /// S3 to EventBridge to the function.
    #[default]
    Bus,
    /// S3 straight to the function.
    Direct,
    /// EventBridge to an SQS queue to the function.
    Queue,
}

/// Which objects of the inputs a stage takes, besides what their keys say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Smallest size in bytes that is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_bytes: Option<u64>,
    /// Sizes in bytes from this one on are not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below_bytes: Option<u64>,
    /// The key ends in one of these; empty is any key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suffixes: Vec<String>,
}

impl When {
    /// Whether an object of this key and size is meant.
    #[must_use]
    pub fn takes(&self, key: &str, size: u64) -> bool {
        self.min_bytes.is_none_or(|min| size >= min)
            && self.below_bytes.is_none_or(|below| size < below)
            && (self.suffixes.is_empty() || self.suffixes.iter().any(|end| key.ends_with(end)))
    }
}

/// A stage that waits for several objects and takes them as one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// What belongs together.
    pub by: JoinBy,
    /// Share of the members, in percent, that is enough when the time is up; 1 to 100.
    pub min_percent: u8,
    /// Seconds since the first member after which the join is decided; never, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u64>,
}

/// What belongs together in a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JoinBy {
    /// One object of every input whose key is the same after the pattern's folder, last suffix left out.
    Stem,
    /// All objects that one run sends here, however its stages fanned out.
    Run,
    /// All objects since the last firing of the stage's schedule.
    Window,
}

/// When a schedule fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The times.
    pub times: Times,
    /// Time zone of the IANA database that the times are meant in; `UTC` if nothing was said.
    pub time_zone: String,
}

/// The times of a [`Schedule`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Times {
    /// Five fields of cron: minute, hour, day of month, month, day of week.
    Cron(String),
    /// Every so many minutes.
    EveryMinutes(u64),
}

/// An HTTP door to a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Path of the door, with its leading slash.
    pub path: String,
    /// Whether the caller waits for the result.
    pub mode: HttpMode,
    /// Who may call.
    pub auth: HttpAuth,
    /// Largest body in bytes.
    pub body_bytes: u64,
}

/// Whether an HTTP caller waits for the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpMode {
    /// The response is the result.
    Sync,
    /// The body becomes an input object; the response says which.
    Async,
}

/// Who may call an HTTP door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpAuth {
    /// Callers that sign with AWS credentials and are allowed to.
    Iam,
    /// Callers with a token of this issuer for one of these audiences.
    Jwt {
        /// URL of the issuer.
        issuer: String,
        /// Accepted audiences, at least one.
        audiences: Vec<String>,
    },
    /// Everybody.
    None,
}

/// Where a secret lives. The value itself is nowhere but in the container that needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretReference {
    /// A parameter of AWS Systems Manager, by its name.
    Parameter(String),
    /// A secret of AWS Secrets Manager.
    Secret {
        /// Its name or ARN.
        name: String,
        /// One key of a JSON secret; the whole text if absent.
        key: Option<String>,
    },
}

/// Which failures are tried again, besides those that can only be the platform's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryClass {
    /// A Spot instance was taken away.
    Spot,
    /// The image could not be fetched.
    Pull,
    /// The cloud asked for patience.
    Throttle,
    /// The task ran out of memory.
    Memory,
    /// The task ran out of time.
    Timeout,
    /// The container ended with this exit code.
    Exit(u8),
}

/// What must be the same for a task to count as done already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cache {
    /// The input object's version: a changed stage leaves results that are there alone.
    #[default]
    Object,
    /// The input object's version and the stage's image, command, script and variables.
    Stage,
}

/// Where a stage's jobs or functions stand in the network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Lambda: the Internet, no private network. Batch: a small public network of scar's own.
    #[default]
    Auto,
    /// These subnets and security groups.
    Private {
        /// Subnet ids, at least one.
        subnets: Vec<String>,
        /// Security group ids, at least one.
        security_groups: Vec<String>,
    },
}

/// How a Lambda stage gets its image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Package {
    /// A zip function; the supervisor in its layer fetches the image when it first runs.
    #[default]
    Layer,
    /// An image function: the image with the supervisor in it.
    Image,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_suffixes_select() {
        let when = When {
            min_bytes: Some(10),
            below_bytes: Some(20),
            suffixes: vec![".gz".into(), ".xz".into()],
        };
        assert!(when.takes("a.gz", 10) && when.takes("a.xz", 19));
        assert!(!when.takes("a.gz", 9) && !when.takes("a.gz", 20) && !when.takes("a.txt", 15));
        assert!(When::default().takes("anything", 0));
    }
}
