//! Reading tar streams: ustar, PAX, GNU long names and sparse files, with the entry list that Go's reader
//! sees.
//!
//! Own code, because two readers that disagree on where an entry ends are how hidden entries get
//! past a check (CVE-2025-62518), and because sizes and names must be limited before they are stored.

mod header;
mod pax;
mod sparse;

use std::io::{self, BufRead, Read};

use header::{BLOCK, Header, until_nul};
use pax::Overrides;

pub(crate) use sparse::Extent;

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
    /// Bytes of the file, with its holes.
    pub(crate) size: u64,
    /// Seconds since the Unix epoch.
    pub(crate) mtime_s: i64,
    /// Where the bytes that follow belong in a sparse file, in order. Between them are holes.
    pub(crate) sparse: Option<Vec<Extent>>,
    /// Extended attributes, name and value.
    pub(crate) attributes: Vec<(Vec<u8>, Vec<u8>)>,
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

impl<R: BufRead> Reader<R> {
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
            match header.flag() {
                b'x' => overrides.read(&self.metadata(&header)?)?,
                // Global headers are ignored, as Docker and umoci do.
                b'g' => drop(self.metadata(&header)?),
                b'L' => overrides.long_path = Some(until_nul(&self.metadata(&header)?).to_vec()),
                b'K' => overrides.long_link = Some(until_nul(&self.metadata(&header)?).to_vec()),
                _ => return self.finish(&header, overrides).map(Some),
            }
        }
    }

    /// Reads everything that comes after the last entry.
    pub(crate) fn skip_all(&mut self) -> io::Result<()> {
        loop {
            let count = self.inner.fill_buf()?.len();
            if count == 0 {
                return Ok(());
            }
            self.inner.consume(count);
        }
    }

    fn finish(&mut self, header: &Header, mut over: Overrides) -> io::Result<Entry> {
        let path = over.path().unwrap_or_else(|| header.path());
        let kind = header.kind(&path)?;
        let stored = match over.size {
            Some(size) => size,
            None => header.size()?,
        };
        self.expect(if kind == Kind::File { stored } else { 0 })?;
        let sparse = match kind {
            Kind::File => self.sparse(header, &mut over)?,
            _ => None,
        };
        let (size, sparse) = sparse.map_or((self.left, None), |(size, map)| (size, Some(map)));
        let link = over.long_link.or(over.link);
        Ok(Entry {
            path,
            link: link.unwrap_or_else(|| header.link()),
            kind,
            mode: header.mode()?,
            size,
            mtime_s: match over.mtime_s {
                Some(seconds) => seconds,
                None => header.mtime_s()?,
            },
            sparse,
            attributes: over.attributes,
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

    fn metadata(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        let size = header.size()?;
        if size > MAX_METADATA_BYTES {
            return Err(invalid("an extended header is larger than 1 MiB"));
        }
        self.expect(size)?;
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        let mut wanted = self.left + self.padding;
        (self.left, self.padding) = (0, 0);
        while wanted > 0 {
            let ready = self.inner.fill_buf()?.len();
            if ready == 0 {
                return Err(truncated());
            }
            let count = usize::try_from(wanted).map_or(ready, |wanted| wanted.min(ready));
            self.inner.consume(count);
            self.position += count as u64;
            wanted -= count as u64;
        }
        Ok(())
    }

    /// The next header block; `None` at a block of zeros or at the end of the stream.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let Some(block) = self.block()? else {
            return Ok(None);
        };
        if block.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        Header::new(block).map(Some)
    }

    /// The next block; `None` at the end of the stream.
    fn block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
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
        Ok(Some(block))
    }
}

impl<R: BufRead> BufRead for Reader<R> {
    /// Bytes of the current entry; none at its end.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let ready = self.inner.fill_buf()?;
        if ready.is_empty() {
            return Err(truncated());
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        Ok(&ready[..ready.len().min(left)])
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.left -= count as u64;
        self.position += count as u64;
    }
}

impl<R: BufRead> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let count = ready.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ready[..count]);
        self.consume(count);
        Ok(count)
    }
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
