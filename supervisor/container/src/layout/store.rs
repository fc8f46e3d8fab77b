//! Files by name: in a folder, or in a tar archive that is read where it is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::error::Error;
use crate::oci::MAX_DOCUMENT_BYTES;
use crate::rooted::{self, Root};
use crate::tar;

/// Entries of an archive; images have a few hundred.
const MAX_ENTRIES: usize = 10_000;

/// Where the bytes of a blob are.
#[derive(Debug, Clone)]
pub(crate) enum Blob {
    Memory(Bytes),
    File {
        path: PathBuf,
        start: u64,
        length: u64,
    },
}

/// A folder or an archive.
pub(crate) enum Store {
    Folder {
        path: PathBuf,
        root: Root,
    },
    Archive {
        path: PathBuf,
        entries: BTreeMap<PathBuf, Place>,
    },
}

/// An entry of an archive.
pub(crate) enum Place {
    Data {
        start: u64,
        length: u64,
    },
    /// Old versions of `docker save` link equal layers.
    Link(PathBuf),
}

impl Blob {
    pub(crate) fn memory(bytes: &[u8]) -> Self {
        Self::Memory(Bytes::copy_from_slice(bytes))
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    pub(crate) fn open(&self) -> Result<Box<dyn Read + Send>, Error> {
        match self {
            Self::Memory(bytes) => Ok(Box::new(Cursor::new(bytes.clone()))),
            Self::File {
                path,
                start,
                length,
            } => {
                let failed = |error| Error::file("open", path, error);
                let mut file = File::open(path).map_err(failed)?;
                file.seek(SeekFrom::Start(*start)).map_err(failed)?;
                Ok(Box::new(file.take(*length)))
            }
        }
    }
}

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |error| Error::file("open", path, error);
        let status = std::fs::metadata(path).map_err(failed)?;
        if status.is_dir() {
            let root = Root::open(path).map_err(failed)?;
            return Ok(Self::Folder {
                path: path.to_owned(),
                root,
            });
        }
        let entries = entries(path).map_err(failed)?;
        Ok(Self::Archive {
            path: path.to_owned(),
            entries,
        })
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        match self {
            Self::Folder { root, .. } => root.file(Path::new(name)).is_ok(),
            Self::Archive { entries, .. } => entries.contains_key(Path::new(name)),
        }
    }

    /// A whole document.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        let blob = self.blob(name)?;
        if blob.len() > MAX_DOCUMENT_BYTES {
            return Err(Error::Limit {
                what: "bytes of one document",
                limit: MAX_DOCUMENT_BYTES,
            });
        }
        let mut bytes = Vec::new();
        let read = blob.open()?.read_to_end(&mut bytes);
        read.map_err(|error| Error::file("read", Path::new(name), error))?;
        Ok(bytes)
    }

    pub(crate) fn blob(&self, name: &str) -> Result<Blob, Error> {
        let missing = || Error::NotFound {
            what: format!("{name:?} of the image"),
        };
        match self {
            Self::Folder { path, root } => {
                let file = File::from(root.file(Path::new(name)).map_err(|_| missing())?);
                let status = file.metadata().map_err(|e| Error::file("read", path, e))?;
                if !status.is_file() {
                    return Err(missing());
                }
                // Opened again by name later: a changed file is found out by its digest.
                let clean = rooted::clean(Path::new(name)).ok_or_else(missing)?;
                Ok(Blob::File {
                    path: path.join(clean),
                    start: 0,
                    length: status.len(),
                })
            }
            Self::Archive { path, entries } => {
                let mut name = rooted::clean(Path::new(name)).ok_or_else(missing)?;
                for _ in 0..8 {
                    match entries.get(&name) {
                        Some(Place::Data { start, length }) => {
                            let (path, start, length) = (path.clone(), *start, *length);
                            return Ok(Blob::File {
                                path,
                                start,
                                length,
                            });
                        }
                        Some(Place::Link(target)) => name.clone_from(target),
                        None => return Err(missing()),
                    }
                }
                Err(missing())
            }
        }
    }
}

fn entries(path: &Path) -> io::Result<BTreeMap<PathBuf, Place>> {
    let invalid = |reason: &'static str| io::Error::new(io::ErrorKind::InvalidData, reason);
    let mut start = [0; 2];
    let mut file = File::open(path)?;
    let count = file.read(&mut start)?;
    if start[..count] == [0x1f, 0x8b] {
        return Err(invalid("it is compressed; decompress it with gunzip first"));
    }
    file.rewind()?;
    let mut reader = tar::Reader::new(BufReader::with_capacity(1 << 20, file));
    let mut entries = BTreeMap::new();
    while let Some(entry) = reader.entry()? {
        if entries.len() >= MAX_ENTRIES {
            return Err(invalid("it has too many entries for an image"));
        }
        let clean = |bytes: &[u8]| rooted::clean(Path::new(std::ffi::OsStr::from_bytes(bytes)));
        let name = clean(&entry.path).ok_or_else(|| invalid("a name is nested too deeply"))?;
        let place = match entry.kind {
            tar::Kind::File if entry.sparse.is_some() => {
                return Err(invalid("a file of the image is stored with holes"));
            }
            tar::Kind::File => Place::Data {
                start: reader.position(),
                length: entry.size,
            },
            tar::Kind::HardLink => Place::Link(clean(&entry.link).unwrap_or_default()),
            tar::Kind::Symlink => {
                let folder = entry
                    .path
                    .rsplitn(2, |&byte| byte == b'/')
                    .nth(1)
                    .unwrap_or(b"");
                let target = [folder, b"/", &entry.link].concat();
                Place::Link(clean(&target).unwrap_or_default())
            }
            tar::Kind::Directory | tar::Kind::Special => continue,
        };
        entries.insert(name, place);
    }
    Ok(entries)
}
