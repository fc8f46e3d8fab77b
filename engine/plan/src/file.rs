//! A plan as a file, and back: the value that was shown is the value that is carried out.

mod decision;
mod read;
mod write;

use scar_cfn::canonical;
use scar_schemas::digest::Digest;
use scar_schemas::plan::{FORMAT_VERSION, PlanFile};
use serde_json::Value;

use crate::Plan;

/// Why a text is no plan that may be carried out.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// No plan at all.
    #[error("not a plan file")]
    Json(#[source] serde_json::Error),
    /// Made by a newer scar.
    #[error("plan file of format {found}, this scar reads {FORMAT_VERSION}")]
    Format {
        /// Its format.
        found: String,
    },
    /// Made by another version of scar, which may carry it out in another way.
    #[error("plan file was made by scar {found}, this is scar {}", env!("CARGO_PKG_VERSION"))]
    Tool {
        /// The version that made it.
        found: String,
    },
    /// Somebody changed it.
    #[error("plan file was edited or damaged: its content does not fit its integrity digest")]
    Integrity,
    /// A value that no plan has.
    #[error("plan file has an invalid {what}")]
    Invalid {
        /// For instance `template of the base stack`.
        what: &'static str,
    },
}

impl Plan {
    /// The plan in its public form. `created` is the time in RFC 3339, `version` that of scar.
    #[must_use]
    pub fn to_file(&self, created: &str, version: &str) -> PlanFile {
        let mut file = write::plan_file(self, created, version);
        file.integrity = integrity(&file);
        file
    }

    /// The plan file as text. It may hold scripts: write it readable for its owner only.
    #[must_use]
    pub fn to_json(&self, created: &str, version: &str) -> String {
        serde_json::to_string_pretty(&self.to_file(created, version)).unwrap_or_default() + "\n"
    }

    /// Reads a plan file. Everything in it is what was written, or it is refused.
    ///
    /// # Errors
    /// No plan, a newer format, or an edited file.
    pub fn from_json(text: &str) -> Result<Self, FileError> {
        let value: Value = serde_json::from_str(text).map_err(FileError::Json)?;
        let found = value
            .get("format_version")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let major = |version: &str| version.split('.').next().map(str::to_owned);
        if major(found) != major(FORMAT_VERSION) {
            return Err(FileError::Format {
                found: found.to_owned(),
            });
        }
        let file: PlanFile = serde_json::from_value(value.clone()).map_err(FileError::Json)?;
        // The text's own value is hashed, so that not even an unknown key can be added.
        if file.integrity != integrity_of(value) {
            return Err(FileError::Integrity);
        }
        if file.tool.version != env!("CARGO_PKG_VERSION") {
            return Err(FileError::Tool {
                found: file.tool.version,
            });
        }
        read::plan(file)
    }
}

fn integrity(file: &PlanFile) -> String {
    integrity_of(serde_json::to_value(file).unwrap_or_default())
}

fn integrity_of(mut value: Value) -> String {
    if let Some(map) = value.as_object_mut() {
        map.remove("integrity");
    }
    Digest::of(canonical(&value).as_bytes()).to_string()
}
