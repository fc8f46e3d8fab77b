//! The 25 kinds of layers that are written to get out of their root.

use scar_container::Limits;
use scar_schemas::digest::Digest;

use crate::archive::{Entry, archive, entry, file, folder, hard_link, pax, symlink};
use crate::image::{Image, check_modes};

pub(crate) const COUNT: usize = 25;
const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";

/// The entries of one class, for a canary at the absolute path `c`, which is also at `../canary`.
pub(crate) fn class(number: usize, c: &str) -> (&'static str, Vec<Entry>) {
    match number {
        0..7 => paths_and_links(number, c),
        7..13 => replaced(number, c),
        13..18 => whiteouts(number, c),
        18..22 => overrides(number, c),
        _ => oddities(number, c),
    }
}

fn paths_and_links(number: usize, c: &str) -> (&'static str, Vec<Entry>) {
    let to_file = &format!("{c}/file");
    match number {
        0 => (
            "parent",
            vec![file("../canary/file"), file("../../canary/file")],
        ),
        1 => ("absolute", vec![file(to_file), folder(c)]),
        2 => (
            "relative link",
            vec![
                symlink("l", "../canary"),
                file("l/file"),
                symlink("d/m", "../../canary"),
                file("d/m/file"),
            ],
        ),
        3 => ("absolute link", vec![symlink("l", c), file("l/file")]),
        4 => (
            "chained links",
            vec![
                symlink("a", ".."),
                symlink("b", "a/.."),
                symlink("d", "b/.."),
                file("d/canary/file"),
                file("a/canary/file"),
            ],
        ),
        5 => (
            "hard link out",
            vec![
                hard_link("h", to_file),
                file("h"),
                hard_link("g", "../canary/file"),
                file("g"),
            ],
        ),
        _ => (
            "hard link through a link",
            vec![symlink("l", c), hard_link("h", "l/file"), file("h")],
        ),
    }
}

fn replaced(number: usize, c: &str) -> (&'static str, Vec<Entry>) {
    let to_file = &format!("{c}/file");
    match number {
        7 => ("link then file", vec![symlink("x", to_file), file("x")]),
        8 => (
            "link then folder",
            vec![symlink("x", &format!("{c}/folder")), folder("x")],
        ),
        9 => (
            "folder made through a link",
            vec![symlink("l", c), folder("l/new/deep"), folder("l/folder")],
        ),
        10 => (
            "root is a link",
            vec![symlink(".", c), symlink("./", c), file("file")],
        ),
        11 => (
            "hard link to a link",
            vec![symlink("l", to_file), hard_link("h", "l"), file("h")],
        ),
        _ => (
            "flips",
            vec![
                folder("x"),
                file("x/y"),
                symlink("x", c),
                file("x/file"),
                folder("x"),
                file("x"),
            ],
        ),
    }
}

fn whiteouts(number: usize, c: &str) -> (&'static str, Vec<Entry>) {
    match number {
        13 => (
            "whiteout through a link",
            vec![symlink("l", c), file("l/.wh.file")],
        ),
        14 => (
            "opaque through a link",
            vec![symlink("l", c), file("l/.wh..wh..opq")],
        ),
        15 => ("whiteout of dot", vec![folder("a"), file("a/.wh..")]),
        16 => ("whiteout of dots", vec![folder("a"), file("a/.wh...")]),
        _ => ("whiteout of nothing", vec![folder("a"), file("a/.wh.")]),
    }
}

fn overrides(number: usize, c: &str) -> (&'static str, Vec<Entry>) {
    let to_file = &format!("{c}/file");
    match number {
        18 => (
            "pax path",
            vec![
                pax(&[("path", to_file)]),
                file("innocent"),
                pax(&[("path", "a\0b")]),
                file("innocent"),
            ],
        ),
        19 => (
            "pax link",
            vec![
                pax(&[("linkpath", to_file)]),
                hard_link("h", "x"),
                file("h"),
            ],
        ),
        20 => (
            "long name",
            vec![
                entry(b'L', "l", "", &format!("{}{to_file}", "../".repeat(60))),
                file("x"),
                entry(b'K', "l", "", to_file),
                symlink("y", "z"),
                file("y"),
            ],
        ),
        _ => (
            // If the size of either header alone were believed, another entry would be seen.
            "hidden entry",
            vec![
                pax(&[("size", "1024")]),
                Entry {
                    data: archive(&[file(to_file)])[..1024].to_vec(),
                    ..file("outer")
                },
                pax(&[("size", "0")]),
                Entry {
                    data: archive(&[symlink("s", c)])[..512].to_vec(),
                    ..file("inner")
                },
                file("s/file"),
            ],
        ),
    }
}

fn oddities(number: usize, c: &str) -> (&'static str, Vec<Entry>) {
    match number {
        22 => (
            "devices and rights",
            vec![
                entry(b'3', "null", "", ""),
                entry(b'6', "fifo", "", ""),
                entry(b'4', "disk", "", ""),
                Entry {
                    mode: 0o6777,
                    ..file("su")
                },
                Entry {
                    mode: 0o6777,
                    ..folder("sg")
                },
                pax(&[("SCHILY.xattr.trusted.overlay.redirect", c)]),
                folder("redirected"),
            ],
        ),
        23 => (
            "deep",
            vec![
                file(&"d/".repeat(49)),
                file(&"a/".repeat(40)),
                symlink("s", &"a/".repeat(40)),
                folder(&format!("s/{}", "b/".repeat(45))),
                entry(b'L', "l", "", &"e/".repeat(4000)),
                file("x"),
            ],
        ),
        _ => (
            "link loops",
            vec![
                symlink("a", "b"),
                symlink("b", "a"),
                symlink("l", "/proc/self/root"),
                file(&format!("l/{c}/file")),
                symlink("f", "/proc/self/fd/3"),
                file("f/../canary/file"),
                file("a/x"),
                hard_link("m", "m"),
            ],
        ),
    }
}

#[tokio::test]
async fn no_layer_leaves_its_root() {
    for number in 0..COUNT {
        // In one layer, and with the trap and the shot in two layers.
        for at in [0, 1] {
            let image = Image::empty();
            let (name, entries) = class(number, image.canary().to_str().unwrap());
            let (first, second) = entries.split_at(at);
            let layers: Vec<_> = [archive(first), archive(second)]
                .map(|bytes| (PLAIN, bytes.clone(), Digest::of(&bytes)))
                .into();
            image.write(&layers);
            if let Ok(root) = image.unpack(&Limits::default()).await {
                check_modes(&root, name);
            }
        }
    }
}

#[test]
fn every_class_has_its_own_name() {
    let names: std::collections::BTreeSet<_> =
        (0..COUNT).map(|number| class(number, "/c").0).collect();
    assert_eq!(names.len(), COUNT);
}
