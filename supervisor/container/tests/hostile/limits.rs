//! What costs too much, and what is left behind.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use scar_container::{BlobSource, BlobStream, Cache, Error, Layout, Limits};
use scar_schemas::digest::Digest;

use crate::archive::{Entry, archive, file, header, seal};
use crate::image::Image;

#[tokio::test]
async fn bombs_and_limits() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    let size = 1_u64 << 30;
    let mut block = header(&file("zeros"));
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    seal(&mut block);
    encoder.write_all(&block).unwrap();
    for _ in 0..1024 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let kind = "application/vnd.oci.image.layer.v1.tar+zstd";
    let image = Image::of(&[(kind, bomb, Digest::of(b""))]);
    let error = image.unpack(&Limits::default()).await.unwrap_err();
    assert!(error.to_string().contains("expands too much"), "{error}");

    let many: Vec<_> = (0..50).map(|number| file(&format!("f{number}"))).collect();
    let image = Image::new(&[archive(&many)]);
    let few = Limits {
        entries: 40,
        ..Limits::default()
    };
    assert!(matches!(
        image.unpack(&few).await,
        Err(Error::Limit {
            what: "entries",
            ..
        })
    ));
    let small = Limits {
        unpacked_bytes: 100,
        ..Limits::default()
    };
    assert!(matches!(
        image.unpack(&small).await,
        Err(Error::Limit { what: "bytes", .. })
    ));
}

#[tokio::test]
async fn leftovers_of_a_dead_builder_are_swept() {
    let image = Image::new(&[archive(&[file("a")])]);
    let layout = Layout::open(&image.layout(), None).unwrap();
    let digest = layout.manifest_digest();
    let directory = image.directory.path().join("cache");
    let dead = directory.join("building").join(digest.hex()).join("rootfs");
    std::fs::create_dir_all(&dead).unwrap();
    std::fs::write(dead.join("half"), "").unwrap();
    let cache = Cache::new(&directory);
    let rootfs = cache
        .ensure(&layout, digest, &Limits::default())
        .await
        .unwrap();
    assert!(!rootfs.path.join("half").exists() && rootfs.path.join("a").exists());
    assert_eq!(
        std::fs::read_dir(directory.join("building"))
            .unwrap()
            .count(),
        0
    );
}

/// A source that counts what it is asked for.
struct Counting {
    layout: Layout,
    asked: AtomicU32,
}

impl BlobSource for Counting {
    fn manifest<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Bytes, Error>> {
        self.layout.manifest(digest)
    }

    fn blob<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<BlobStream, Error>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.layout.blob(digest)
    }
}

#[tokio::test]
async fn many_who_want_an_image_pull_it_once() {
    let image = Image::new(&[archive(&[file("a")])]);
    let layout = Layout::open(&image.layout(), None).unwrap();
    let digest = layout.manifest_digest().clone();
    let source = Counting {
        layout,
        asked: AtomicU32::new(0),
    };
    let cache = Cache::new(image.directory.path().join("cache"));
    let limits = Limits::default();
    let pulls = (0..8).map(|_| cache.ensure(&source, &digest, &limits));
    for pull in futures_util::future::join_all(pulls).await {
        assert!(pull.unwrap().path.join("a").is_file());
    }
    // The configuration and the layer.
    assert_eq!(source.asked.load(Ordering::Relaxed), 2);
}

/// Needs a small file system: run as root, on a tmpfs.
#[tokio::test]
async fn a_full_disk_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mount = |arguments: &[&str]| {
        std::process::Command::new(arguments[0])
            .args(&arguments[1..])
            .arg(folder.path())
            .status()
    };
    let mounted = mount(&["mount", "-t", "tmpfs", "-o", "size=1m", "none"]);
    assert!(
        mounted.is_ok_and(|status| status.success()),
        "this test mounts a small file system, so it must be root"
    );
    let big = Entry {
        data: vec![7; 3 << 20],
        ..file("big")
    };
    let tar = archive(&[big]);
    let zstd = zstd::encode_all(tar.as_slice(), 3).unwrap();
    let kind = "application/vnd.oci.image.layer.v1.tar+zstd";
    let image = Image::of(&[(kind, zstd, Digest::of(&tar))]);
    let layout = Layout::open(&image.layout(), None).unwrap();
    let cache = Cache::new(folder.path().join("cache"));
    let result = cache
        .ensure(&layout, layout.manifest_digest(), &Limits::default())
        .await;
    let left = std::fs::read_dir(folder.path().join("cache/building")).map(Iterator::count);
    assert!(mount(&["umount"]).unwrap().success());
    assert!(
        matches!(result, Err(Error::DiskFull { needed, free }) if needed >= 3 << 20 && free <= 1 << 20)
    );
    assert_eq!(left.unwrap(), 0);
}
