//! Sites of the image's files that are known from run to run.
//!
//! The processes of a run write down for each other what they find in the files that they load. The next run
//! believes nothing of that: the names of their notes only tell which files of the image are worth a search,
//! and the search is this process' own, as is the memory that keeps what it finds.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::plan::Key;
use super::scan::{SYSCALL, scan_file};

/// Most files that are remembered.
const MAX_FILES: usize = 256;
/// Larger files are searched by the jobs themselves: they would have to be read into memory.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// Places of all files together that are looked at, of which large programs have hundreds. An image that has
/// many more is hostile, and may take the time of its own jobs only.
const MAX_PLACES: usize = 1 << 14;

/// The words of a file's sites.
pub(crate) type Words = Arc<[u64]>;

/// See the module.
#[derive(Default)]
pub(crate) struct Known(Mutex<Files>);

#[derive(Default)]
struct Files {
    /// In the order of keys.
    list: Vec<(Key, State)>,
    /// Places that were looked at.
    places: usize,
}

/// How far a file is known.
enum State {
    /// A run has searched it.
    Wanted,
    Known(Words),
    /// It is not worth it.
    Left,
}

impl Known {
    /// Takes from the notes of a run which files are worth a search: those of the image, as `is_of_image` tells
    /// by device and inode.
    pub(crate) fn note(&self, notes: &Path, is_of_image: impl Fn(u64, u64) -> bool) {
        let Ok(entries) = fs::read_dir(notes) else {
            return;
        };
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in entries.flatten() {
            let key = entry.file_name().to_str().and_then(key_of_name);
            let Some(key) = key.filter(|key| is_of_image(key[0], key[1])) else {
                continue;
            };
            if let (Err(place), true) = (files.find(&key), files.list.len() < MAX_FILES) {
                files.list.insert(place, (key, State::Wanted));
            }
        }
    }

    /// What is known of a file, after a search if a run before has found it worth one.
    pub(crate) fn sites(&self, path: &Path, status: &Metadata) -> Option<(Key, Words)> {
        let key = [
            status.dev(),
            status.ino(),
            status.size(),
            status.mtime().cast_unsigned(),
            status.mtime_nsec().cast_unsigned(),
        ];
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = files.find(&key).ok()?;
        if matches!(files.list[place].1, State::Wanted) {
            let found = files.search(path, status.size());
            files.list[place].1 = found.map_or(State::Left, State::Known);
        }
        match &files.list[place].1 {
            State::Known(words) => Some((key, words.clone())),
            _ => None,
        }
    }
}

impl Files {
    fn find(&self, key: &Key) -> Result<usize, usize> {
        self.list.binary_search_by(|(known, _)| known.cmp(key))
    }

    fn search(&mut self, path: &Path, size: u64) -> Option<Words> {
        let content = (size <= MAX_FILE_BYTES).then(|| fs::read(path).ok())??;
        self.places += content.windows(2).filter(|pair| **pair == SYSCALL).count();
        if self.places > MAX_PLACES {
            return None;
        }
        let mut words = Vec::new();
        scan_file(&content, &mut |site| words.push(site.to_word()));
        Some(words.into())
    }
}

/// The five numbers of a note's name; other files have other names.
fn key_of_name(name: &str) -> Option<Key> {
    let numbers: Option<Vec<u64>> = name.split('-').map(|word| word.parse().ok()).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program with as many calls of `open` as asked for, in one section.
    fn program(calls: usize) -> Vec<u8> {
        let code = [
            [0x90; 120].as_slice(),
            &[0xb8, 2, 0, 0, 0, 0x0f, 0x05].repeat(calls),
            &[0x90; 40],
        ]
        .concat();
        let mut file = vec![0; 128];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[18] = 62;
        for (at, value) in [
            (0x28, 64),
            (0x3a, 64),
            (0x3c, 1),
            (68, 1),
            (72, 4),
            (88, 128),
            (96, code.len()),
        ] {
            file[at..at + 2].copy_from_slice(&u16::try_from(value).unwrap().to_le_bytes());
        }
        [file, code].concat()
    }

    /// A folder with a program, and the name of a note on it.
    fn noted(content: &[u8]) -> (tempfile::TempDir, std::path::PathBuf, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        fs::write(&path, content).unwrap();
        let status = fs::metadata(&path).unwrap();
        let numbers = [
            status.dev(),
            status.ino(),
            status.size(),
            status.mtime().cast_unsigned(),
            status.mtime_nsec().cast_unsigned(),
        ];
        let notes = folder.path().join("notes");
        fs::create_dir(&notes).unwrap();
        (
            folder,
            path,
            numbers.map(|number| number.to_string()).join("-"),
        )
    }

    #[test]
    fn a_noted_file_is_searched_here() {
        let (folder, path, name) = noted(&program(3));
        let (known, notes) = (Known::default(), folder.path().join("notes"));
        let sites = || known.sites(&path, &fs::metadata(&path).unwrap());
        // What the note says counts for nothing.
        fs::write(notes.join(&name), [0xff; 64]).unwrap();
        assert!(sites().is_none());
        known.note(&notes, |_, _| false);
        assert!(sites().is_none());
        known.note(&notes, |_, _| true);
        assert_eq!(sites().unwrap().1.len(), 3);
        fs::remove_file(&path).unwrap();
        fs::write(&path, program(4)).unwrap();
        assert!(sites().is_none());
    }

    #[test]
    fn hostile_notes_and_programs_cost_little() {
        let (folder, path, name) = noted(&program(1000).repeat(20));
        let (known, notes) = (Known::default(), folder.path().join("notes"));
        for name in [
            "",
            "-",
            "1-2-3-4",
            "1-2-3-4-5-6",
            "1-2-3-4-x",
            "99999999999999999999-1-1-1-1",
        ] {
            assert!(key_of_name(name).is_none());
        }
        for inode in 0..2 * MAX_FILES {
            fs::write(notes.join(format!("1-{inode}-1-1-1")), b"").unwrap();
        }
        known.note(&notes, |_, _| true);
        assert_eq!(known.0.lock().unwrap().list.len(), MAX_FILES);
        let known = Known::default();
        fs::write(folder.path().join("notes").join(name), b"").unwrap();
        known.note(&notes, |device, _| device != 1);
        assert!(known.sites(&path, &fs::metadata(&path).unwrap()).is_none());
        assert_eq!(known.0.lock().unwrap().list.len(), 1);
    }
}
