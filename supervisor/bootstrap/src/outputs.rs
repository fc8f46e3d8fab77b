//! What the container left in its output directory, and where it goes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use scar_schemas::contract::{Counted, Output, OutputKey, SYSTEM_PREFIX, StageConfig};
use scar_schemas::glob::Glob;

/// Most files a task may publish.
pub(crate) const MAX_FILES: usize = 10_000;
/// Most entries, directories included, that are looked at.
const MAX_ENTRIES: usize = 100_000;
/// Longest key in bytes ("Naming Amazon S3 objects").
const MAX_KEY_BYTES: usize = 1_024;

/// A file of the output directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Relative path with `/`.
    pub(crate) name: String,
    /// Size in bytes.
    pub(crate) size: u64,
}

/// A file and its final place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The file.
    pub(crate) file: Made,
    /// Manifest name of the bucket.
    pub(crate) bucket: String,
    /// Final key.
    pub(crate) key: String,
    /// Which of how many files of its output it is, where there can be several.
    pub(crate) fan: Option<(u32, u32)>,
}

/// Why outputs cannot be published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    #[error("output {0:?} is a {1}; only regular files are published")]
    NotAFile(String, &'static str),
    #[error("output {0:?} has a name that is not UTF-8")]
    NotUtf8(String),
    #[error("the task made more than {0} outputs")]
    TooMany(usize),
    #[error("output key {0:?} is longer than {MAX_KEY_BYTES} bytes")]
    KeyTooLong(String),
    #[error("output key {0:?} is below {SYSTEM_PREFIX}, which is scar's own")]
    OwnKey(String),
    #[error("outputs {0:?} and {1:?} both go to key {2:?}")]
    SameKey(String, String, String),
    #[error("exactly one output file was expected for {pattern:?}, the task made {made}")]
    NotOne { pattern: String, made: usize },
    #[error("output directory {path:?} cannot be read")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Lists the files below a directory, sorted by name. Symbolic links are refused, never followed.
pub(crate) fn list(directory: &Path) -> Result<Vec<Made>, OutputError> {
    let mut files = Vec::new();
    let mut pending = vec![(directory.to_owned(), String::new())];
    let mut entries = 0;
    while let Some((path, prefix)) = pending.pop() {
        let failed = |source| OutputError::File {
            path: path.clone(),
            source,
        };
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            entries += 1;
            if entries > MAX_ENTRIES || files.len() > MAX_FILES {
                return Err(OutputError::TooMany(MAX_FILES));
            }
            let name = name(&prefix, &entry)?;
            let metadata = entry.metadata().map_err(failed)?;
            if metadata.is_dir() {
                pending.push((entry.path(), format!("{name}/")));
            } else if metadata.is_file() {
                files.push(Made {
                    path: entry.path(),
                    name,
                    size: metadata.len(),
                });
            } else {
                return Err(OutputError::NotAFile(name, kind(metadata.file_type())));
            }
        }
    }
    if files.len() > MAX_FILES {
        return Err(OutputError::TooMany(MAX_FILES));
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Finds the final places of the files, sorted by bucket and key. A file may go to several outputs; one
/// that goes to none is left out.
pub(crate) fn place(
    files: &[Made],
    config: &StageConfig,
    stem: &str,
) -> Result<Vec<Placed>, OutputError> {
    let mut places = Places::new();
    for (number, output) in config.outputs.iter().enumerate() {
        let selected = select(files, output, config.outputs.len() == 1, stem)?;
        let fans = fans(&selected, output, config.more.counted.get(&number));
        for ((file, key), fan) in selected.into_iter().zip(fans) {
            check(&key)?;
            let place = (output.bucket.clone(), key);
            match places.get(&place) {
                Some((other, _)) if other.name != file.name => {
                    let (one, two) = (other.name.clone(), file.name.clone());
                    return Err(OutputError::SameKey(one, two, place.1));
                }
                _ => places.insert(place, (file.clone(), fan)),
            };
        }
    }
    let places = places.into_iter();
    let placed = places.map(|((bucket, key), (file, fan))| Placed {
        file,
        bucket,
        key,
        fan,
    });
    Ok(placed.collect())
}

/// Files by bucket and key, each with which of how many files of its output it is.
type Places = BTreeMap<(String, String), (Made, Option<(u32, u32)>)>;

/// For each file which of how many it is. Files that no stage takes on the way to a join are not counted.
fn fans(
    selected: &[(&Made, String)],
    output: &Output,
    counted: Option<&Vec<Counted>>,
) -> Vec<Option<(u32, u32)>> {
    let is_fan = matches!(output.key, OutputKey::Prefix { .. });
    let counts = |(file, key): &(&Made, String)| {
        is_fan && counted.is_none_or(|taken| taken.iter().any(|one| one.has(key, file.size)))
    };
    let counts: Vec<bool> = selected.iter().map(counts).collect();
    let all = counts.iter().filter(|counts| **counts).count();
    let all = u32::try_from(all).unwrap_or(u32::MAX);
    let mut numbers = 0..;
    let number = |counts: bool| counts.then(|| numbers.next().map(|number| (number, all)))?;
    counts.into_iter().map(number).collect()
}

fn select<'a>(
    files: &'a [Made],
    output: &Output,
    is_only: bool,
    stem: &str,
) -> Result<Vec<(&'a Made, String)>, OutputError> {
    match &output.key {
        OutputKey::Prefix {
            prefix,
            files: pattern,
        } => Ok(files
            .iter()
            .filter(|file| {
                pattern
                    .as_ref()
                    .is_none_or(|pattern| matches(pattern, &file.name))
            })
            .map(|file| (file, format!("{prefix}{}", file.name)))
            .collect()),
        OutputKey::Single { before, after } => {
            // Beside other outputs, the one file is the one that is named like its key.
            let named_like = |file: &&Made| is_only || file.name.ends_with(after);
            let found: Vec<&Made> = files.iter().filter(named_like).collect();
            match found.as_slice() {
                [file] => Ok(vec![(*file, format!("{before}{stem}{after}"))]),
                _ => {
                    let pattern = format!("{before}*{after}");
                    Err(OutputError::NotOne {
                        pattern,
                        made: found.len(),
                    })
                }
            }
        }
    }
}

pub(crate) fn check(key: &str) -> Result<(), OutputError> {
    if key.len() > MAX_KEY_BYTES {
        return Err(OutputError::KeyTooLong(key.to_owned()));
    }
    if key.starts_with(SYSTEM_PREFIX) {
        return Err(OutputError::OwnKey(key.to_owned()));
    }
    Ok(())
}

fn matches(pattern: &Glob, name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    pattern.matches(if pattern.as_str().contains('/') {
        name
    } else {
        base
    })
}

fn name(prefix: &str, entry: &fs::DirEntry) -> Result<String, OutputError> {
    match entry.file_name().into_string() {
        Ok(name) => Ok(format!("{prefix}{name}")),
        Err(name) => Err(OutputError::NotUtf8(format!(
            "{prefix}{}",
            name.to_string_lossy()
        ))),
    }
}

fn kind(kind: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        kind if kind.is_symlink() => "symbolic link",
        kind if kind.is_fifo() => "FIFO",
        kind if kind.is_socket() => "socket",
        _ => "device",
    }
}

#[cfg(test)]
#[path = "outputs_tests.rs"]
mod tests;
