//! Many variants of each class, each extracted by a process of its own that may use 64 MiB and 5 s.
//!
//! A sample by default; all 5,000 with `SCAR_TEST_LONG=1`. A variant is named by its number alone.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output};

use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};
use scar_container::{Layout, Limits, unpack};
use scar_schemas::digest::Digest;

use crate::archive::{Entry, archive, entry, file, folder, pax, seal};
use crate::classes::{COUNT, class};
use crate::image::{Image, check_modes};

const SAMPLE: u64 = 500;
const ALL: u64 = 5000;
const MEMORY_BYTES: u64 = 64 << 20;
const PROCESSOR_S: u64 = 5;
/// Names the folder of the image to the process that extracts it.
const FOLDER: &str = "SCAR_HOSTILE_FOLDER";

/// Media type, compressed bytes, and diff_id.
type Layer = (&'static str, Vec<u8>, Digest);

/// The next of a fixed row of numbers (splitmix64).
struct Row(u64);

impl Row {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// The layers of a variant, compressed.
fn layers(number: u64, canary: &str) -> (String, Vec<Layer>) {
    let mut row = Row(number);
    let (name, entries) = class((number % COUNT as u64) as usize, canary);
    let mut all = Vec::new();
    for _ in 0..=usize::from(row.one_in(4)) {
        for entry in &entries {
            all.extend(noise(&mut row));
            all.extend(disguised(entry.clone(), &mut row));
        }
    }
    let mut layers = Vec::new();
    while !all.is_empty() {
        let count = if row.one_in(2) {
            all.len()
        } else {
            1 + row.below(all.len())
        };
        let rest = all.split_off(count);
        let mut bytes = archive(&all);
        damage(&mut bytes, &mut row);
        layers.push(compressed(&bytes, &mut row));
        all = rest;
    }
    (format!("variant {number}, {name}"), layers)
}

/// What honest layers have too.
fn noise(row: &mut Row) -> Vec<Entry> {
    match row.below(6) {
        0 => vec![folder("usr"), file("usr/file")],
        1 => vec![
            pax(&[("comment", "nothing"), ("mtime", "1.5")]),
            file("etc/x"),
        ],
        2 => vec![entry(b'g', "global", "", "")],
        _ => Vec::new(),
    }
}

/// The same entry written differently.
fn disguised(mut entry: Entry, row: &mut Row) -> Vec<Entry> {
    let is_metadata = matches!(entry.kind, b'x' | b'g' | b'L' | b'K');
    if is_metadata {
        return vec![entry];
    }
    let prefixes = ["", "", "./", "/", "//", "x/../", "../", "./.././/"];
    entry.name = [prefixes[row.below(prefixes.len())].as_bytes(), &entry.name].concat();
    if row.one_in(6) {
        entry.mode = (row.next() & 0o7777) as u32;
    }
    if row.one_in(8) && entry.kind == b'0' {
        entry.data = vec![b'e'; row.below(4000)];
    }
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    match row.below(6) {
        0 => vec![pax(&[("path", &text(&entry.name))]), entry],
        1 if !entry.link.is_empty() => vec![pax(&[("linkpath", &text(&entry.link))]), entry],
        2 => vec![self::entry(b'L', "long", "", &text(&entry.name)), entry],
        3 if !entry.link.is_empty() => {
            vec![self::entry(b'K', "long", "", &text(&entry.link)), entry]
        }
        _ => vec![entry],
    }
}

/// Now and then a byte that is wrong, under a checksum that is right, or an end that is missing.
fn damage(bytes: &mut Vec<u8>, row: &mut Row) {
    if row.one_in(5) {
        let at = row.below(bytes.len());
        bytes[at] ^= (1 + row.below(255)) as u8;
        let start = at / 512 * 512;
        let block = &mut bytes[start..start + 512];
        let mut sealed: [u8; 512] = (&*block).try_into().unwrap();
        seal(&mut sealed);
        block.copy_from_slice(&sealed);
    }
    if row.one_in(12) {
        bytes.truncate(row.below(bytes.len()));
    }
}

fn compressed(bytes: &[u8], row: &mut Row) -> Layer {
    let digest = Digest::of(bytes);
    match row.below(4) {
        0 => (
            "application/vnd.oci.image.layer.v1.tar+gzip",
            gzip(bytes),
            digest,
        ),
        1 => {
            let (first, second) = bytes.split_at(row.below(bytes.len() + 1));
            let members = [gzip(first), gzip(second)].concat();
            (
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
                members,
                digest,
            )
        }
        2 => {
            let packed = zstd::encode_all(bytes, 1).unwrap();
            (
                "application/vnd.oci.image.layer.v1.tar+zstd",
                packed,
                digest,
            )
        }
        _ => (
            "application/vnd.oci.image.layer.v1.tar",
            bytes.to_vec(),
            digest,
        ),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn no_variant_gets_out_or_costs_much() {
    let count = match std::env::var_os("SCAR_TEST_LONG") {
        Some(_) => ALL,
        None => SAMPLE,
    };
    let mut extracted = 0;
    for number in 0..count {
        let image = Image::empty();
        let (name, layers) = layers(number, image.canary().to_str().unwrap());
        image.write(&layers);
        let before = image.place_canary();
        let output = extract(&image);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {}: {told}", output.status);
        image.check(&before);
        if image.root().exists() {
            check_modes(&image.root(), &name);
            extracted += 1;
        }
    }
    // Layers of which none is read at all would prove nothing.
    assert!(
        extracted > count / 4,
        "{extracted} of {count} were extracted"
    );
}

fn extract(image: &Image) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "variants::extracts_one_image",
            "--include-ignored",
        ])
        .env(FOLDER, image.directory.path())
        .output()
        .unwrap()
}

/// The child's part. Its limits are the system's, so that whatever exceeds them ends it.
#[test]
#[ignore = "the other process of the test above"]
fn extracts_one_image() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    setrlimit(Resource::RLIMIT_DATA, MEMORY_BYTES, MEMORY_BYTES).unwrap();
    setrlimit(Resource::RLIMIT_CPU, PROCESSOR_S, PROCESSOR_S).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        // A refusal is as good as a tree.
        if let Ok(layout) = Layout::open(&folder.join("layout"), None) {
            let root = folder.join("root");
            let _ = unpack(&layout, layout.manifest_digest(), &root, &Limits::default()).await;
        }
    });
    let peak_kib = getrusage(UsageWho::RUSAGE_SELF).unwrap().max_rss();
    assert!(
        u64::try_from(peak_kib).unwrap() << 10 <= MEMORY_BYTES,
        "{peak_kib} KiB"
    );
}
