//! The way to a cloud: AWS, or something that speaks its protocols at an endpoint.

use std::fmt;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials as Keys, SharedCredentialsProvider};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::Error;
use crate::call::failed;
use crate::connector::{self, TrustDoesNotCome};
use crate::service::Wire;

/// Which cloud.
#[derive(Debug, Clone)]
pub enum Target {
    /// AWS, with the credentials that the AWS tools would use.
    Aws {
        /// Named profile; `None` is the environment's or the default one.
        profile: Option<String>,
        /// Region; `None` is the environment's or the profile's.
        region: Option<String>,
    },
    /// All services at one URL.
    Endpoint {
        /// For instance `http://127.0.0.1:4566`.
        url: String,
        /// Region.
        region: String,
        /// Keys; `None` is what the AWS tools would use.
        credentials: Option<Credentials>,
    },
}

/// A pair of keys. It is never shown.
#[derive(Clone)]
pub struct Credentials {
    /// Public part.
    pub access_key: String,
    /// Secret part.
    pub secret_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Credentials(..)")
    }
}

/// A cloud that answered and told whose it is.
#[derive(Debug, Clone)]
pub struct Cloud {
    account: String,
    region: String,
    /// URL of all services, unless they are AWS' own.
    endpoint: Option<String>,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) wire: Wire,
}

impl Cloud {
    /// Connects, and asks for the account.
    ///
    /// # Errors
    /// [`Error::NoRegion`]; [`Error::Call`] if there are no credentials or the cloud does not answer.
    pub async fn connect(target: &Target) -> Result<Self, Error> {
        let is_aws = matches!(target, Target::Aws { .. });
        let config = configuration(target).await?;
        let region = config.region().ok_or(Error::NoRegion)?.to_string();
        // This is the first call to the cloud: who is not trusted here is not trusted anywhere.
        let first = aws_sdk_sts::config::Builder::from(&config)
            .retry_classifier(TrustDoesNotCome)
            .build();
        let identity = aws_sdk_sts::Client::from_conf(first)
            .get_caller_identity()
            .send()
            .await
            .map_err(failed(
                "GetCallerIdentity",
                config.endpoint_url().unwrap_or("of AWS"),
            ))?;
        // Bucket names as parts of host names need DNS for every bucket, which endpoints do not have.
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(!is_aws)
            .build();
        Ok(Self {
            account: identity.account.unwrap_or_default(),
            region,
            endpoint: (!is_aws).then(|| config.endpoint_url().unwrap_or_default().to_owned()),
            s3: aws_sdk_s3::Client::from_conf(s3),
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            wire: Wire {
                credentials: config.credentials_provider(),
                http: config.http_client(),
                region: config.region().map(ToString::to_string).unwrap_or_default(),
                endpoint: (!is_aws).then(|| config.endpoint_url().unwrap_or_default().to_owned()),
                retries: retries(),
                timeouts: timeouts(),
            },
        })
    }

    /// Account number.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// ARN of something of this account and region.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        let (region, account) = (&self.region, &self.account);
        let partition = match region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// Pauses between two looks at something that changes. At an endpoint things take milliseconds and
    /// calls are free; AWS limits the rate of calls.
    pub(crate) fn pauses(&self) -> Pauses {
        let (first_ms, last_ms) = if self.endpoint.is_none() {
            (1_000, 5_000)
        } else {
            (20, 500)
        };
        Pauses {
            next: Duration::from_millis(first_ms),
            last: Duration::from_millis(last_ms),
        }
    }

    /// URL under which CloudFormation finds an object.
    pub(crate) fn object_url(&self, bucket: &str, key: &str) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/')),
            None => {
                let suffix = if self.region.starts_with("cn-") {
                    ".cn"
                } else {
                    ""
                };
                format!(
                    "https://{bucket}.s3.{}.amazonaws.com{suffix}/{key}",
                    self.region
                )
            }
        }
    }
}

/// Growing pauses.
#[derive(Debug, Clone)]
pub(crate) struct Pauses {
    next: Duration,
    last: Duration,
}

impl Pauses {
    /// Waits; each time half as long again, up to a limit.
    pub(crate) async fn pause(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 3 / 2).min(self.last);
    }
}

/// Whether the AWS tools would find both a region and credentials, told from environment and files alone.
pub async fn aws_is_configured(profile: Option<&str>, region: Option<&str>) -> bool {
    let is_set = |names: &[&str]| {
        names
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
    };
    let section = profile_section(profile).await;
    let has = |keys: &[&str]| {
        keys.iter()
            .any(|key| section.iter().any(|known| known == key))
    };
    let has_region = region.is_some() || is_set(&REGION_VARIABLES) || has(&["region"]);
    // A profile that was asked for by name stands before the environment.
    let has_keys = (profile.is_none() && is_set(&KEY_VARIABLES)) || has(&KEY_SETTINGS);
    has_region && has_keys
}

const REGION_VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
const KEY_VARIABLES: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];
const KEY_SETTINGS: [&str; 6] = [
    "aws_access_key_id",
    "credential_process",
    "role_arn",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

/// Names of the settings of a profile; none if there is no such profile or no readable file.
async fn profile_section(profile: Option<&str>) -> Vec<String> {
    let system = (
        aws_types::os_shim_internal::Fs::real(),
        aws_types::os_shim_internal::Env::real(),
    );
    let name = profile.map(|name| name.to_owned().into());
    let files = aws_runtime::env_config::file::EnvConfigFiles::default();
    let Ok(set) = aws_config::profile::load(&system.0, &system.1, &files, name).await else {
        return Vec::new();
    };
    let selected = profile.unwrap_or_else(|| set.selected_profile());
    let known = ["region"].iter().chain(&KEY_SETTINGS);
    let section = set.get_profile(selected);
    known
        .filter(|key| section.is_some_and(|section| section.get(key).is_some()))
        .map(|key| (*key).to_owned())
        .collect()
}

async fn configuration(target: &Target) -> Result<SdkConfig, Error> {
    let loader = match target {
        Target::Endpoint {
            url,
            region,
            credentials: Some(keys),
        } => {
            return Ok(fixed(url, region, keys));
        }
        Target::Endpoint {
            url,
            region,
            credentials: None,
        } => shared()
            .endpoint_url(url)
            .region(Region::new(region.clone())),
        Target::Aws { profile, region } => {
            let mut loader = shared();
            if let Some(profile) = profile {
                loader = loader.profile_name(profile);
            }
            match region {
                Some(region) => loader.region(Region::new(region.clone())),
                None => loader,
            }
        }
    };
    let client = connector::client(is_loopback(target))?;
    Ok(loader.http_client(client).load().await)
}

/// Whether the cloud is on this machine.
fn is_loopback(target: &Target) -> bool {
    let Target::Endpoint { url, .. } = target else {
        return false;
    };
    let after_scheme = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let authority = after_scheme.split('/').next().unwrap_or_default();
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

fn shared() -> aws_config::ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(retries())
        .timeout_config(timeouts())
}

/// Everything is given, so no file of the user is read: it could only disturb.
fn fixed(url: &str, region: &str, keys: &Credentials) -> SdkConfig {
    let keys = Keys::new(&keys.access_key, &keys.secret_key, None, None, "scar");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .retry_config(retries())
        .timeout_config(timeouts())
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(5)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(60))
        .build()
}
