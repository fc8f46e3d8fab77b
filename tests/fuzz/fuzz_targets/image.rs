//! Any text as the documents of an image: as its manifest or index, its configuration, or the list of images
//! on disk. What is accepted names things within bounds.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scar_container::{Layout, inspect};
use scar_fuzz::image::Blobs;
use scar_schemas::digest::Digest;

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime can be made")
});

static SCRATCH: LazyLock<PathBuf> = LazyLock::new(|| {
    let scratch = std::env::temp_dir().join(format!("image-{}", std::process::id()));
    fs::create_dir_all(&scratch).expect("a folder can be made");
    scratch
});

fuzz_target!(|text: &str| {
    let mut blobs = Blobs::default();
    let as_manifest = blobs.add(text.to_owned());
    look(&blobs, &as_manifest);
    let mut blobs = Blobs::default();
    let with_config = blobs.add_manifest(&[], Some(text));
    look(&blobs, &with_config);
    for name in ["index.json", "manifest.json"] {
        let file = SCRATCH.join(name);
        fs::write(&file, text).expect("a file can be written");
        if let Ok(layout) = Layout::open(&SCRATCH, None) {
            assert!(
                layout
                    .blobs()
                    .iter()
                    .any(|(digest, _)| digest == layout.manifest_digest())
            );
        }
        fs::remove_file(&file).expect("it can be removed");
    }
    let archive = SCRATCH.join("archive");
    fs::write(&archive, text).expect("a file can be written");
    let _ = Layout::open(&archive, Some("name"));
    fs::remove_file(&archive).expect("it can be removed");
});

fn look(blobs: &Blobs, digest: &Digest) {
    if let Ok(inspection) = RUNTIME.block_on(inspect(blobs, digest)) {
        assert!(inspection.layers.len() <= 256);
        let written = serde_json::to_string(&inspection.config).expect("it can be written");
        let read = serde_json::from_str(&written).ok();
        assert_eq!(read, Some(inspection.config));
    }
}
