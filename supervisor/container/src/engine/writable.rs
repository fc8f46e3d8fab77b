//! A root for one run on top of an image that must not change.
//!
//! Normally an overlay: the image below, a layer of the run above. Mount points, `/dev` and the name
//! service files are made in the layer before the run, at paths that hold no links any more. Where
//! the kernel has no overlays in user namespaces, the image is bound read-only into a skeleton of
//! its top-level directories instead, with memory on `/tmp`, `/var/tmp` and `/run`.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use libc::c_ulong;

use crate::engine::files::{canonical, locked_flags, make_directory, make_file, symlink};
use crate::engine::process::c_string;
use crate::engine::{HOSTS, Job, Mount};
use crate::error::Error;
use crate::rooted::remove_tree;
use crate::sys::MountStep;

const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const DEVICE_LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];
/// Parts of `/proc` through which a process that is root outside could change the machine.
const PROTECTED: [&str; 5] = ["sys", "sysrq-trigger", "irq", "bus", "fs"];
const IN_MEMORY: [&str; 3] = ["tmp", "var/tmp", "run"];

/// How the image becomes writable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Overlay,
    Bound,
}

/// A root for one run; dropping it removes what the run left in its layer.
pub(crate) struct Writable {
    image: PathBuf,
    directory: PathBuf,
    /// Where directories and files for this run are made: upper layer or skeleton.
    layer: PathBuf,
    kind: Kind,
    mounts: Vec<MountStep>,
}

impl Drop for Writable {
    fn drop(&mut self) {
        // The scratch directory belongs to the caller, who removes it in any case.
        let _ = remove_tree(&self.directory);
    }
}

impl Writable {
    /// Prepares everything but the mounts themselves.
    pub(crate) fn new(image: &Path, job: &Job, start: &str, kind: Kind) -> Result<Self, Error> {
        let directory = job.scratch.join("container");
        let layer = directory.join(if kind == Kind::Overlay {
            "upper"
        } else {
            "root"
        });
        remove_tree(&directory).map_err(|error| Error::file("remove", &directory, error))?;
        for path in [
            &directory,
            &layer,
            &directory.join("work"),
            &directory.join("root"),
        ] {
            make_directory(path, 0o755)?;
        }
        let mounts = Vec::new();
        let mut root = Self {
            image: image.to_owned(),
            directory,
            layer,
            kind,
            mounts,
        };
        root.mount_image()?;
        root.place("/tmp", true, 0o1777)?;
        root.place(start, true, 0o755)?;
        root.add_proc()?;
        root.add_devices()?;
        root.add_name_service()?;
        for mount in &job.mounts {
            root.add_mount(mount)?;
        }
        if job.read_only {
            let flags = libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY;
            root.mounts.push(root.step("none", &root.path(), flags)?);
        }
        Ok(root)
    }

