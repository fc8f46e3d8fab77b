//! What extended headers say of the next entry.

use std::io;

use super::invalid;

/// Overrides that earlier headers hold for the next entry.
#[derive(Default)]
pub(super) struct Overrides {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) long_path: Option<Vec<u8>>,
    pub(super) long_link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) mtime_s: Option<i64>,
    pub(super) attributes: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sparse: SparseRecords,
}

/// The records of GNU tar on a sparse file.
#[derive(Default)]
pub(super) struct SparseRecords {
    pub(super) name: Option<Vec<u8>>,
    pub(super) real_size: Option<u64>,
    /// Offsets and lengths in turn, of versions 0.0 and 0.1.
    pub(super) map: Vec<u64>,
    /// The map comes before the bytes.
    pub(super) is_version_1: bool,
}

impl Overrides {
    /// Reads records of the form `length key=value\n`, which take the place of earlier ones.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        *self = Self {
            long_path: self.long_path.take(),
            long_link: self.long_link.take(),
            ..Self::default()
        };
        while !bytes.is_empty() {
            let space = bytes.iter().position(|&byte| byte == b' ');
            let space = space.ok_or_else(malformed)?;
            let length = decimal(&bytes[..space])?;
            let length = usize::try_from(length).map_err(|_| malformed())?;
            if length <= space + 1 || length > bytes.len() || bytes[length - 1] != b'\n' {
                return Err(malformed());
            }
            let record = &bytes[space + 1..length - 1];
            let equals = record.iter().position(|&byte| byte == b'=');
            let equals = equals.ok_or_else(malformed)?;
            self.record(&record[..equals], &record[equals + 1..])?;
            bytes = &bytes[length..];
        }
        Ok(())
    }

    /// The name of the next entry, if a header before it says it.
    pub(super) fn path(&mut self) -> Option<Vec<u8>> {
        let said = self.long_path.take().or_else(|| self.path.take());
        self.sparse.name.take().or(said)
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        match key {
            b"path" => self.path = name(value)?,
            b"linkpath" => self.link = name(value)?,
            b"size" => self.size = Some(decimal(value)?),
            b"mtime" => self.mtime_s = Some(seconds(value)?),
            key => {
                if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                    return self.sparse.record(key, value);
                }
                if let Some(key) = key.strip_prefix(b"SCHILY.xattr.") {
                    self.attributes.push((key.to_vec(), value.to_vec()));
                }
            }
        }
        Ok(())
    }
}

impl SparseRecords {
    fn record(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        match key {
            b"name" => self.name = name(value)?,
            b"size" | b"realsize" => self.real_size = Some(decimal(value)?),
            b"offset" | b"numbytes" => self.map.push(decimal(value)?),
            b"map" => {
                let numbers = value.split(|&byte| byte == b',');
                self.map = numbers.map(decimal).collect::<io::Result<_>>()?;
            }
            b"major" if value == b"1" => self.is_version_1 = true,
            b"minor" if value != b"0" && self.is_version_1 => return Err(malformed()),
            _ => {}
        }
        Ok(())
    }
}

fn name(value: &[u8]) -> io::Result<Option<Vec<u8>>> {
    match value {
        value if value.contains(&0) => Err(invalid("a name contains a zero byte")),
        [] => Ok(None),
        value => Ok(Some(value.to_vec())),
    }
}

fn seconds(value: &[u8]) -> io::Result<i64> {
    let text = std::str::from_utf8(value).map_err(|_| malformed())?;
    let whole = text.split('.').next().unwrap_or("");
    whole.parse().map_err(|_| malformed())
}

/// A number in decimal text.
pub(super) fn decimal(text: &[u8]) -> io::Result<u64> {
    let digit = |sum: u64, &byte: &u8| match byte {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    };
    let number = text.iter().try_fold(0, digit);
    number.filter(|_| !text.is_empty()).ok_or_else(malformed)
}

fn malformed() -> io::Error {
    invalid("an extended header is malformed")
}
