//! Reading tar streams: ustar, PAX and GNU long names, with the entry list that Go's reader sees.
//!
//! Own code, because two readers that disagree on where an entry ends are how hidden entries get
//! past a check (CVE-2025-62518), and because sizes and names must be limited before they are stored.

use std::io::{self, Read};

const BLOCK: usize = 512;
/// A PAX header or GNU long name larger than this is refused, as Go does.
const MAX_METADATA_BYTES: u64 = 1 << 20;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    HardLink,
    Symlink,
    Directory,
    /// Device, FIFO: never created in user space.
    Special,
}

/// One entry, with PAX and GNU overrides applied.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) path: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) size: u64,
    /// Seconds since the Unix epoch.
    pub(crate) mtime_s: i64,
}

/// A stream of entries. After [`Reader::entry`], the reader itself yields that entry's bytes.
pub(crate) struct Reader<R> {
    inner: R,
    /// Bytes of the current entry that have not been read.
    left: u64,
    /// Padding after them.
    padding: u64,
    /// Bytes read so far from `inner`.
    position: u64,
}

/// Overrides that earlier headers hold for the next entry.
#[derive(Default)]
struct Overrides {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    size: Option<u64>,
    mtime_s: Option<i64>,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            left: 0,
            padding: 0,
            position: 0,
        }
    }

    pub(crate) fn into_inner(self) -> R {
        self.inner
    }

    /// Where in the stream the bytes of the current entry begin, right after [`Reader::entry`].
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next entry, or `None` at the end of the archive.
    pub(crate) fn entry(&mut self) -> io::Result<Option<Entry>> {
        let mut overrides = Overrides::default();
        loop {
            self.skip_rest()?;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            match header[156] {
                b'x' => pax(&self.metadata(&header)?, &mut overrides)?,
                // Global headers are ignored, as Docker and umoci do.
                b'g' => drop(self.metadata(&header)?),
                b'L' => overrides.long_path = Some(until_nul(&self.metadata(&header)?).to_vec()),
                b'K' => overrides.long_link = Some(until_nul(&self.metadata(&header)?).to_vec()),
                flag => return self.finish(&header, flag, overrides).map(Some),
            }
        }
    }

    fn finish(&mut self, header: &[u8; BLOCK], flag: u8, over: Overrides) -> io::Result<Entry> {
        let path = over
            .long_path
            .or(over.path)
            .unwrap_or_else(|| header_path(header));
        let link = over.long_link.or(over.link);
        let kind = kind(flag, &path)?;
        let size = match over.size {
            Some(size) => size,
            None => unsigned(&header[124..136])?,
        };
        let size = if kind == Kind::File { size } else { 0 };
        self.expect(size)?;
        let mode = unsigned(&header[100..108])? & 0o7777;
        Ok(Entry {
            path,
            link: link.unwrap_or_else(|| until_nul(&header[157..257]).to_vec()),
            kind,
            mode: u32::try_from(mode).unwrap_or(0),
            size,
            mtime_s: match over.mtime_s {
                Some(seconds) => seconds,
                None => number(&header[136..148])?,
            },
        })
    }

    /// Sets up the reading of an entry's bytes.
    fn expect(&mut self, size: u64) -> io::Result<()> {
        if size > i64::MAX as u64 {
            return Err(invalid("an entry's size is out of range"));
        }
        self.left = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
        Ok(())
    }

    fn metadata(&mut self, header: &[u8; BLOCK]) -> io::Result<Vec<u8>> {
        let size = unsigned(&header[124..136])?;
        if size > MAX_METADATA_BYTES {
            return Err(invalid("an extended header is larger than 1 MiB"));
        }
        self.expect(size)?;
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        let wanted = self.left + self.padding;
        let skipped = io::copy(&mut (&mut self.inner).take(wanted), &mut io::sink())?;
        self.position += skipped;
        (self.left, self.padding) = (0, 0);
        if skipped < wanted {
            Err(truncated())
        } else {
            Ok(())
        }
    }

    /// The next header block; `None` at a block of zeros or at the end of the stream.
    fn header(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.inner.read(&mut block[filled..])? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(truncated()),
                count => filled += count,
            }
        }
        self.position += BLOCK as u64;
        if block.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        check_sum(&block)?;
        Ok(Some(block))
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.inner.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(truncated());
        }
        self.left -= count as u64;
        self.position += count as u64;
        Ok(count)
    }
}

fn kind(flag: u8, path: &[u8]) -> io::Result<Kind> {
    match flag {
        // Before POSIX a directory was a file whose name ends in a slash.
        b'0' | 0 | b'7' if path.ends_with(b"/") => Ok(Kind::Directory),
        b'0' | 0 | b'7' => Ok(Kind::File),
        b'1' => Ok(Kind::HardLink),
        b'2' => Ok(Kind::Symlink),
        b'5' => Ok(Kind::Directory),
        b'3' | b'4' | b'6' => Ok(Kind::Special),
        b'S' => Err(invalid("sparse files are not supported")),
        _ => Err(invalid("an entry has an unknown type")),
    }
}

