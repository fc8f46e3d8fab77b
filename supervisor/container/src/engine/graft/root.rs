//! The root of one run: directories of its own, files shared with the image until they are written.
//!
//! A hard link costs a directory entry where a copy costs the file's size, twice that of the image on a
//! disk that may be small. The loader gives a shared file its own data before its first change.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::build::{MountRecord, PlanBuilder};
use super::known::Known;
use super::loader;
use crate::engine::files::{canonical, make_directory, make_file, names, symlink};
use crate::engine::process::Execution;
use crate::engine::user::User;
use crate::engine::{HOSTS, Job};
use crate::error::Error;
use crate::rooted::remove_tree;

/// Directories that are those of the host.
const PASSED: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Where the processes of a run write down what they find in files.
const SITES: &str = "sites";

/// See the module; dropping it removes it.
pub(crate) struct Root {
    image: PathBuf,
    directory: PathBuf,
    path: PathBuf,
    loader: PathBuf,
    plan: PathBuf,
    builder: PlanBuilder,
}

/// A program to start.
pub(crate) struct Program {
    pub(crate) guest: CString,
    pub(crate) host: PathBuf,
}

impl Drop for Root {
    fn drop(&mut self) {
        // The scratch directory belongs to the caller, who removes it in any case.
        let _ = remove_tree(&self.directory);
    }
}

impl Root {
    pub(crate) fn new(
        image: &Path,
        job: &Job,
        start: &str,
        user: &User,
        known: &Known,
    ) -> Result<Self, Error> {
        let scratch = real(&job.scratch)?;
        let directory = scratch.join("container");
        remove_tree(&directory).map_err(|error| Error::file("remove", &directory, error))?;
        make_directory(&directory, 0o755)?;
        let mut root = Self {
            image: image.to_owned(),
            path: directory.join("root"),
            loader: directory.join("graft"),
            plan: directory.join("plan"),
            directory,
            builder: PlanBuilder::default(),
        };
        root.fill(image, &root.path.clone(), 0, known)?;
        root.add_mounts(job)?;
        root.add_directories(start)?;
        root.add_name_service()?;
        root.write_plan(user)?;
        Ok(root)
    }

    /// Remembers which files of the image the run has searched.
    pub(crate) fn note(&self, known: &Known) {
        let device = self.builder.device;
        known.note(&self.directory.join(SITES), |place, inode| {
            place == device && self.builder.has_file(inode)
        });
    }

    /// Path of this run's loader.
    pub(crate) fn loader(&self) -> &Path {
        &self.loader
    }

    /// Path of this run's plan.
    pub(crate) fn plan(&self) -> &Path {
        &self.plan
    }

    /// The first of the candidates that can be executed.
    pub(crate) fn find_program(&self, execution: &Execution) -> Result<Program, Error> {
        let mut errno = libc::ENOENT;
        for candidate in &execution.programs {
            let text = candidate.to_string_lossy();
            let path = Path::new(&execution.directory).join(&*text);
            let host = self.host(&path.to_string_lossy())?;
            match fs::metadata(&host) {
                Ok(status) if status.is_file() && status.permissions().mode() & 0o111 != 0 => {
                    check_format(&host).map_err(|source| start_error(execution, source))?;
                    let guest = candidate.clone();
                    return Ok(Program { guest, host });
                }
                Ok(_) => errno = libc::EACCES,
                Err(_) => {}
            }
        }
        Err(start_error(execution, io::Error::from_raw_os_error(errno)))
    }

    /// The host's path of a directory of the container.
    pub(crate) fn host_directory(&self, guest: &str) -> Result<String, Error> {
        let host = self.host(guest)?;
        host.into_os_string()
            .into_string()
            .map_err(|path| Error::Job(format!("{} is not UTF-8", path.display())))
    }

    fn host(&self, guest: &str) -> Result<PathBuf, Error> {
        let relative = canonical(&self.image, guest)?;
        let clean = [b"/", relative.as_os_str().as_bytes()].concat();
        Ok(match self.mount_of(&clean) {
            Some(mount) => {
                let rest = &clean[mount.guest.len()..];
                let rest = rest.strip_prefix(b"/").unwrap_or(rest);
                let host = Path::new(std::ffi::OsStr::from_bytes(&mount.host));
                match rest {
                    // Joining nothing would end the path of a file with a slash.
                    [] => host.to_owned(),
                    rest => host.join(std::ffi::OsStr::from_bytes(rest)),
                }
            }
            None => self.path.join(relative),
        })
    }

