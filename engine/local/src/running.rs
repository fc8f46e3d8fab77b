//! `cloud.json`: how other processes find and use a running local cloud.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Name of the file in the cloud's directory.
const FILE: &str = "cloud.json";

/// A running local cloud, as its `cloud.json` tells. The file is readable by its owner alone.
#[derive(Clone, Serialize, Deserialize)]
pub struct Running {
    /// Address of every service, `http://127.0.0.1:<port>`.
    pub endpoint: String,
    /// Access key of the root identity, made anew for every run of the cloud.
    pub access_key: String,
    /// Secret of that key.
    pub secret_key: String,
    /// AWS region that the cloud pretends to be.
    pub region: String,
    /// Process that runs it.
    pub pid: u32,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = out.debug_struct("Running");
        fields
            .field("endpoint", &self.endpoint)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// The cloud that runs in `directory`, if one does: its file is there and its port answers.
#[must_use]
pub fn find_running(directory: &Path) -> Option<Running> {
    let running = read(directory)?;
    let address: SocketAddr = running.endpoint.strip_prefix("http://")?.parse().ok()?;
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    // The directory is locked by whoever runs the cloud: a stale file whose port was taken by
    // another program is told apart by that.
    is_locked(directory).then_some(running)
}

pub(crate) fn read(directory: &Path) -> Option<Running> {
    serde_json::from_slice(&std::fs::read(directory.join(FILE)).ok()?).ok()
}

/// Writes the file whole or not at all.
pub(crate) fn write(directory: &Path, running: &Running) -> Result<(), Error> {
    let path = directory.join(FILE);
    let partial = directory.join("cloud.json.new");
    let file_error = |source| Error::File {
        path: path.clone(),
        source,
    };
    let text = serde_json::to_vec_pretty(running).map_err(|error| file_error(error.into()))?;
    let write_file = || {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)?;
        file.write_all(&text)?;
        std::fs::rename(&partial, &path)
    };
    write_file().map_err(file_error)
}

pub(crate) fn remove(directory: &Path) {
    // A file that stays behind is recognised as stale by `find_running`.
    drop(std::fs::remove_file(directory.join(FILE)));
}

/// Holds a directory for this process until it is dropped or the process ends.
pub(crate) struct Lock {
    _file: std::fs::File,
}

impl Lock {
    /// Takes the directory; `None` if another process has it.
    pub(crate) fn take(directory: &Path) -> Result<Option<Self>, Error> {
        let path = directory.join("lock");
        let file_error = |source| Error::File {
            path: path.clone(),
            source,
        };
        let mut options = std::fs::OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = file.map_err(file_error)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(source)) => Err(file_error(source)),
        }
    }
}

fn is_locked(directory: &Path) -> bool {
    let Ok(file) = std::fs::File::open(directory.join("lock")) else {
        return false;
    };
    matches!(
        file.try_lock_shared(),
        Err(std::fs::TryLockError::WouldBlock)
    )
}
