//! Archives made byte by byte, because honest programs refuse to write such things.

/// One entry of a crafted archive.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: u8,
    pub(crate) link: Vec<u8>,
    pub(crate) mode: u32,
    pub(crate) data: Vec<u8>,
}

pub(crate) fn entry(kind: u8, name: &str, link: &str, data: &str) -> Entry {
    let bytes = |text: &str| text.as_bytes().to_vec();
    Entry {
        name: bytes(name),
        kind,
        link: bytes(link),
        mode: 0o755,
        data: bytes(data),
    }
}

pub(crate) fn file(name: &str) -> Entry {
    entry(b'0', name, "", "evil")
}

pub(crate) fn folder(name: &str) -> Entry {
    entry(b'5', name, "", "")
}

pub(crate) fn symlink(name: &str, target: &str) -> Entry {
    entry(b'2', name, target, "")
}

pub(crate) fn hard_link(name: &str, target: &str) -> Entry {
    entry(b'1', name, target, "")
}

pub(crate) fn header(entry: &Entry) -> [u8; 512] {
    let mut block = [0; 512];
    let mut put = |at: usize, bytes: &[u8], limit: usize| {
        let length = bytes.len().min(limit);
        block[at..at + length].copy_from_slice(&bytes[..length]);
    };
    put(0, &entry.name, 100);
    put(100, format!("{:07o}", entry.mode).as_bytes(), 8);
    put(124, format!("{:011o}", entry.data.len()).as_bytes(), 12);
    put(136, b"00000000000", 12);
    put(156, &[entry.kind], 1);
    put(157, &entry.link, 100);
    put(257, b"ustar\x0000", 8);
    seal(&mut block);
    block
}

pub(crate) fn seal(block: &mut [u8; 512]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

pub(crate) fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend(header(entry));
        bytes.extend(&entry.data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

pub(crate) fn pax(records: &[(&str, &str)]) -> Entry {
    let mut text = String::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (rest..)
            .find(|length| rest + length.to_string().len() == *length)
            .unwrap();
        text += &format!("{length} {key}={value}\n");
    }
    entry(b'x', "pax", "", &text)
}