    fn mount_of(&self, clean: &[u8]) -> Option<&MountRecord> {
        let is_below = |mount: &&MountRecord| {
            let rest = clean.strip_prefix(mount.guest.as_slice());
            rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        };
        let mounts = self.builder.mounts.iter().filter(is_below);
        mounts.max_by_key(|mount| mount.guest.len())
    }

    /// Makes the directory or the link at `source` at `target`, which is `depth` directories below the root.
    fn fill(
        &mut self,
        source: &Path,
        target: &Path,
        depth: usize,
        known: &Known,
    ) -> Result<(), Error> {
        let failed = |error| Error::file("copy", source, error);
        let status = fs::symlink_metadata(source).map_err(failed)?;
        if status.is_symlink() {
            let link = fs::read_link(source).map_err(failed)?;
            symlink(&self.link_target(&link, target, depth), target)?;
            return set_link_time(target, &status).map_err(failed);
        }
        if status.is_dir() {
            let mode = status.permissions().mode();
            make_directory(target, mode & 0o1777 | 0o700)?;
            for entry in fs::read_dir(source).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let name = entry.file_name();
                let (source, target) = (source.join(&name), target.join(&name));
                if entry.file_type().map_err(failed)?.is_file() {
                    self.fill_file(&source, &target, known)?;
                } else {
                    self.fill(&source, &target, depth + 1, known)?;
                }
            }
            let directory = File::open(target).map_err(failed)?;
            let modified = status.modified().map_err(failed)?;
            return directory.set_modified(modified).map_err(failed);
        }
        Ok(())
    }

    fn fill_file(&mut self, source: &Path, target: &Path, known: &Known) -> Result<(), Error> {
        let failed = |error| Error::file("copy", source, error);
        share(source, target).map_err(failed)?;
        let status = fs::symlink_metadata(target).map_err(failed)?;
        self.builder.add_file(status.ino());
        self.builder.known.extend(known.sites(target, &status));
        Ok(())
    }

    /// Where a link leads: below the root of this run, which the kernel does not know as a root.
    fn link_target(&self, link: &Path, target: &Path, depth: usize) -> PathBuf {
        let mut parts = Vec::new();
        let mut climbs = link.has_root();
        if !link.has_root() {
            let inside = target.strip_prefix(&self.path).unwrap_or(target);
            parts.extend(
                inside
                    .iter()
                    .take(depth.saturating_sub(1))
                    .map(ToOwned::to_owned),
            );
        }
        for name in names(link).into_iter().rev() {
            if name == ".." {
                climbs |= parts.pop().is_none();
            } else {
                parts.push(name);
            }
        }
        if !climbs {
            return link.to_owned();
        }
        let clean = Path::new("/").join(parts.iter().collect::<PathBuf>());
        if PASSED.iter().any(|passed| clean.starts_with(passed)) {
            return clean;
        }
        let relative = clean.strip_prefix("/").unwrap_or(&clean);
        self.path.join(relative)
    }

    fn add_mounts(&mut self, job: &Job) -> Result<(), Error> {
        for passed in PASSED.iter().filter(|path| Path::new(path).is_dir()) {
            self.add_mount(Path::new(passed), passed, false)?;
        }
        let shared_memory = self.directory.join("shm");
        make_directory(&shared_memory, 0o1777)?;
        self.add_mount(&shared_memory, "/dev/shm", false)?;
        for mount in &job.mounts {
            let source = real(&mount.source)?;
            self.add_mount(&source, &mount.target, mount.read_only)?;
        }
        Ok(())
    }

    /// Remembers a mount and makes a link in its place, so that names relative to a directory lead there.
    fn add_mount(&mut self, source: &Path, target: &str, read_only: bool) -> Result<(), Error> {
        let relative = canonical(&self.image, target)?;
        if relative.as_os_str().is_empty() {
            return Err(Error::Job(format!("{target:?} cannot be a mount point")));
        }
        let guest = [b"/", relative.as_os_str().as_bytes()].concat();
        let mut inode = 0;
        if self.mount_of(&guest).is_none() {
            let place = self.path.join(&relative);
            let failed = |error| Error::file("make the mount point", &place, error);
            fs::create_dir_all(place.parent().unwrap_or(&self.path)).map_err(failed)?;
            remove_tree(&place).map_err(failed)?;
            symlink(source, &place)?;
            inode = fs::symlink_metadata(&place).map_err(failed)?.ino();
        }
        self.builder.mounts.push(MountRecord {
            guest,
            host: source.as_os_str().as_bytes().to_vec(),
            inode,
            read_only,
            is_directory: source.is_dir(),
        });
        Ok(())
    }

    fn add_directories(&self, start: &str) -> Result<(), Error> {
        let temporary = self.host("/tmp")?;
        make_directory(&temporary, 0o1777)?;
        let start = self.host(start)?;
        fs::create_dir_all(&start).map_err(|error| Error::file("make the directory", &start, error))
    }

    /// The container uses the network of the host, so it needs to know what the host knows of it.
    fn add_name_service(&self) -> Result<(), Error> {
        let resolvers = fs::read("/etc/resolv.conf").unwrap_or_default();
        let folder = self.host("/etc")?;
        make_directory(&folder, 0o755)?;
        for (name, content) in [
            ("resolv.conf", resolvers.as_slice()),
            ("hosts", HOSTS.as_bytes()),
        ] {
            let path = folder.join(name);
            remove_tree(&path).map_err(|error| Error::file("remove", &path, error))?;
            make_file(&path, content)?;
        }
        Ok(())
    }

    fn write_plan(&mut self, user: &User) -> Result<(), Error> {
        let status = fs::metadata(&self.path);
        let status = status.map_err(|error| Error::file("read", &self.path, error))?;
        self.builder.user = user.uid;
        self.builder.group = user.gid;
        self.builder.device = status.dev();
        self.builder.root = self.path.as_os_str().as_bytes().to_vec();
        self.builder.loader = self.loader.as_os_str().as_bytes().to_vec();
        let sites = self.directory.join(SITES);
        make_directory(&sites, 0o700)?;
        self.builder.sites = sites.as_os_str().as_bytes().to_vec();
        make_file(&self.plan, &self.builder.build())?;
        let loader = loader().map_err(|error| Error::file("unpack", &self.loader, error))?;
        make_file(&self.loader, &loader)?;
        fs::set_permissions(&self.loader, fs::Permissions::from_mode(0o755))
            .map_err(|error| Error::file("change the mode of", &self.loader, error))
    }
}