fn header_path(header: &[u8; BLOCK]) -> Vec<u8> {
    let name = until_nul(&header[..100]);
    // Only POSIX archives have the prefix field; GNU uses its place for times.
    let prefix = if &header[257..263] == b"ustar\0" {
        until_nul(&header[345..500])
    } else {
        &[][..]
    };
    match prefix {
        [] => name.to_vec(),
        prefix => [prefix, b"/", name].concat(),
    }
}

fn check_sum(header: &[u8; BLOCK]) -> io::Result<()> {
    let byte = |(at, &byte): (usize, &u8)| if (148..156).contains(&at) { b' ' } else { byte };
    let unsigned_sum: i64 = header
        .iter()
        .enumerate()
        .map(|pair| i64::from(byte(pair)))
        .sum();
    let signed = |pair| i64::from(i8::from_ne_bytes([byte(pair)]));
    let signed_sum: i64 = header.iter().enumerate().map(signed).sum();
    match number(&header[148..156])? {
        sum if sum == unsigned_sum || sum == signed_sum => Ok(()),
        _ => Err(invalid("a header has a wrong checksum")),
    }
}

fn unsigned(field: &[u8]) -> io::Result<u64> {
    u64::try_from(number(field)?).map_err(|_| invalid("a number is negative"))
}

/// A number in octal text or, with the first bit set, in base 256 (two's complement, big endian).
fn number(field: &[u8]) -> io::Result<i64> {
    if field.first().is_some_and(|first| first & 0x80 != 0) {
        return base_256(field);
    }
    let text = until_nul(field).trim_ascii();
    let digit = |sum: i64, &byte: &u8| match byte {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
        _ => None,
    };
    text.iter()
        .try_fold(0, digit)
        .ok_or_else(|| invalid("a number is not octal"))
}

fn base_256(field: &[u8]) -> io::Result<i64> {
    let negative = field[0] & 0x40 != 0;
    let first = if negative {
        i64::from(field[0]) - 256
    } else {
        i64::from(field[0] & 0x7f)
    };
    let step = |sum: i64, &byte: &u8| sum.checked_mul(256)?.checked_add(i64::from(byte));
    field[1..]
        .iter()
        .try_fold(first, step)
        .ok_or_else(|| invalid("a number is out of range"))
}

/// Reads records of the form `length key=value\n`.
fn pax(mut bytes: &[u8], overrides: &mut Overrides) -> io::Result<()> {
    let malformed = || invalid("an extended header is malformed");
    while !bytes.is_empty() {
        let space = bytes
            .iter()
            .position(|&byte| byte == b' ')
            .ok_or_else(malformed)?;
        let length = decimal(&bytes[..space]).ok_or_else(malformed)?;
        if length <= space + 1 || length > bytes.len() || bytes[length - 1] != b'\n' {
            return Err(malformed());
        }
        let record = &bytes[space + 1..length - 1];
        let equals = record
            .iter()
            .position(|&byte| byte == b'=')
            .ok_or_else(malformed)?;
        pax_record(&record[..equals], &record[equals + 1..], overrides)?;
        bytes = &bytes[length..];
    }
    Ok(())
}

fn pax_record(key: &[u8], value: &[u8], overrides: &mut Overrides) -> io::Result<()> {
    let malformed = || invalid("an extended header is malformed");
    let name = || match value {
        value if value.contains(&0) => Err(invalid("a name contains a zero byte")),
        [] => Ok(None),
        value => Ok(Some(value.to_vec())),
    };
    match key {
        b"path" => overrides.path = name()?,
        b"linkpath" => overrides.link = name()?,
        b"size" => {
            overrides.size = Some(decimal(value).ok_or_else(malformed)? as u64);
        }
        b"mtime" => {
            let text = std::str::from_utf8(value).map_err(|_| malformed())?;
            let whole = text.split('.').next().unwrap_or("");
            overrides.mtime_s = Some(whole.parse().map_err(|_| malformed())?);
        }
        key if key.starts_with(b"GNU.sparse.") => {
            return Err(invalid("sparse files are not supported"));
        }
        _ => {}
    }
    Ok(())
}

fn decimal(text: &[u8]) -> Option<usize> {
    let digit = |sum: usize, &byte: &u8| match byte {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(usize::from(byte - b'0')),
        _ => None,
    };
    if text.is_empty() {
        None
    } else {
        text.iter().try_fold(0, digit)
    }
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or(field)
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn truncated() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the archive ends in the middle of an entry",
    )
}
