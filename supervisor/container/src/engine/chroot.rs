//! The engine `chroot`: for root where namespaces are denied, as inside a Batch container.
//!
//! Nothing can be mounted there, so the image and the job's inputs are copied, and what the job wrote
//! to its writable directories is moved out afterwards. It separates files, not processes: a process
//! of root can leave a chroot, and the container around is the boundary.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::cache::Rootfs;
use crate::engine::namespaces::reported;
use crate::engine::native::launch;
use crate::engine::process::{Execution, c_string};
use crate::engine::{Engine, Job, Mount, Outcome, Output, user};
use crate::error::Error;
use crate::rooted::{self, Root, remove_tree};
use crate::sys::{self, Isolation};

/// Files of the host that the container gets a copy of.
const NAME_SERVICE: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// See the module.
pub(crate) struct Chroot;

impl Engine for Chroot {
    fn name(&self) -> &'static str {
        "chroot"
    }

    fn run(&self, rootfs: &Rootfs, job: &Job, output: &mut Output<'_>) -> Result<Outcome, Error> {
        let begin = Instant::now();
        let root = Root::open(&rootfs.path).map_err(|e| Error::file("open", &rootfs.path, e))?;
        let user = user::find(&root, job.user.as_deref().unwrap_or(&rootfs.config.user))?;
        let execution = Execution::new(&rootfs.config, job, &user)?;
        let copy = Copy::new(rootfs, job, &execution.directory, (user.uid, user.gid))?;
        let program = execution
            .arguments
            .first()
            .map(|text| text.to_string_lossy().into_owned());
        let root = c_string(copy.root.as_os_str().as_encoded_bytes())?;
        let isolation = Isolation::Chroot {
            uid: user.uid,
            gid: user.gid,
        };
        let watched = launch(execution, job, output, root, isolation)?;
        let step = |_| "change the root".to_owned();
        let (exit, peak_kib) = reported(&watched, program.unwrap_or_default(), step)?;
        copy.hand_out(job)?;
        Ok(Outcome {
            exit,
            duration: begin.elapsed(),
            peak_memory_bytes: peak_kib.unsigned_abs() * 1024,
            output_truncated: watched.truncated,
        })
    }
}

/// Whether this process may change its root; if not, why.
pub(crate) fn probe() -> Result<(), String> {
    const SYS_CHROOT: u64 = 1 << 18;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut fields = status
        .lines()
        .filter_map(|line| line.strip_prefix("CapEff:"));
    let effective = fields
        .next()
        .and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    match (sys::own_ids().0, effective) {
        (0, Some(set)) if set & SYS_CHROOT != 0 => Ok(()),
        _ => Err("chroot needs root with the capability SYS_CHROOT".into()),
    }
}

/// A copy of the image for one run; dropping it removes it.
struct Copy {
    root: PathBuf,
    directory: PathBuf,
    owner: (u32, u32),
}

impl Drop for Copy {
    fn drop(&mut self) {
        // The scratch directory belongs to the caller, who removes it in any case.
        let _ = remove_tree(&self.directory);
    }
}

impl Copy {
    fn new(rootfs: &Rootfs, job: &Job, start: &str, owner: (u32, u32)) -> Result<Self, Error> {
        let directory = job.scratch.join("container");
        remove_tree(&directory).map_err(|error| Error::file("remove", &directory, error))?;
        let made = fs::DirBuilder::new().mode(0o755).create(&directory);
        made.map_err(|error| Error::file("make the directory", &directory, error))?;
        let copy = Self {
            root: directory.join("root"),
            directory,
            owner,
        };
        copy.tree(&rootfs.path, &copy.root)?;
        copy.place(start)?;
        let temporary = copy.place("/tmp")?;
        set_mode(&temporary, 0o1777)?;
        copy.add_devices()?;
        for name in NAME_SERVICE.iter().filter(|name| Path::new(name).exists()) {
            copy.mount(Path::new(name), name)?;
        }
        for mount in &job.mounts {
            copy.mount(&mount.source, &mount.target)?;
        }
        Ok(copy)
    }

