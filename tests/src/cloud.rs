//! A running embedded cloud, for other programs to talk to.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::product::{Product, Run, python};
use crate::root;

/// `scar local up` of one product directory, killed when dropped.
pub struct Cloud<'a> {
    product: &'a Product,
    process: Child,
}

impl<'a> Cloud<'a> {
    /// Starts it and waits until it answers.
    ///
    /// # Panics
    /// If it does not come up within 20 s.
    #[must_use]
    pub fn up(product: &'a Product) -> Self {
        fs::remove_file(product.path().join(".scar/local/cloud.json")).ok();
        let process = product.start(["local", "up"]);
        let cloud = Self { product, process };
        within("the cloud comes up", Duration::from_secs(20), || {
            cloud.settings().is_some()
        });
        cloud
    }

    /// Ends it as `kill -9` does.
    pub fn kill(mut self) {
        self.stop();
    }

    /// Runs a Python script of `tests/clients` against it.
    ///
    /// # Panics
    /// If Python cannot be started.
    pub fn python(&self, script: &str, arguments: &[&str]) -> Run {
        let mut command = Command::new(python());
        command
            .arg(root().join("tests/clients").join(script))
            .args(arguments);
        command
            .current_dir(self.product.path())
            .envs(self.variables());
        command.output().expect("start python").into()
    }

    /// The variables that AWS clients want.
    ///
    /// # Panics
    /// If the cloud is not up.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let settings = self.settings().expect("a running cloud");
        let value = |name: &str| settings[name].as_str().unwrap_or_default().to_owned();
        [
            ("AWS_ENDPOINT_URL", value("endpoint")),
            ("AWS_ACCESS_KEY_ID", value("access_key")),
            ("AWS_SECRET_ACCESS_KEY", value("secret_key")),
            ("AWS_DEFAULT_REGION", value("region")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn settings(&self) -> Option<serde_json::Value> {
        let text = fs::read(self.product.path().join(".scar/local/cloud.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn stop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Drop for Cloud<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits until something holds.
///
/// # Panics
/// If it does not in time.
#[track_caller]
pub fn within(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        sleep(Duration::from_millis(50));
    }
}

/// Peak resident memory in KiB of the processes whose command line has this text, children of any depth.
#[must_use]
pub fn peak_memory_kib(of: &str) -> u64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| peak(&entry.path(), of))
        .max()
        .unwrap_or(0)
}

fn peak(process: &std::path::Path, of: &str) -> Option<u64> {
    let executable: PathBuf = fs::read_link(process.join("exe")).ok()?;
    if !executable.to_string_lossy().contains(of) {
        return None;
    }
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().split(' ').next()?.parse().ok()
}
