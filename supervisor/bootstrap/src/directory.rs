//! The private directory of one task: made empty, wiped when the task ends.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

const PREFIX: &str = "task-";
const LOCK: &str = "lock";

/// A directory that no other task can reach. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct PrivateDirectory {
    path: PathBuf,
    /// Held as long as the process lives, so that others can tell a left-over from a task at work.
    _lock: File,
}

impl PrivateDirectory {
    /// Makes the directory of an attempt, after wiping what died processes have left behind.
    pub(crate) fn create(work_dir: &Path, attempt: &str) -> io::Result<Self> {
        fs::create_dir_all(work_dir)?;
        sweep(work_dir);
        let path = work_dir.join(format!("{PREFIX}{attempt}"));
        DirBuilder::new().mode(0o700).create(&path)?;
        let lock = File::create(path.join(LOCK))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        let directory = Self { path, _lock: lock };
        // The image's user need not be the owner of these two.
        make(&directory.input(), 0o755)?;
        make(&directory.output(), 0o777)?;
        make(&directory.scratch(), 0o700)?;
        Ok(directory)
    }

    /// Where the input is staged.
    pub(crate) fn input(&self) -> PathBuf {
        self.path.join("in")
    }

    /// Where the container leaves its outputs.
    pub(crate) fn output(&self) -> PathBuf {
        self.path.join("out")
    }

    /// Where the engine keeps what the container changes in the image.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.path.join("scratch")
    }

    /// Where an executable copy of the script goes.
    pub(crate) fn script(&self) -> PathBuf {
        self.path.join("script")
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        // What cannot be removed now is a left-over for the next sweep.
        let _ = remove(&self.path);
    }
}

/// Whether the file system of a path has no room left worth the name.
pub(crate) fn is_full(path: &Path) -> bool {
    const LITTLE_BYTES: u64 = 1024 * 1024;
    rustix::fs::statvfs(path).is_ok_and(|disk| disk.f_bavail * disk.f_frsize < LITTLE_BYTES)
}

/// A mode as it is said, whatever the umask says.
fn make(path: &Path, mode: u32) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

fn sweep(work_dir: &Path) {
    let Ok(entries) = fs::read_dir(work_dir) else {
        return;
    };
    for entry in entries.flatten() {
        let is_task = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_task && is_abandoned(&entry.path()) {
            let _ = remove(&entry.path());
        }
    }
}

/// Nobody holds its lock. One that has no lock yet is just being made.
fn is_abandoned(path: &Path) -> bool {
    let Ok(lock) = File::open(path.join(LOCK)) else {
        return false;
    };
    flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            fs::remove_dir_all(path)
        }
        result => result,
    }
}

/// A container may leave directories that not even their owner can read.
fn open_up(path: &Path) -> io::Result<()> {
    let mut pending = vec![path.to_owned()];
    while let Some(path) = pending.pop() {
        fs::set_permissions(&path, Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                pending.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_wiped_and_left_overs_are_swept() {
        let work =
            std::env::temp_dir().join(format!("scar-directory-{}", crate::random::attempt()));
        let alive = PrivateDirectory::create(&work, "alive").unwrap();
        let left = PrivateDirectory::create(&work, "left").unwrap();
        let closed = left.output().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::write(closed.join("file"), "x").unwrap();
        fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
        let PrivateDirectory {
            path: ref abandoned,
            ..
        } = left;
        let abandoned = abandoned.clone();
        let copy = work.join("task-killed");
        fs::create_dir(&copy).unwrap();
        fs::write(copy.join(LOCK), "").unwrap();
        let next = PrivateDirectory::create(&work, "next").unwrap();
        assert!(!copy.exists() && abandoned.exists() && alive.input().exists());
        drop((alive, left, next));
        assert_eq!(fs::read_dir(&work).unwrap().count(), 0);
        fs::remove_dir(&work).unwrap();
    }
}
