//! Which files of this machine a packed image needs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use crate::error::Error;
use crate::pack::elf;

const MAX_LINKS: usize = 40;
const MAX_CONFIGURATION_DEPTH: usize = 8;
const PROGRAM_FOLDERS: [&str; 6] = [
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
];
/// Where the dynamic linker looks last, on Debian's and on other systems.
const LIBRARY_FOLDERS: [&str; 4] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"];

/// What an image holds at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Directory,
    /// A file of this machine, and whether it can be executed.
    File {
        source: PathBuf,
        is_executable: bool,
    },
    Symlink(PathBuf),
    /// A file made here.
    Content(Vec<u8>),
    /// A program made here.
    Program(Vec<u8>),
}

/// The tree of an image: paths without a leading slash.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) nodes: BTreeMap<PathBuf, Node>,
    library_folders: Vec<PathBuf>,
}

impl Tree {
    /// An empty tree; looks up where this machine keeps libraries.
    pub(crate) fn new() -> Self {
        let mut library_folders = Vec::new();
        read_linker_configuration(Path::new("/etc/ld.so.conf"), 0, &mut library_folders);
        library_folders.extend(LIBRARY_FOLDERS.map(PathBuf::from));
        Self {
            nodes: BTreeMap::new(),
            library_folders,
        }
    }

    /// Adds a program with everything that it needs to start, at the path where it is here. Gives
    /// that path.
    pub(crate) fn program(&mut self, program: &Path) -> Result<PathBuf, Error> {
        let path = find_program(program)?;
        self.needed(&path)?;
        Ok(path)
    }

    /// Adds a file or folder with everything below it. Programs in it bring what they need.
    pub(crate) fn copy(&mut self, source: &Path, target: &Path) -> Result<(), Error> {
        let failed = |error| Error::file("read", source, error);
        let status = fs::symlink_metadata(source).map_err(failed)?;
        if status.is_symlink() {
            let link = fs::read_link(source).map_err(failed)?;
            self.insert(target, Node::Symlink(link));
        } else if status.is_dir() {
            self.insert(target, Node::Directory);
            let entries: io::Result<Vec<_>> = fs::read_dir(source).map_err(failed)?.collect();
            for entry in entries.map_err(failed)? {
                self.copy(&entry.path(), &target.join(entry.file_name()))?;
            }
        } else if status.is_file() {
            self.file(source, target)?;
        } else {
            return Err(refused(
                source,
                "it is neither a file nor a directory nor a link",
            ));
        }
        Ok(())
    }

    /// Adds a path of this machine that a program needs, with the links that lead to it.
    fn needed(&mut self, path: &Path) -> Result<(), Error> {
        let real = self.links(path)?;
        if self.nodes.contains_key(relative(&real)) {
            return Ok(());
        }
        self.file(&real.clone(), &real)
    }

