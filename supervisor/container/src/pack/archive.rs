//! Writing a tree as a tar archive: sorted, without times, owners or names of this machine.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::pack::collect::{Node, Tree};

const BLOCK: usize = 512;
const NAME_BYTES: usize = 100;

/// Writes the tree; gives the bytes of its files.
pub(crate) fn write(tree: &Tree, output: &mut impl Write) -> io::Result<u64> {
    let mut total = 0;
    for (path, node) in &tree.nodes {
        let name = path.as_os_str().as_bytes();
        match node {
            Node::Directory => {
                // The directories that everybody may write to are known by their names.
                let mode = if path.ends_with("tmp") { 0o1777 } else { 0o755 };
                entry(output, &[name, b"/"].concat(), b"", b'5', mode, 0)?;
            }
            Node::Symlink(target) => {
                entry(output, name, target.as_os_str().as_bytes(), b'2', 0o777, 0)?;
            }
            Node::Content(bytes) => total += content(output, name, bytes, 0o644)?,
            Node::Program(bytes) => total += content(output, name, bytes, 0o755)?,
            Node::File {
                source,
                is_executable,
            } => {
                total += file(output, name, source, *is_executable)?;
            }
        }
    }
    output.write_all(&[0; 2 * BLOCK])?;
    Ok(total)
}

fn content(output: &mut impl Write, name: &[u8], mut bytes: &[u8], mode: u32) -> io::Result<u64> {
    let size = bytes.len() as u64;
    entry(output, name, b"", b'0', mode, size)?;
    data(output, &mut bytes, size)
}

fn file(output: &mut impl Write, name: &[u8], source: &Path, executable: bool) -> io::Result<u64> {
    let mut file = File::open(source)?;
    let size = file.metadata()?.len();
    entry(
        output,
        name,
        b"",
        b'0',
        if executable { 0o755 } else { 0o644 },
        size,
    )?;
    data(output, &mut file, size)
}

fn data(output: &mut impl Write, input: &mut impl Read, size: u64) -> io::Result<u64> {
    if io::copy(&mut input.take(size), output)? != size {
        return Err(io::Error::other(
            "the file became shorter while it was read",
        ));
    }
    let padding = usize::try_from(size.wrapping_neg() % BLOCK as u64).unwrap_or(0);
    output.write_all(&[0; BLOCK][..padding])?;
    Ok(size)
}

fn entry(
    output: &mut impl Write,
    name: &[u8],
    link: &[u8],
    kind: u8,
    mode: u32,
    size: u64,
) -> io::Result<()> {
    let mut records = Vec::new();
    for (key, value) in [("path", name), ("linkpath", link)] {
        if value.len() > NAME_BYTES {
            records.extend(record(key, value));
        }
    }
    if !records.is_empty() {
        output.write_all(&header(b"extended", b"", b'x', 0o644, records.len() as u64))?;
        data(output, &mut records.as_slice(), records.len() as u64)?;
    }
    output.write_all(&header(name, link, kind, mode, size))
}

/// A PAX record, whose length counts itself.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [
        length.to_string().as_bytes(),
        b" ",
        key.as_bytes(),
        b"=",
        value,
        b"\n",
    ]
    .concat()
}

fn header(name: &[u8], link: &[u8], kind: u8, mode: u32, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8], limit: usize| {
        let length = bytes.len().min(limit);
        block[at..at + length].copy_from_slice(&bytes[..length]);
    };
    put(0, name, NAME_BYTES);
    put(100, format!("{mode:07o}").as_bytes(), 8);
    put(108, b"0000000", 8);
    put(116, b"0000000", 8);
    put(124, format!("{size:011o}").as_bytes(), 12);
    put(136, b"00000000000", 12);
    put(148, b"        ", 8);
    put(156, &[kind], 1);
    put(157, link, NAME_BYTES);
    put(257, b"ustar\x0000", 8);
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}
