//! Archives of the few names and kinds that could lead out of a root directory.

/// Parts of names and of what links lead to.
const PARTS: [&str; 12] = [
    "a",
    "b",
    "c",
    "..",
    ".",
    "",
    "outside",
    "file",
    "root",
    ".wh.a",
    ".wh..wh..opq",
    "\u{1}",
];
/// Kinds of entries: files, links, devices, directories, and headers that say more of the next entry.
const KINDS: &[u8] = b"0123456570xgLKS\0";
const NAMES: [&str; 8] = [
    "path",
    "linkpath",
    "size",
    "SCHILY.xattr.user.x",
    "SCHILY.xattr.security.capability",
    "GNU.sparse.major",
    "GNU.sparse.name",
    "GNU.sparse.realsize",
];
const BLOCK_BYTES: usize = 512;

/// Choices from what the fuzzer makes up.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or_default()
    }

    fn path(&mut self) -> String {
        let count = self.next();
        let parts = (0..1 + count % 4).map(|_| PARTS[usize::from(self.next()) % PARTS.len()]);
        let path = parts.collect::<Vec<_>>().join("/");
        if count & 0x80 == 0 {
            path
        } else {
            format!("/{path}")
        }
    }
}

/// Layers, lowest first. Bytes that begin with 0 are a layer as they are.
pub fn layers(bytes: &[u8]) -> Vec<Vec<u8>> {
    if let [0, rest @ ..] = bytes {
        return vec![rest.to_vec()];
    }
    let mut choices = Choices(bytes.iter());
    let mut layers = vec![Vec::new()];
    while choices.0.len() > 0 {
        let entry = entry(&mut choices);
        if choices.next() > 224 && layers.len() < 4 {
            layers.push(Vec::new());
        }
        if let Some(layer) = layers.last_mut() {
            layer.extend(entry);
        }
    }
    layers
}

fn entry(choices: &mut Choices<'_>) -> Vec<u8> {
    let kind = KINDS[usize::from(choices.next()) % KINDS.len()];
    let (name, link) = (choices.path(), choices.path());
    let mode = u32::from(choices.next()) << 4 | 0o7;
    let content = match kind {
        b'x' | b'g' => record(choices),
        b'L' | b'K' => choices.path().into_bytes(),
        b'0' | b'7' | 0 | b'S' => vec![b'x'; usize::from(choices.next())],
        _ => Vec::new(),
    };
    let mut entry = header(kind, &name, &link, mode, content.len());
    entry.extend(&content);
    entry.resize(entry.len().next_multiple_of(BLOCK_BYTES), 0);
    entry
}

/// A line of an extended header, which begins with its own length.
fn record(choices: &mut Choices<'_>) -> Vec<u8> {
    let name = NAMES[usize::from(choices.next()) % NAMES.len()];
    let value = match name {
        "path" | "linkpath" | "GNU.sparse.name" => choices.path(),
        _ => choices.next().to_string(),
    };
    let rest = format!(" {name}={value}\n");
    let length = (1..5)
        .map(|digits| rest.len() + digits)
        .find(|length| length.to_string().len() + rest.len() == *length);
    format!("{}{rest}", length.unwrap_or_default()).into_bytes()
}

fn header(kind: u8, name: &str, link: &str, mode: u32, size: usize) -> Vec<u8> {
    let mut header = vec![0; BLOCK_BYTES];
    let mut put = |offset: usize, text: &[u8]| {
        header[offset..offset + text.len()].copy_from_slice(text);
    };
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000\00000000\0");
    put(124, format!("{size:011o}").as_bytes());
    put(136, b"00000000001\0        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar\000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
