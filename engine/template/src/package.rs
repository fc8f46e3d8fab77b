//! Zip files that are the same bytes for the same content: the stage package and the supervisor layer.

use std::io::{Cursor, Write as _};

use scar_schemas::contract::{SCRIPT_FILE, STAGE_FILE, StageConfig};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::Error;

/// What a `provided` runtime starts, looked for in the package and then in the layers ("Building a custom
/// runtime" of Lambda).
const BOOTSTRAP: &str = "bootstrap";

/// Setting up the compression of a small file takes longer than it ever saves.
const WORTH_COMPRESSING_BYTES: usize = 16 * 1024;

/// The supervisor as a Lambda layer: `bootstrap` at its root, where the runtime looks for it.
///
/// # Errors
/// The file is too large for a zip.
pub fn layer_zip(supervisor: &[u8]) -> Result<Vec<u8>, Error> {
    archive(&[(BOOTSTRAP, supervisor, 0o755)])
}

/// The package of a stage: its configuration, its script, and the supervisor if it is not left to the layer.
pub(crate) fn stage_zip(
    config: &StageConfig,
    script: Option<&[u8]>,
    supervisor: Option<&[u8]>,
) -> Result<Vec<u8>, Error> {
    let value = serde_json::to_value(config).map_err(|error| Error::Package {
        message: error.to_string(),
    })?;
    let text = scar_cfn::canonical(&value);
    let mut files = vec![(STAGE_FILE, text.as_bytes(), 0o644)];
    files.extend(script.map(|script| (SCRIPT_FILE, script, 0o755)));
    files.extend(supervisor.map(|supervisor| (BOOTSTRAP, supervisor, 0o755)));
    archive(&files)
}

/// Files in the given order, with a fixed time, so that only content makes a difference.
fn archive(files: &[(&str, &[u8], u32)]) -> Result<Vec<u8>, Error> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::DEFAULT);
    let failed = |message: String| Error::Package { message };
    for (name, bytes, mode) in files {
        let method = if bytes.len() < WORTH_COMPRESSING_BYTES {
            CompressionMethod::Stored
        } else {
            CompressionMethod::Deflated
        };
        let options = options.compression_method(method).unix_permissions(*mode);
        writer
            .start_file(*name, options)
            .map_err(|error| failed(error.to_string()))?;
        writer
            .write_all(bytes)
            .map_err(|error| failed(error.to_string()))?;
    }
    writer
        .finish()
        .map(Cursor::into_inner)
        .map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn layer_has_an_executable_bootstrap() {
        let bytes = layer_zip(b"\x7fELF").unwrap();
        assert_eq!(bytes, layer_zip(b"\x7fELF").unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut file = archive.by_name("bootstrap").unwrap();
        assert_eq!(file.unix_mode().unwrap() & 0o777, 0o755);
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"\x7fELF");
    }
}
