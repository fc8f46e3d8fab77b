//! Blobs that are not what they say, and compressed ones that are.

use std::io::Write;

use scar_container::{Error, Limits};
use scar_schemas::digest::Digest;

use crate::archive::{archive, file, folder, hard_link, pax, seal, symlink};
use crate::image::Image;

#[tokio::test]
async fn wrong_content_is_named_and_leaves_nothing() {
    let tar = archive(&[file("a")]);
    let plain = "application/vnd.oci.image.layer.v1.tar";
    let image = Image::of(&[(plain, tar.clone(), Digest::of(b"other"))]);
    let error = image.unpack(&Limits::default()).await.unwrap_err();
    assert!(
        error.to_string().starts_with("content of layer 1"),
        "{error}"
    );

    for (change, expected) in [("flip", "layer 1"), ("cut", "layout")] {
        let image = Image::new(std::slice::from_ref(&tar));
        let path = image
            .layout()
            .join("blobs/sha256")
            .join(Digest::of(&tar).hex());
        let mut bytes = tar.clone();
        match change {
            "flip" => bytes[5] ^= 1,
            _ => bytes.truncate(700),
        }
        std::fs::write(&path, bytes).unwrap();
        let error = image
            .unpack(&Limits::default())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{change}: {error}");
    }
    let gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&tar).unwrap();
    let mut packed = packed.finish().unwrap();
    packed.truncate(packed.len() - 12);
    let image = Image::of(&[(gzip, packed, Digest::of(&tar))]);
    assert!(matches!(
        image.unpack(&Limits::default()).await,
        Err(Error::Layer { .. })
    ));
}

#[tokio::test]
async fn compressed_layers_are_read() {
    let tar = archive(&[file("a")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar[..600]).unwrap();
    let mut members = gzip.finish().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar[600..]).unwrap();
    members.extend(gzip.finish().unwrap());
    let zstd = zstd::encode_all(tar.as_slice(), 3).unwrap();
    for (kind, bytes) in [("gzip", members), ("zstd", zstd)] {
        let kind = format!("application/vnd.oci.image.layer.v1.tar+{kind}");
        let image = Image::of(&[(&kind, bytes, Digest::of(&tar))]);
        let root = image.unpack(&Limits::default()).await.unwrap();
        assert_eq!(std::fs::read(root.join("a")).unwrap(), b"evil");
    }
}

#[tokio::test]
async fn damaged_headers_never_panic() {
    let good = archive(&[
        pax(&[("path", "long")]),
        file("a"),
        symlink("b", "a"),
        folder("c"),
    ]);
    for at in (0..good.len()).step_by(7) {
        let mut bytes = good.clone();
        bytes[at] ^= 0xa5;
        if at % 2 == 0 && at < 512 {
            let mut block: [u8; 512] = bytes[..512].try_into().unwrap();
            seal(&mut block);
            bytes[..512].copy_from_slice(&block);
        }
        let _ = Image::new(&[bytes]).unpack(&Limits::default()).await;
    }
    for size in [1, 511, 513, 600, 1100] {
        let _ = Image::new(&[good[..size].to_vec()])
            .unpack(&Limits::default())
            .await;
    }
    for (at, number) in [
        (124, &b"77777777777"[..]),
        (124, b"-0000000001"),
        (136, b"\xff\xff\xff\xff"),
        (124, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        (124, b"\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff"),
    ] {
        let mut bytes = archive(&[file("a")]);
        bytes[at..at + number.len()].copy_from_slice(number);
        let mut block: [u8; 512] = bytes[..512].try_into().unwrap();
        seal(&mut block);
        bytes[..512].copy_from_slice(&block);
        let _ = Image::new(&[bytes]).unpack(&Limits::default()).await;
    }
}
#[tokio::test]
async fn honest_links_work() {
    let lower = archive(&[
        folder("run"),
        folder("var"),
        symlink("var/run", "/run"),
        symlink("var/lock", "/run/lock"),
        file("old"),
        file("hidden/a"),
        file("opaque/old"),
    ]);
    let upper = archive(&[
        file("var/run/x"),
        file("var/lock/y"),
        hard_link("linked", "var/run/x"),
        file("hidden/b"),
        file(".wh.hidden"),
        file("opaque/new"),
        file("opaque/.wh..wh..opq"),
        file(".wh.old"),
    ]);
    let image = Image::new(&[lower, upper]);
    let root = image.unpack(&Limits::default()).await.unwrap();
    let is_file = |name: &str| root.join(name).is_file();
    assert!(is_file("run/x") && is_file("run/lock/y") && is_file("linked"));
    assert!(is_file("hidden/b") && is_file("opaque/new"));
    assert!(!is_file("hidden/a") && !is_file("opaque/old") && !is_file("old"));
}

/// A capability of a program: version 2, effective, `net_raw`. From linux/capability.h.
const CAPABILITY: &str = "\u{1}\0\0\u{2}\0 \0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Must be root, who alone may set capabilities and could set what is dropped here.
#[tokio::test]
async fn attributes_that_do_no_harm_are_kept() {
    let attributes = pax(&[
        ("SCHILY.xattr.user.note", "kept"),
        ("SCHILY.xattr.security.capability", CAPABILITY),
        ("SCHILY.xattr.user.overlay.redirect", "/"),
        ("SCHILY.xattr.trusted.overlay.redirect", "/"),
        ("SCHILY.xattr.trusted.other", "dropped"),
        ("SCHILY.xattr.system.odd", "dropped"),
    ]);
    let lower = [attributes.clone(), file("a"), attributes, folder("d")];
    let layers = [archive(&lower), archive(&[folder("d")])];
    let only_lower = Image::new(&layers[..1]);
    let root = only_lower.unpack(&Limits::default()).await.unwrap();
    for name in ["a", "d"] {
        let found = attributes_of(&root.join(name));
        assert_eq!(found, ["security.capability", "user.note"], "{name}");
    }
    let both = Image::new(&layers);
    let root = both.unpack(&Limits::default()).await.unwrap();
    let left = attributes_of(&root.join("d"));
    assert!(left.is_empty(), "{left:?}");
}

fn attributes_of(path: &std::path::Path) -> Vec<String> {
    let mut names = vec![0; 4096];
    let length = rustix::fs::llistxattr(path, &mut names).unwrap();
    let names = names[..length].split(|&byte| byte == 0);
    let names = names.map(|name| String::from_utf8_lossy(name).into_owned());
    let mut names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    names.sort();
    names
}
