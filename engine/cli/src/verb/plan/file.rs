//! Plans as files.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use scar_plan::Plan;

use crate::error::{CliError, Kind};
use crate::verb::status::now_ms;
use crate::view::text::time;

/// Reads a plan file; one that was edited is refused.
pub(crate) fn read(path: &Path) -> Result<Plan, CliError> {
    let name = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| CliError::caused(format!("cannot read the plan {name}"), &error))?;
    Plan::from_json(&text).map_err(|error| {
        let plain = CliError::caused(format!("the plan {name} cannot be used"), &error);
        CliError {
            kind: Kind::Stale,
            ..plain
        }
        .hint("plan again: `scar plan --out FILE`")
    })
}

/// The plan as its file has it.
pub(crate) fn text(plan: &Plan) -> String {
    plan.to_json(&time(now_ms()), env!("CARGO_PKG_VERSION"))
}

/// Writes a plan to a file that only its owner can read.
pub(crate) fn save(plan: &Plan, path: &Path) -> Result<(), CliError> {
    write(path, &text(plan), "the plan")
}

/// Writes a file whole or not at all, readable by its owner alone: a plan tells much about an account.
pub(crate) fn write(path: &Path, text: &str, what: &str) -> Result<(), CliError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|error: std::io::Error| {
        // The partial file is of no use to anybody; that it cannot be removed changes nothing.
        drop(fs::remove_file(&partial));
        CliError::caused(format!("cannot write {what} to {}", path.display()), &error)
    })
}