    /// The directory that becomes `/`.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join("root")
    }

    /// Hands out the mounts, in order.
    pub(crate) fn take_mounts(&mut self) -> Vec<MountStep> {
        std::mem::take(&mut self.mounts)
    }

    fn mount_image(&mut self) -> Result<(), Error> {
        match self.kind {
            Kind::Overlay => self.mount_overlay(),
            Kind::Bound => self.bind_image(),
        }
    }

    fn mount_overlay(&mut self) -> Result<(), Error> {
        let escaped = |path: &Path| {
            let text = path.as_os_str().as_encoded_bytes();
            let escape = |&byte: &u8| match byte {
                b'\\' | b':' | b',' => vec![b'\\', byte],
                other => vec![other],
            };
            text.iter().flat_map(escape).collect::<Vec<u8>>()
        };
        let options = [
            b"userxattr,lowerdir=".to_vec(),
            escaped(&self.image),
            b",upperdir=".to_vec(),
            escaped(&self.layer),
            b",workdir=".to_vec(),
            escaped(&self.directory.join("work")),
        ]
        .concat();
        let step = |options: Vec<u8>| -> Result<MountStep, Error> {
            let mut step = self.step("overlay", &self.path(), 0)?;
            step.kind = Some(c"overlay".into());
            step.options = Some(c_string(options)?);
            Ok(step)
        };
        // Nothing of the layer outlives the run, so nothing needs to be written to the disk at its end.
        let mut fast = step([options.as_slice(), b",volatile"].concat())?;
        fast.otherwise = Some(Box::new(step(options)?));
        self.mounts.push(fast);
        Ok(())
    }

    fn bind_image(&mut self) -> Result<(), Error> {
        // A root must be a mount point.
        self.bind(&self.path(), &self.path(), false)?;
        let image = self.image.clone();
        let failed = |error| Error::file("read", &image, error);
        let entries: io::Result<Vec<_>> = fs::read_dir(&image).map_err(failed)?.collect();
        for entry in entries.map_err(failed)? {
            let target = self.layer.join(entry.file_name());
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_symlink() {
                let link = fs::read_link(entry.path()).map_err(failed)?;
                symlink(&link, &target)?;
                continue;
            }
            if kind.is_dir() {
                make_directory(&target, 0o755)?;
            } else {
                make_file(&target, b"")?;
            }
            if !["tmp", "run", "proc", "dev"]
                .map(OsString::from)
                .contains(&entry.file_name())
            {
                self.bind(&entry.path(), &target, true)?;
            }
        }
        for path in IN_MEMORY.iter().filter(|path| image.join(path).is_dir()) {
            self.mount_memory(&self.path().join(path))?;
        }
        Ok(())
    }

    fn add_proc(&mut self) -> Result<(), Error> {
        let target = self.place("/proc", true, 0o555)?;
        let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
        let mut step = self.step("proc", &target, flags)?;
        step.kind = Some(c"proc".into());
        // Inside a container whose /proc is partly hidden, the kernel allows no new one.
        let bind = libc::MS_BIND | libc::MS_REC;
        step.otherwise = Some(Box::new(self.step("/proc", &target, bind)?));
        self.mounts.push(step);
        for name in PROTECTED
            .iter()
            .filter(|name| Path::new("/proc").join(name).exists())
        {
            let path = target.join(name);
            self.mounts
                .push(self.step(&path, &path, libc::MS_BIND | libc::MS_REC)?);
            let read_only = libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY | flags;
            self.mounts.push(self.step("none", &path, read_only)?);
        }
        if Path::new("/proc/kcore").exists() {
            self.bind(Path::new("/dev/null"), &target.join("kcore"), false)?;
        }
        Ok(())
    }

    fn add_devices(&mut self) -> Result<(), Error> {
        self.place("/dev", true, 0o755)?;
        for name in DEVICES {
            let source = Path::new("/dev").join(name);
            if source.exists() {
                let target = self.place(&format!("/dev/{name}"), false, 0o666)?;
                self.bind(&source, &target, false)?;
            }
        }
        for (name, target) in DEVICE_LINKS {
            let link = self.layer.join("dev").join(name);
            if link.symlink_metadata().is_err() {
                symlink(Path::new(target), &link)?;
            }
        }
        let shared = self.place("/dev/shm", true, 0o1777)?;
        self.mount_memory(&shared)
    }

    /// The container uses the network of the host, so it needs to know what the host knows of it.
    fn add_name_service(&mut self) -> Result<(), Error> {
        let resolvers = fs::read("/etc/resolv.conf").unwrap_or_default();
        for (name, content) in [
            ("resolv.conf", resolvers.as_slice()),
            ("hosts", HOSTS.as_bytes()),
        ] {
            let etc = canonical(&self.image, "/etc")?;
            if self.kind == Kind::Overlay {
                self.make_directories(&etc, 0o755)?;
                make_file(&self.layer.join(etc).join(name), content)?;
            } else if self.image.join(&etc).join(name).is_file() {
                let source = self.directory.join("work").join(name);
                make_file(&source, content)?;
                self.bind(&source, &self.path().join(etc).join(name), true)?;
            }
        }
        Ok(())
    }

    fn add_mount(&mut self, mount: &Mount) -> Result<(), Error> {
        let status = fs::metadata(&mount.source);
        let status = status.map_err(|error| Error::file("mount", &mount.source, error))?;
        let mode = if status.is_dir() { 0o755 } else { 0o644 };
        let target = self.place(&mount.target, status.is_dir(), mode)?;
        self.bind(&mount.source, &target, mount.read_only)
    }

    /// Makes sure that something is at a path of the container, and gives its place on the host.
    fn place(&mut self, path: &str, is_directory: bool, mode: u32) -> Result<PathBuf, Error> {
        let path = canonical(&self.image, path)?;
        let in_image = self.image.join(&path);
        if self.kind == Kind::Bound && in_image.exists() {
            return Ok(self.path().join(path));
        }
        if is_directory {
            self.make_directories(&path, mode)?;
        } else {
            self.make_directories(path.parent().unwrap_or_else(|| Path::new("")), 0o755)?;
            let file = self.layer.join(&path);
            if file.symlink_metadata().is_err() {
                make_file(&file, b"")?;
                let mode = Permissions::from_mode(mode);
                fs::set_permissions(&file, mode).map_err(|e| Error::file("change", &file, e))?;
            }
        }
        Ok(self.path().join(path))
    }

    /// Makes directories in the layer, each with the mode that it has in the image.
    fn make_directories(&self, path: &Path, mode: u32) -> Result<(), Error> {
        let mut at = PathBuf::new();
        for component in path.components() {
            at.push(component);
            let mode = match fs::symlink_metadata(self.image.join(&at)) {
                Ok(status) if status.is_dir() => status.permissions().mode() & 0o7777,
                Ok(_) => {
                    let reason = format!("/{} is not a directory in the image", at.display());
                    return Err(Error::Job(reason));
                }
                Err(_) => {
                    if at == path {
                        mode
                    } else {
                        0o755
                    }
                }
            };
            let made = self.layer.join(&at);
            if !made.is_dir() {
                make_directory(&made, mode | 0o700)?;
            }
        }
        Ok(())
    }

    fn bind(&mut self, source: &Path, target: &Path, read_only: bool) -> Result<(), Error> {
        let bind = libc::MS_BIND | libc::MS_REC;
        self.mounts.push(self.step(source, target, bind)?);
        if read_only {
            let flags = libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY | locked_flags(source);
            self.mounts.push(self.step("none", target, flags)?);
        }
        Ok(())
    }

    fn mount_memory(&mut self, target: &Path) -> Result<(), Error> {
        let mut step = self.step("tmpfs", target, libc::MS_NOSUID | libc::MS_NODEV)?;
        step.kind = Some(c"tmpfs".into());
        step.options = Some(c"mode=1777".into());
        self.mounts.push(step);
        Ok(())
    }

    fn step(
        &self,
        source: impl AsRef<Path>,
        target: &Path,
        flags: c_ulong,
    ) -> Result<MountStep, Error> {
        Ok(MountStep {
            source: c_string(source.as_ref().as_os_str().as_encoded_bytes())?,
            target: c_string(target.as_os_str().as_encoded_bytes())?,
            kind: None,
            flags,
            options: None,
            otherwise: None,
        })
    }
}