/// A hard link, or a copy with the same time where the file system or the owner does not allow one.
fn share(source: &Path, target: &Path) -> io::Result<()> {
    if fs::hard_link(source, target).is_ok() {
        return Ok(());
    }
    fs::copy(source, target)?;
    let modified = fs::metadata(source)?.modified()?;
    // A file that nobody may write keeps the time of its copy.
    let _ = File::options()
        .append(true)
        .open(target)
        .and_then(|file| file.set_modified(modified));
    Ok(())
}

/// Gives a link the time of the image's.
fn set_link_time(link: &Path, status: &fs::Metadata) -> io::Result<()> {
    let time = rustix::fs::Timespec {
        tv_sec: status.mtime(),
        tv_nsec: status.mtime_nsec(),
    };
    let times = rustix::fs::Timestamps {
        last_access: time,
        last_modification: time,
    };
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::utimensat(rustix::fs::CWD, link, &times, flags)?)
}

/// Refuses what the kernel would refuse to execute.
fn check_format(host: &Path) -> io::Result<()> {
    let mut head = [0; 20];
    let length = File::open(host)?.read(&mut head)?;
    let is_script = head[..length].starts_with(b"#!");
    if is_script || super::elf::is_program(&head[..length]) {
        return Ok(());
    }
    Err(io::Error::from_raw_os_error(libc::ENOEXEC))
}

fn start_error(execution: &Execution, source: io::Error) -> Error {
    let program = execution.arguments.first();
    Error::Start {
        program: program
            .map(|text| text.to_string_lossy().into_owned())
            .unwrap_or_default(),
        source,
    }
}

/// The kernel names files by their real paths, so only those can be recognised.
fn real(path: &Path) -> Result<PathBuf, Error> {
    fs::canonicalize(path).map_err(|error| Error::file("find", path, error))
}
