//! The static supervisor file that goes into the layer.

use std::fs;
use std::path::{Path, PathBuf};

use scar_schemas::digest::Digest;

use crate::args::Global;
use crate::error::CliError;

/// File name of the supervisor, also in the image of its own.
pub(crate) const NAME: &str = "scar-supervisor";
const BUILD: &str = "build it with `cargo build -p scar-supervisor --profile supervisor`, \
    or name it with --supervisor PATH or the variable SCAR_SUPERVISOR";

/// What the name of the file for 64-bit ARM ends in.
const ARM64: &str = "-arm64";

/// The supervisor's bytes.
pub(crate) struct Supervisor {
    /// The file as it is.
    pub(crate) bytes: Vec<u8>,
    /// Its digest.
    pub(crate) digest: Digest,
}

impl Supervisor {
    /// Finds and reads the file: as given, else beside this program, or where its own profile puts it if
    /// this program stands where cargo built it.
    pub(crate) fn read(global: &Global) -> Result<Self, CliError> {
        let path = match &global.supervisor {
            Some(path) => path.clone(),
            None => find()?,
        };
        read(&path)
    }
}

/// The supervisor for 64-bit ARM: beside the other one, its name ending in `-arm64`; `None` if it is not there.
pub(crate) fn read_arm64(global: &Global) -> Result<Option<Supervisor>, CliError> {
    let other = match &global.supervisor {
        Some(path) => path.clone(),
        None => find()?,
    };
    let mut name = other.into_os_string();
    name.push(ARM64);
    let path = PathBuf::from(name);
    match path.is_file() {
        true => Ok(Some(read(&path)?)),
        false => Ok(None),
    }
}

fn read(path: &Path) -> Result<Supervisor, CliError> {
    let bytes = fs::read(path).map_err(|error| {
        let what = format!("cannot read the supervisor file {}", path.display());
        CliError::caused(what, &error).hint(BUILD)
    })?;
    if !bytes.starts_with(b"\x7fELF") && !bytes.starts_with(b"#!") {
        return Err(CliError::failure(format!("{} is not a program", path.display())).hint(BUILD));
    }
    Ok(Supervisor {
        digest: Digest::of(&bytes),
        bytes,
    })
}

fn find() -> Result<PathBuf, CliError> {
    let program = std::env::current_exe()
        .map_err(|error| CliError::caused("cannot tell where this program is", &error))?;
    let folder = program.parent().unwrap_or_else(|| Path::new("/"));
    // A workspace build leaves another program of that name beside this one: not static, other features.
    let path = if folder.join(".fingerprint").is_dir() {
        folder.join("../supervisor").join(NAME)
    } else {
        folder.join(NAME)
    };
    if path.is_file() {
        return Ok(path);
    }
    let missing = format!("the supervisor file {} is missing", path.display());
    Err(CliError::failure(missing).hint(BUILD))
}
