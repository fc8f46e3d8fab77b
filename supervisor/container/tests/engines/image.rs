//! The images of Debian that engines are compared with.

use std::path::{Path, PathBuf};

/// A file or folder of the suite.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/engines")
        .join(name)
}

/// An archive of the image's root, built once for all runs.
#[expect(clippy::print_stderr, reason = "it takes minutes")]
pub(crate) fn image(set: &str) -> PathBuf {
    let target = std::env::var_os("SCAR_TEST_IMAGES")
        .map_or_else(|| folder("../../../../target/test-images"), PathBuf::from);
    std::fs::create_dir_all(&target).unwrap();
    let target = target.canonicalize().unwrap();
    let lock = std::fs::File::create(target.join("engines.lock")).unwrap();
    lock.lock().unwrap();
    let archive = target.join(format!("engines-{set}.tar"));
    if !archive.exists() {
        eprintln!("building the image {set}");
        let mut command = std::process::Command::new(folder("image.sh"));
        let status = command.arg(set).arg(&archive).status().unwrap();
        assert!(status.success(), "the image cannot be built");
    }
    archive
}
