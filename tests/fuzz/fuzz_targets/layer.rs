//! Archives as the layers of an image: whatever is in them, nothing outside of the root directory changes.
#![no_main]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scar_container::{Limits, remove_tree, unpack};
use scar_fuzz::archive::layers;
use scar_fuzz::image::Blobs;

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime can be made")
});

static SCRATCH: LazyLock<PathBuf> = LazyLock::new(|| {
    let scratch = std::env::temp_dir().join(format!("layer-{}", std::process::id()));
    fs::create_dir_all(scratch.join("outside")).expect("a folder can be made");
    fs::write(scratch.join("outside/file"), "untouched").expect("a file can be written");
    scratch
});

fuzz_target!(|bytes: &[u8]| {
    let mut blobs = Blobs::default();
    let layers: Vec<_> = layers(bytes)
        .into_iter()
        .map(|layer| blobs.add(layer))
        .collect();
    let digest = blobs.add_manifest(&layers, None);
    let limits = Limits {
        unpacked_bytes: 1 << 20,
        entries: 1_000,
        ratio: 200,
    };
    let root = SCRATCH.join("root");
    let unpacked = RUNTIME.block_on(unpack(&blobs, &digest, &root, &limits));
    assert_eq!(names(&SCRATCH.join("outside")), ["file"]);
    assert_eq!(
        fs::read(SCRATCH.join("outside/file")).ok().as_deref(),
        Some(&b"untouched"[..])
    );
    match unpacked {
        Ok(_) => {
            assert_eq!(names(&SCRATCH), ["outside", "root"]);
            check(&root);
            remove_tree(&root).expect("what was unpacked can be removed");
        }
        Err(_) => assert_eq!(names(&SCRATCH), ["outside"]),
    }
});

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<String> = entries
        .map(|one| one.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Nothing that is there can do more than the process that made it.
fn check(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let metadata = entry.metadata().expect("an entry");
        let kind = metadata.file_type();
        assert!(
            kind.is_dir() || kind.is_file() || kind.is_symlink(),
            "{entry:?}"
        );
        assert_eq!(metadata.permissions().mode() & 0o6000, 0, "{entry:?}");
        if kind.is_dir() {
            check(&entry.path());
        }
    }
}