    /// Moves what the job wrote to its writable directories to where they are on the host.
    fn hand_out(&self, job: &Job) -> Result<(), Error> {
        for Mount { source, target, .. } in job.mounts.iter().filter(|mount| !mount.read_only) {
            let inside = self.resolve(target)?;
            let failed = |error| Error::file("move the output", &inside, error);
            if !source.is_dir() {
                fs::copy(&inside, source).map_err(failed)?;
                continue;
            }
            let entries: io::Result<Vec<_>> = fs::read_dir(&inside).map_err(failed)?.collect();
            for entry in entries.map_err(failed)? {
                let outside = source.join(entry.file_name());
                remove_tree(&outside).map_err(failed)?;
                if fs::rename(entry.path(), &outside).is_err() {
                    self.tree(&entry.path(), &outside)?;
                }
            }
        }
        Ok(())
    }

    fn mount(&self, source: &Path, target: &str) -> Result<(), Error> {
        let (parent, name) = Path::new(target)
            .parent()
            .zip(Path::new(target).file_name())
            .ok_or_else(|| Error::Job(format!("{target:?} cannot be a mount point")))?;
        let place = self.place(&parent.to_string_lossy())?.join(name);
        remove_tree(&place).map_err(|error| Error::file("remove", &place, error))?;
        self.tree(source, &place)
    }

    /// Makes a directory inside the root and gives its real path.
    fn place(&self, path: &str) -> Result<PathBuf, Error> {
        let failed = |error| Error::file("make the directory", Path::new(path), error);
        let root = Root::open(&self.root).map_err(failed)?;
        root.make_directory(Path::new(path)).map_err(failed)?;
        self.resolve(path)
    }

    /// The real path of a directory or file inside the root, which no link leads out of.
    fn resolve(&self, path: &str) -> Result<PathBuf, Error> {
        use std::os::fd::AsRawFd;
        let failed = |error| Error::file("find in the image", Path::new(path), error);
        let root = Root::open(&self.root).map_err(failed)?;
        let file = root
            .directory(Path::new(path))
            .or_else(|_| root.file(Path::new(path)));
        let file = file.map_err(failed)?;
        fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(failed)
    }

    fn add_devices(&self) -> Result<(), Error> {
        use rustix::fs::{FileType, Mode};
        let folder = self.place("/dev")?;
        let devices = [
            ("null", 3),
            ("zero", 5),
            ("full", 7),
            ("random", 8),
            ("urandom", 9),
        ];
        for (name, minor) in devices {
            let path = folder.join(name);
            remove_tree(&path).map_err(|error| Error::file("remove", &path, error))?;
            let device = rustix::fs::makedev(1, minor);
            let mode = Mode::from_raw_mode(0o666);
            // Without the right to make devices, at least writing to /dev/null has to work.
            let made = rustix::fs::mknodat(
                rustix::fs::CWD,
                &path,
                FileType::CharacterDevice,
                mode,
                device,
            );
            if made.is_err() {
                fs::write(&path, b"").map_err(|error| Error::file("write", &path, error))?;
            }
            set_mode(&path, 0o666)?;
        }
        Ok(())
    }

    /// Copies a file, link or directory with everything below, and gives it to the job's user.
    fn tree(&self, source: &Path, target: &Path) -> Result<(), Error> {
        let failed = |error| Error::file("copy", source, error);
        let status = fs::symlink_metadata(source).map_err(failed)?;
        if status.is_symlink() {
            let link = fs::read_link(source).map_err(failed)?;
            std::os::unix::fs::symlink(link, target).map_err(failed)?;
        } else if status.is_dir() {
            fs::create_dir(target).map_err(failed)?;
            let directory = fs::File::open(source).map_err(failed)?;
            for name in rooted::names(std::os::fd::AsFd::as_fd(&directory)).map_err(failed)? {
                self.tree(&source.join(&name), &target.join(&name))?;
            }
            set_mode(target, status.permissions().mode() & 0o1777)?;
        } else if status.is_file() {
            // Copies the mode too, and shares the blocks where the file system can.
            fs::copy(source, target).map_err(failed)?;
        }
        let (uid, gid) = self.owner;
        std::os::unix::fs::lchown(target, Some(uid), Some(gid)).map_err(failed)
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    let set = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    set.map_err(|error| Error::file("change the mode of", path, error))
}
