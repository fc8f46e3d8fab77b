//! Programs of others that tests compare with or talk to.
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A test that looks on is worth nothing where its partner is missing, so that is a failure.
pub(crate) fn needs(programs: &[&str]) {
    for name in programs {
        let found = std::env::var_os("PATH").is_some_and(|path| {
            std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
        });
        assert!(found, "this test needs the program `{name}`: install it");
    }
}

pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A registry of one test, on loopback. It ends with this value.
pub(crate) struct Registry {
    child: Child,
    pub(crate) host: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a registry that keeps its images below `folder`, with further `settings` of its `http` section.
pub(crate) fn registry(folder: &Path, settings: &str) -> Registry {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let text = format!(
        "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n{settings}",
        folder.join("registry").display()
    );
    std::fs::write(folder.join("registry.yml"), text).unwrap();
    let child = Command::new("docker-registry")
        .args(["serve", &folder.join("registry.yml").display().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = format!("127.0.0.1:{port}");
    for _ in 0..200 {
        if std::net::TcpStream::connect(&address).is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    Registry {
        child,
        host: address,
    }
}
