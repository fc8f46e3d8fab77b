//! What a function may use of memory and of `/tmp`, watched while it runs: no privileges are needed for
//! that, where a limit set by the system would need some.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Function;
use super::processes::ProcessTree;

/// Time between looks at the memory.
const MEMORY_INTERVAL: Duration = Duration::from_millis(100);
/// Least time between looks at the files.
const DISK_INTERVAL: Duration = Duration::from_secs(1);
/// A look at many files takes long; the time between looks is so many times longer.
const DISK_PAUSE_FACTOR: u32 = 20;
const KIB_PER_MIB: u64 = 1024;
const BYTES_PER_MIB: u64 = 1024 * 1024;

/// What a sandbox used too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Excess {
    /// Memory of all its processes.
    #[error(
        "the processes of the function had {used_mib} MB of memory, more than its MemorySize of \
         {limit_mib} MB, and were killed"
    )]
    Memory {
        /// How much it was, in MiB.
        used_mib: u64,
        /// How much it may be, in MiB.
        limit_mib: u64,
    },
    /// Files in its `/tmp`.
    #[error(
        "the files of the function in /tmp had {used_mib} MB, more than its EphemeralStorage of \
         {limit_mib} MB, so it was killed; on AWS no space would have been left on the device"
    )]
    Disk {
        /// How much it was, in MiB.
        used_mib: u64,
        /// How much it may be, in MiB.
        limit_mib: u64,
    },
}

/// Watches one sandbox.
#[derive(Debug)]
pub(crate) struct Watch {
    tree: ProcessTree,
    memory_limit_mib: u64,
    peak_kib: u64,
    directory: PathBuf,
    disk_limit_mib: u64,
    next_disk_look: Instant,
}

impl Watch {
    /// A watch of some processes and their descendants, and of the files in `directory`.
    pub(crate) fn new(function: &Function, tree: ProcessTree, directory: PathBuf) -> Self {
        Self {
            tree,
            memory_limit_mib: function.memory_mib,
            peak_kib: 0,
            directory,
            disk_limit_mib: function.disk_mib,
            next_disk_look: Instant::now(),
        }
    }

    /// Returns as soon as the sandbox uses too much.
    pub(crate) async fn excess(&mut self) -> Excess {
        loop {
            if let Some(excess) = self.look_at_memory() {
                return excess;
            }
            if Instant::now() >= self.next_disk_look
                && let Some(excess) = self.look_at_disk().await
            {
                return excess;
            }
            tokio::time::sleep(MEMORY_INTERVAL).await;
        }
    }

    /// The most memory that was seen since the sandbox started, in MiB, up to what the function has.
    pub(crate) fn peak_mib(&mut self) -> u64 {
        self.look_at_memory();
        self.peak_kib
            .div_ceil(KIB_PER_MIB)
            .min(self.memory_limit_mib)
    }

    /// Kills all processes.
    pub(crate) fn kill(&mut self) {
        self.tree.kill();
    }

    fn look_at_memory(&mut self) -> Option<Excess> {
        let limit_kib = self.memory_limit_mib * KIB_PER_MIB;
        let memory = self.tree.memory();
        let mut used_kib = memory.used_kib;
        if used_kib > limit_kib {
            used_kib = self.tree.exact_memory_kib();
        }
        self.peak_kib = self.peak_kib.max(used_kib).max(memory.peak_of_one_kib);
        (used_kib > limit_kib).then(|| Excess::Memory {
            used_mib: used_kib.div_ceil(KIB_PER_MIB),
            limit_mib: self.memory_limit_mib,
        })
    }

    async fn look_at_disk(&mut self) -> Option<Excess> {
        let started = Instant::now();
        let directory = self.directory.clone();
        let looked = tokio::task::spawn_blocking(move || disk_bytes(&directory)).await;
        // The look is only cut short when the whole process ends.
        let bytes = looked.unwrap_or(0);
        let pause = DISK_INTERVAL.max(started.elapsed() * DISK_PAUSE_FACTOR);
        self.next_disk_look = Instant::now() + pause;
        (bytes > self.disk_limit_mib * BYTES_PER_MIB).then(|| Excess::Disk {
            used_mib: bytes.div_ceil(BYTES_PER_MIB),
            limit_mib: self.disk_limit_mib,
        })
    }
}

/// Bytes that the files under a directory take on the disk. A file of several names counts once; links
/// are not followed; what cannot be read, or goes away meanwhile, does not count.
fn disk_bytes(directory: &Path) -> u64 {
    let mut bytes = 0;
    let mut seen = BTreeSet::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                waiting.push(entry.path());
            } else if metadata.nlink() == 1 || seen.insert((metadata.dev(), metadata.ino())) {
                bytes += metadata.blocks() * 512;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_count_by_what_they_take() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("deep")).unwrap();
        fs::write(path("deep/file"), vec![1; 1_000_000]).unwrap();
        fs::hard_link(path("deep/file"), path("second-name")).unwrap();
        std::os::unix::fs::symlink("/usr", path("link")).unwrap();
        let sparse = fs::File::create(path("sparse")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        let bytes = disk_bytes(directory.path());
        assert!((1_000_000..1_100_000).contains(&bytes), "{bytes}");
    }
}