    /// Adds every link on the way to a path and gives the path behind them.
    fn links(&mut self, path: &Path) -> Result<PathBuf, Error> {
        let mut done = PathBuf::from("/");
        let mut todo: Vec<_> = names(path);
        let mut links = 0;
        while let Some(name) = todo.pop() {
            if name == ".." {
                done.pop();
                continue;
            }
            let at = done.join(&name);
            match fs::read_link(&at) {
                Ok(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(refused(path, "its links lead in circles"));
                    }
                    self.insert(&at, Node::Symlink(target.clone()));
                    if target.has_root() {
                        done = PathBuf::from("/");
                    }
                    todo.extend(names(&target));
                }
                Err(_) => done = at,
            }
        }
        Ok(done)
    }

    fn file(&mut self, source: &Path, target: &Path) -> Result<(), Error> {
        let failed = |error| Error::file("read", source, error);
        let status = fs::metadata(source).map_err(failed)?;
        if !status.is_file() {
            return Err(refused(source, "it is not a file"));
        }
        let is_executable = status.permissions().mode() & 0o111 != 0;
        self.insert(
            target,
            Node::File {
                source: source.to_owned(),
                is_executable,
            },
        );
        let bytes = fs::read(source).map_err(failed)?;
        if elf::is_elf(&bytes) {
            return self.needs_of(source, &bytes);
        }
        match interpreter(&bytes) {
            Some(interpreter) if is_executable => self.needed(&interpreter),
            _ => Ok(()),
        }
    }

    fn needs_of(&mut self, source: &Path, bytes: &[u8]) -> Result<(), Error> {
        let Some(needs) = elf::read(bytes) else {
            return Err(refused(
                source,
                "its ELF headers are not valid for this machine",
            ));
        };
        if let Some(interpreter) = &needs.interpreter {
            self.needed(Path::new(interpreter))?;
        }
        for library in &needs.libraries {
            let path = self
                .find_library(library, source, &needs)
                .ok_or_else(|| Error::Pack {
                    name: source.display().to_string(),
                    reason: format!("the library {library} that it needs is not on this machine"),
                })?;
            self.needed(&path)?;
        }
        Ok(())
    }

    fn find_library(&self, name: &str, user: &Path, needs: &elf::Needs) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(PathBuf::from(name));
        }
        let origin = user.parent()?.to_str()?;
        let own = needs.search.iter().map(|folder| {
            PathBuf::from(
                folder
                    .replace("$ORIGIN", origin)
                    .replace("${ORIGIN}", origin),
            )
        });
        let fits = |path: &PathBuf| {
            let read = fs::read(path).ok().and_then(|bytes| elf::read(&bytes));
            read.is_some_and(|found| found.machine == needs.machine)
        };
        own.chain(self.library_folders.iter().cloned())
            .map(|folder| folder.join(name))
            .find(fits)
    }

    /// Adds a node and the directories above it.
    pub(crate) fn insert(&mut self, path: &Path, node: Node) {
        let path = relative(path);
        for above in path
            .ancestors()
            .skip(1)
            .filter(|above| !above.as_os_str().is_empty())
        {
            self.nodes
                .entry(above.to_owned())
                .or_insert(Node::Directory);
        }
        self.nodes.insert(path.to_owned(), node);
    }
}

fn find_program(program: &Path) -> Result<PathBuf, Error> {
    if program.components().count() > 1 || program.has_root() {
        let absolute = std::path::absolute(program);
        return absolute.map_err(|error| Error::file("find", program, error));
    }
    let mut found = PROGRAM_FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(program));
    found
        .find(|path| path.is_file())
        .ok_or_else(|| refused(program, "there is no such program in the usual directories"))
}

/// The program of a `#!` line.
fn interpreter(bytes: &[u8]) -> Option<PathBuf> {
    let line = bytes
        .strip_prefix(b"#!")?
        .split(|&byte| byte == b'\n')
        .next()?;
    let line = std::str::from_utf8(line).ok()?.trim();
    let mut words = line.split_ascii_whitespace();
    let first = words.next()?;
    if Path::new(first).file_name()? == "env" {
        // The program that env starts is needed too, but only the system's own search finds it.
        return find_program(Path::new(words.next()?)).ok();
    }
    first.starts_with('/').then(|| PathBuf::from(first))
}

/// Reads folders from the dynamic linker's configuration; what is not readable is left out.
fn read_linker_configuration(path: &Path, depth: usize, folders: &mut Vec<PathBuf>) {
    let Ok(text) = fs::read_to_string(path) else {
        return;
    };
    for line in text
        .lines()
        .map(|line| line.split('#').next().unwrap_or("").trim())
    {
        match line.strip_prefix("include ") {
            Some(pattern) if depth < MAX_CONFIGURATION_DEPTH => {
                for file in included(pattern.trim()) {
                    read_linker_configuration(&file, depth + 1, folders);
                }
            }
            None if line.starts_with('/') => folders.push(PathBuf::from(line)),
            _ => {}
        }
    }
}

/// The files of `FOLDER/*SUFFIX`, sorted: the only form of pattern that is in use.
fn included(pattern: &str) -> Vec<PathBuf> {
    let Some((folder, suffix)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path());
    let mut files: Vec<_> = files
        .filter(|path| path.to_str().is_some_and(|text| text.ends_with(suffix)))
        .collect();
    files.sort();
    files
}

fn names(path: &Path) -> Vec<std::ffi::OsString> {
    let kept = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    let mut names: Vec<_> = path.components().filter_map(kept).collect();
    names.reverse();
    names
}

pub(crate) fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

fn refused(name: &Path, reason: &str) -> Error {
    Error::Pack {
        name: name.display().to_string(),
        reason: reason.to_owned(),
    }
}
