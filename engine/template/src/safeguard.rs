//! What keeps stored things safe, in a workflow's stack and in the base stack.

use std::collections::BTreeSet;

use scar_cfn::Document;
use scar_schemas::manifest::Safeguards;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::access;

/// Key of the safeguards in the base template's `Metadata`.
const METADATA_KEY: &str = "ScarSafeguards";
const KMS_KEY: &str = "KmsKey";
const ACCESS_LOGS: &str = "AccessLogs";
const VERSIONED: &str = "Versioned";

/// Those of the base stack: a workflow's own before those that are there. Another workflow may rely on
/// what is there, so nothing is taken away.
pub(crate) fn of_base(own: &Safeguards, deployed: &Safeguards) -> Safeguards {
    let or = |own: &Option<String>, deployed: &Option<String>| {
        own.as_ref().or(deployed.as_ref()).cloned()
    };
    Safeguards {
        kms_key: or(&own.kms_key, &deployed.kms_key),
        access_logs: or(&own.access_logs, &deployed.access_logs),
        versioned: own.versioned || deployed.versioned,
    }
}

/// Keys of what a stage reads and writes: the workflow's own, and that of the artifact bucket.
pub(crate) fn keys(own: &Safeguards, base: &Safeguards) -> BTreeSet<String> {
    [own, base]
        .into_iter()
        .filter_map(|safeguards| safeguards.kms_key.clone())
        .collect()
}

/// Refuses what CloudFormation would read as something else.
pub(crate) fn check(safeguards: &Safeguards) -> Result<(), Error> {
    let texts = safeguards.kms_key.iter().chain(&safeguards.access_logs);
    for text in texts {
        if access::is_evaluated(text) {
            return Err(Error::UnsafeText {
                stage: "envs".to_owned(),
                text: text.clone(),
            });
        }
    }
    Ok(())
}

/// The entry of the base template's `Metadata`, if there is anything to say.
pub(crate) fn metadata(safeguards: &Safeguards) -> Option<(String, Value)> {
    let Safeguards {
        kms_key,
        access_logs,
        versioned,
    } = safeguards;
    let mut entry = Map::new();
    let texts = [(KMS_KEY, kms_key), (ACCESS_LOGS, access_logs)];
    for (name, text) in texts {
        if let Some(text) = text {
            entry.insert(name.to_owned(), json!(text));
        }
    }
    if *versioned {
        entry.insert(VERSIONED.to_owned(), json!(true));
    }
    (!entry.is_empty()).then(|| (METADATA_KEY.to_owned(), Value::Object(entry)))
}

/// Those that a deployed base template says it has.
pub(crate) fn deployed(template: &Document) -> Safeguards {
    let entry = template.metadata.get(METADATA_KEY);
    let text = |name: &str| {
        let value = entry?.get(name)?.as_str()?;
        Some(value.to_owned())
    };
    Safeguards {
        kms_key: text(KMS_KEY),
        access_logs: text(ACCESS_LOGS),
        versioned: entry.and_then(|entry| entry.get(VERSIONED)) == Some(&json!(true)),
    }
}
