//! Stages for the tests: an image with nothing but busybox, packages, and the environment of functions
//! and jobs.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use scar_schemas::contract::{
    Command, Image, Input, More, Output, OutputKey, SCRIPT_FILE, STAGE_FILE, StageConfig,
    bucket_variable, function_variable,
};
use scar_schemas::digest::Digest;
use zip::write::SimpleFileOptions;

use crate::store::Store;

pub(crate) const DATA: &str = "data-real";
pub(crate) const ARTIFACTS: &str = "artifacts-real";

/// A stage and the directory of its package.
pub(crate) struct Stage {
    pub(crate) config: StageConfig,
    pub(crate) package: PathBuf,
}

/// Uploads the image and returns its digest.
pub(crate) fn image(store: &Store) -> Digest {
    let layer = layer();
    let blob = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        let key = format!("images/blobs/sha256/{}", digest.hex());
        store.put(ARTIFACTS, &key, Bytes::copy_from_slice(bytes));
        digest
    };
    let layer_digest = blob(&layer);
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
    });
    let config = config.to_string();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": blob(config.as_bytes()), "size": config.len(),
        },
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar",
            "digest": layer_digest, "size": layer.len(),
        }],
    });
    blob(manifest.to_string().as_bytes())
}

fn layer() -> Vec<u8> {
    let busybox = fs::read("/bin/busybox").expect("busybox-static is installed");
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(busybox.len() as u64);
    header.set_mode(0o755);
    tar.append_data(&mut header, "bin/busybox", &busybox[..])
        .unwrap();
    for name in ["sh", "cat", "sleep", "ls", "seq"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        tar.append_link(&mut header, format!("bin/{name}"), "busybox")
            .unwrap();
    }
    tar.into_inner().unwrap()
}

impl Stage {
    /// A stage that takes `inputs` and runs a script; its package is written below `folder`.
    pub(crate) fn new(
        folder: &Path,
        name: &str,
        image: &Digest,
        inputs: &[&str],
        output: OutputKey,
        more: More,
        script: &str,
    ) -> Self {
        let input = |pattern: &&str| Input {
            bucket: "data".into(),
            pattern: pattern.parse().unwrap(),
        };
        let config = StageConfig {
            format: 1,
            workflow: "w".into(),
            environment: "dev".into(),
            stage: name.into(),
            image: Image::Bucket {
                reference: "oci:busybox".into(),
                bucket: "artifacts".into(),
                prefix: "images/".into(),
                digest: image.clone(),
            },
            command: Command::Script,
            variables: BTreeMap::new(),
            inputs: inputs.iter().map(input).collect(),
            outputs: vec![Output {
                bucket: "data".into(),
                key: output,
            }],
            state_bucket: "data".into(),
            timeout_s: 60,
            memory_mib: 512,
            disk_mib: 512,
            attempts: 4,
            more,
        };
        let package = folder.join(name);
        fs::create_dir_all(&package).unwrap();
        fs::write(package.join(SCRIPT_FILE), script).unwrap();
        let stage = Self { config, package };
        stage.write();
        stage
    }

    /// Writes the package's `stage.json` anew.
    pub(crate) fn write(&self) {
        let text = serde_json::to_vec(&self.config).unwrap();
        fs::write(self.package.join(STAGE_FILE), text).unwrap();
    }

    /// Uploads a package for jobs, whose script may be another one.
    pub(crate) fn upload(&self, store: &Store, script: &str) {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let config = serde_json::to_string(&self.config).unwrap();
        for (name, text) in [(STAGE_FILE, config.as_str()), (SCRIPT_FILE, script)] {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        let archive = zip.finish().unwrap().into_inner();
        store.put(ARTIFACTS, &self.package_key(), archive);
    }

    /// The variable by which jobs, other than functions, find the stage's package.
    pub(crate) fn package_variable(&self) -> (&str, String) {
        (function_variable::PACKAGE_KEY, self.package_key())
    }

    fn package_key(&self) -> String {
        format!("stages/{}.zip", self.config.stage)
    }

    /// The variables of the stage's function and jobs.
    pub(crate) fn variables(&self, store: &Store, work: &Path) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let variables = [
            ("LAMBDA_TASK_ROOT", text(&self.package)),
            (function_variable::WORK_DIR, text(&work.join("work"))),
            (function_variable::IMAGE_CACHE, text(&work.join("images"))),
            (function_variable::BATCH_QUEUE, "queue".to_owned()),
            (
                function_variable::BATCH_DEFINITION,
                "definition:1".to_owned(),
            ),
            ("AWS_ACCESS_KEY_ID", "key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://{}", store.address)),
        ];
        let buckets = [("data", DATA), ("artifacts", ARTIFACTS)];
        let buckets = buckets.map(|(name, real)| (bucket_variable(name), real.to_owned()));
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        variables.into_iter().chain(buckets).collect()
    }
}

/// `before*after`.
pub(crate) fn single(before: &str, after: &str) -> OutputKey {
    OutputKey::Single {
        before: before.into(),
        after: after.into(),
    }
}

/// `prefix/`.
pub(crate) fn prefix(prefix: &str) -> OutputKey {
    OutputKey::Prefix {
        prefix: prefix.into(),
        files: None,
    }
}
