//! Which cloud a verb works on, and why. Pure: the environment is an argument.

use std::path::{Path, PathBuf};

use crate::args::Global;

/// Where the local cloud keeps its state, below the current directory.
pub(crate) const LOCAL_FOLDER: &str = ".scar/local";
/// Region of the local cloud, and of an endpoint when nothing else is said.
pub(crate) const DEFAULT_REGION: &str = "us-east-1";

/// The chosen cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// AWS itself.
    Aws {
        /// Profile, if one was named.
        profile: Option<String>,
        /// Region.
        region: String,
    },
    /// Something that speaks the AWS wire at another address.
    Endpoint {
        /// Its address.
        url: String,
        /// Region to sign with.
        region: String,
    },
    /// The embedded cloud.
    Local {
        /// Why, in a few words.
        because: String,
    },
}

/// What the machine says about AWS.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// Environment variables.
    pub(crate) variable: Variables,
    /// Text of the AWS configuration file.
    pub(crate) config: String,
    /// Text of the AWS credentials file.
    pub(crate) credentials: String,
}

/// The variables that matter, empty if not set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables {
    profile: String,
    region: String,
    endpoint: String,
    credentials: bool,
}

impl Surroundings {
    /// Of this process.
    pub(crate) fn of_process() -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let home = PathBuf::from(variable("HOME")).join(".aws");
        let file = |name: &str, default: &str| {
            let path = match variable(name) {
                path if path.is_empty() => home.join(default),
                path => PathBuf::from(path),
            };
            read_text(&path)
        };
        let credentials = [
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ];
        Self {
            variable: Variables {
                profile: variable("AWS_PROFILE"),
                region: first([variable("AWS_REGION"), variable("AWS_DEFAULT_REGION")]),
                endpoint: variable("AWS_ENDPOINT_URL"),
                credentials: credentials.iter().any(|name| !variable(name).is_empty()),
            },
            config: file("AWS_CONFIG_FILE", "config"),
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        }
    }
}

/// Chooses: `--endpoint-url`, then `--local`, then the endpoint that AWS programs are told of, then AWS if a region and credentials are configured, then
/// the local cloud. `wanted_region` is the one that the manifest's environment asks for.
pub(crate) fn choose(
    global: &Global,
    wanted_region: Option<&str>,
    around: &Surroundings,
) -> Target {
    let profile = global
        .profile
        .clone()
        .or_else(|| filled(&around.variable.profile));
    let region = global
        .region
        .clone()
        .or_else(|| wanted_region.map(str::to_owned))
        .or_else(|| filled(&around.variable.region))
        .or_else(|| setting(&around.config, profile.as_deref(), "region"));
    if let Some(url) = &global.endpoint_url {
        let region = region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        return Target::Endpoint {
            url: url.clone(),
            region,
        };
    }
    if global.local {
        return Target::Local {
            because: "asked for with --local".to_owned(),
        };
    }
    if let Some(url) = filled(&around.variable.endpoint) {
        let region = region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        return Target::Endpoint { url, region };
    }
    let credentials = global.profile.is_some() || has_credentials(profile.as_deref(), around);
    match (region, credentials) {
        (Some(region), true) => Target::Aws {
            profile: global.profile.clone(),
            region,
        },
        (None, true) => Target::Local {
            because: "no AWS region configured".to_owned(),
        },
        (Some(_), false) => Target::Local {
            because: "no AWS credentials configured".to_owned(),
        },
        (None, false) => Target::Local {
            because: "no AWS region and credentials configured".to_owned(),
        },
    }
}

fn has_credentials(profile: Option<&str>, around: &Surroundings) -> bool {
    let section =
        |text: &str, keys: &[&str]| keys.iter().any(|key| setting(text, profile, key).is_some());
    let ways = [
        "aws_access_key_id",
        "credential_process",
        "sso_session",
        "sso_start_url",
        "role_arn",
    ];
    around.variable.credentials
        || section(&around.credentials, &ways)
        || section(&around.config, &ways)
}

/// A setting of one profile in an AWS configuration or credentials file; sections are `[default]`,
/// `[profile NAME]` or `[NAME]`.
fn setting(text: &str, profile: Option<&str>, key: &str) -> Option<String> {
    let profile = profile.unwrap_or("default");
    let mut inside = false;
    for line in text.lines() {
        let line = line.trim();
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            inside = name.trim().trim_start_matches("profile ").trim() == profile;
        } else if let Some((name, value)) = line.split_once('=')
            && inside
            && name.trim() == key
        {
            return filled(value.trim());
        }
    }
    None
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn first<const N: usize>(texts: [String; N]) -> String {
    texts
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

fn read_text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Cli;

    fn chosen(arguments: &str, around: &Surroundings) -> Target {
        let words = ["scar"]
            .into_iter()
            .chain(arguments.split_whitespace())
            .chain(["ls"]);
        choose(&Cli::try_parse_from(words).unwrap().global, None, around)
    }

    fn files() -> Surroundings {
        Surroundings {
            config: "[profile x]\nregion = eu-west-1\n".to_owned(),
            credentials: "[x]\naws_access_key_id = A\n".to_owned(),
            ..Surroundings::default()
        }
    }

    #[test]
    fn without_aws_it_is_the_local_cloud() {
        let because = "no AWS region and credentials configured".to_owned();
        assert_eq!(chosen("", &files()), Target::Local { because });
        let because = "no AWS credentials configured".to_owned();
        assert_eq!(
            chosen("--region eu-west-1", &files()),
            Target::Local { because }
        );
    }

    #[test]
    fn a_configured_profile_is_aws_unless_something_else_is_asked_for() {
        let aws = Target::Aws {
            profile: Some("x".to_owned()),
            region: "eu-west-1".to_owned(),
        };
        assert_eq!(chosen("--profile x", &files()), aws);
        let because = "asked for with --local".to_owned();
        assert_eq!(chosen("--local", &files()), Target::Local { because });
        let url = "http://127.0.0.1:1".to_owned();
        let endpoint = Target::Endpoint {
            url,
            region: DEFAULT_REGION.to_owned(),
        };
        assert_eq!(
            chosen("--endpoint-url http://127.0.0.1:1", &files()),
            endpoint
        );
    }
}
