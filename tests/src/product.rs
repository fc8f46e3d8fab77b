//! One user's machine: a home, a working directory, and the `scar` command.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::root;

/// A fresh working directory with the example workflows in it, and the product's commands.
pub struct Product {
    directory: TempDir,
}

/// What one command came to.
#[derive(Debug)]
pub struct Run {
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Default for Product {
    fn default() -> Self {
        Self::new()
    }
}

impl Product {
    /// A fresh directory.
    ///
    /// # Panics
    /// If the product cannot be built or the directory not be made.
    #[must_use]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("make a directory");
        copy(
            &root().join("workflows"),
            &directory.path().join("workflows"),
        );
        Self { directory }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file below the directory, its folders too.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("make the folder");
        fs::write(&path, content).expect("write the file");
        path
    }

    /// Writes `w/workflow.yaml`: one stage in the image `shell`, from `in/**` to `out/`, with this script and
    /// these further lines of the stage.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn stage(&self, script: &str, more: &[&str]) {
        self.image("shell");
        let mut text = String::from(
            "scar: 1\nname: w\nstages:\n  work:\n    image: oci:../workflows/images/shell\n    in: in/**\n",
        );
        if !more.iter().any(|line| line.starts_with("out:")) {
            text.push_str("    out: out/\n");
        }
        for line in more {
            text.push_str(&format!("    {line}\n"));
        }
        text.push_str("    script: work.sh\n");
        self.write("w/workflow.yaml", text);
        self.write("w/work.sh", format!("#!/bin/sh -e\n{script}\n"));
    }

    /// Makes one of the example images available to the workflows: `shell`, `imagemagick`, `ffmpeg`.
    ///
    /// # Panics
    /// If it cannot be built.
    pub fn image(&self, name: &str) {
        let image = images().join(name);
        let lock = images().join(format!("{name}.lock"));
        build_once(&lock, &image, name);
        let link = self.path().join("workflows/images").join(name);
        if !link.is_symlink() {
            std::os::unix::fs::symlink(image, link).expect("link the image");
        }
    }

    /// The `scar` command with these arguments, in this directory and an empty environment.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(scar());
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .stdin(Stdio::null());
        command
    }

    /// Runs `scar` to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn scar<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        self.command(arguments).output().expect("start scar").into()
    }

    /// Starts `scar` and leaves it running, its output discarded.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Child {
        let mut command = self.command(arguments);
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start scar")
    }
}

impl Run {
    /// Asserts the exit code and hands the run on.
    ///
    /// # Panics
    /// If the code is another, with everything that was printed.
    #[track_caller]
    pub fn exits(self, code: u8) -> Self {
        assert_eq!(
            self.code,
            i32::from(code),
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Standard output as one JSON document.
    ///
    /// # Panics
    /// If it is not one.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in {}", self.stdout))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The built `scar`; building it and the supervisor once per test process.
pub fn scar() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        build(&["--package", "scar-supervisor", "--profile", "supervisor"]);
        build(&["--package", "scar"]);
        target().join("debug/scar")
    })
}

/// The same as it is released.
pub fn released() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        build(&["--package", "scar-supervisor", "--profile", "supervisor"]);
        build(&["--package", "scar", "--release"]);
        target().join("release/scar")
    })
}

/// The built supervisor file.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn supervisor() -> PathBuf {
    scar();
    target().join("supervisor/scar-supervisor")
}

/// The Python that has what `tests/requirements.txt` names: `SCAR_TEST_PYTHON`, or the one in the path.
#[must_use]
pub fn python() -> String {
    std::env::var("SCAR_TEST_PYTHON").unwrap_or_else(|_| "python3".into())
}

fn build(arguments: &[&str]) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .arg("build")
        .arg("--quiet")
        .args(arguments)
        .current_dir(root())
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "cargo build {arguments:?} failed"
    );
}

/// Cargo's target directory: the test runs from `<target>/debug/deps`.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("know the test's file");
    test.ancestors()
        .nth(3)
        .expect("a target directory")
        .to_owned()
}

/// Images are packed once for all test processes.
fn images() -> PathBuf {
    let images = target().join("test-images");
    fs::create_dir_all(&images).expect("make the folder of images");
    images
}

fn build_once(lock: &Path, image: &Path, name: &str) {
    let lock = fs::File::create(lock).expect("make a lock file");
    lock.lock().expect("lock");
    if image.join("index.json").exists() {
        return;
    }
    let workflows = images().join("build");
    fs::create_dir_all(&workflows).expect("make the build folder");
    let script = workflows.join("build.sh");
    fs::copy(root().join("workflows/images/build.sh"), &script).expect("copy the build script");
    let status = Command::new(&script).arg(scar()).arg(name).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "building the image {name} failed"
    );
    fs::rename(workflows.join(name), image).expect("move the image into place");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("make a folder");
    for entry in fs::read_dir(from).expect("list a folder") {
        let entry = entry.expect("list a folder");
        let target = to.join(entry.file_name());
        // Images are large and linked one by one.
        if entry.path().is_dir() && !entry.path().join("index.json").exists() {
            copy(&entry.path(), &target);
        } else if entry.path().is_file() {
            fs::copy(entry.path(), target).expect("copy a file");
        }
    }
}
