//! A stage package: a folder that the platform has made, or the small zip itself where no platform brings
//! it, as for jobs and image functions.

use std::fs;
use std::io;
use std::path::Path;

use scar_schemas::contract::{SCRIPT_FILE, STAGE_FILE};

/// Largest file in a package: scripts are texts.
const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;
const END_MARK: &[u8] = b"PK\x05\x06";
const ENTRY_MARK: &[u8] = b"PK\x01\x02";
const END_BYTES: usize = 22;
const ENTRY_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// The files of a stage, in memory: what one task does to files cannot change what the next one runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    /// The stage's configuration.
    pub(crate) stage: Vec<u8>,
    /// The stage's script, if it has one.
    pub(crate) script: Option<Vec<u8>>,
}

impl Package {
    /// The files of a folder.
    pub(crate) fn of_folder(folder: &Path) -> io::Result<Self> {
        let script = match fs::read(folder.join(SCRIPT_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            script => Some(script?),
        };
        let stage = fs::read(folder.join(STAGE_FILE))?;
        Ok(Self { stage, script })
    }

    /// The files of a zip. Others are left out.
    pub(crate) fn of_archive(archive: &[u8]) -> io::Result<Self> {
        let entries = entries(archive).ok_or_else(damaged)?;
        let find = |name: &str| {
            let found = entries.iter().find(|entry| entry.name == name);
            found.map(|entry| content(archive, entry)).transpose()
        };
        Ok(Self {
            stage: find(STAGE_FILE)?.ok_or_else(damaged)?,
            script: find(SCRIPT_FILE)?,
        })
    }
}

struct Entry {
    name: String,
    method: u16,
    packed_bytes: usize,
    offset: usize,
}

/// The central directory ("4.3.12" of the ZIP format specification).
fn entries(archive: &[u8]) -> Option<Vec<Entry>> {
    let last = archive.len().checked_sub(END_BYTES)?;
    let earliest = last.saturating_sub(usize::from(u16::MAX));
    let end = (earliest..=last)
        .rev()
        .find(|at| archive[*at..].starts_with(END_MARK))?;
    let count = usize::from(short(archive, end + 10)?);
    let mut at = long(archive, end + 16)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        if archive.get(at..at + 4)? != ENTRY_MARK {
            return None;
        }
        let length = |offset| short(archive, at + offset).map(usize::from);
        let name_bytes = length(28)?;
        let name = archive.get(at + ENTRY_BYTES..at + ENTRY_BYTES + name_bytes)?;
        entries.push(Entry {
            name: String::from_utf8_lossy(name).into_owned(),
            method: short(archive, at + 10)?,
            packed_bytes: long(archive, at + 20)?,
            offset: long(archive, at + 42)?,
        });
        at += ENTRY_BYTES + name_bytes + length(30)? + length(32)?;
    }
    Some(entries)
}

fn content(archive: &[u8], entry: &Entry) -> io::Result<Vec<u8>> {
    let at = entry.offset;
    let skipped = short(archive, at + 26).zip(short(archive, at + 28));
    let (name, extra) = skipped.ok_or_else(damaged)?;
    let start = at + LOCAL_BYTES + usize::from(name) + usize::from(extra);
    let packed = archive.get(start..start.saturating_add(entry.packed_bytes));
    let packed = packed.ok_or_else(damaged)?;
    match entry.method {
        STORED if packed.len() <= MAX_FILE_BYTES => Ok(packed.to_vec()),
        DEFLATED => scar_inflate::inflate(packed, MAX_FILE_BYTES),
        _ => Err(damaged()),
    }
}

fn short(archive: &[u8], at: usize) -> Option<u16> {
    let bytes = archive.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn long(archive: &[u8], at: usize) -> Option<usize> {
    let bytes = archive.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the stage package is damaged")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive() -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        let stored =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        let files = [
            (STAGE_FILE, "{}".repeat(500)),
            (SCRIPT_FILE, "#!/bin/sh\n".into()),
        ];
        for (index, (name, text)) in files.iter().enumerate() {
            let options = if index == 0 {
                SimpleFileOptions::default()
            } else {
                stored
            };
            zip.start_file(*name, options).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.start_file("../else", stored).unwrap();
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn the_stages_files_are_read_from_a_zip_and_from_a_folder() {
        let package = Package::of_archive(&archive()).unwrap();
        assert_eq!(package.stage.len(), 1_000);
        assert_eq!(package.script.as_deref(), Some(&b"#!/bin/sh\n"[..]));
        let folder =
            std::env::temp_dir().join(format!("scar-package-{}", crate::random::attempt()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(STAGE_FILE), &package.stage).unwrap();
        assert_eq!(Package::of_folder(&folder).unwrap().script, None);
        fs::write(folder.join(SCRIPT_FILE), "#!/bin/sh\n").unwrap();
        assert_eq!(Package::of_folder(&folder).unwrap(), package);
        fs::remove_dir_all(folder).unwrap();
    }

    proptest! {
        #[test]
        fn damage_is_an_error_and_no_panic(at in 0_usize..2_000, byte: u8, cut in 0_usize..2_000) {
            let mut archive = archive();
            let length = archive.len();
            archive[at % length] = byte;
            archive.truncate(length - cut % length);
            let _ = Package::of_archive(&archive);
        }
    }
}
