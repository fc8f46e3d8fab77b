//! Layers that try to leave their root, lie about their content, or cost too much.
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use scar_container::{Cache, Error, Layout, Limits, unpack};
use scar_schemas::digest::Digest;
use serde_json::json;

/// One entry of a crafted archive.
#[derive(Clone)]
struct Entry {
    name: Vec<u8>,
    kind: u8,
    link: Vec<u8>,
    mode: u32,
    data: Vec<u8>,
}

fn entry(kind: u8, name: &str, link: &str, data: &str) -> Entry {
    let bytes = |text: &str| text.as_bytes().to_vec();
    Entry {
        name: bytes(name),
        kind,
        link: bytes(link),
        mode: 0o755,
        data: bytes(data),
    }
}

fn file(name: &str) -> Entry {
    entry(b'0', name, "", "evil")
}

fn folder(name: &str) -> Entry {
    entry(b'5', name, "", "")
}

fn symlink(name: &str, target: &str) -> Entry {
    entry(b'2', name, target, "")
}

fn hard_link(name: &str, target: &str) -> Entry {
    entry(b'1', name, target, "")
}

fn header(entry: &Entry) -> [u8; 512] {
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

fn seal(block: &mut [u8; 512]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend(header(entry));
        bytes.extend(&entry.data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn pax(records: &[(&str, &str)]) -> Entry {
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

/// An image of plain layers; `tamper` may change the manifest and configuration before they are written.
struct Image {
    directory: tempfile::TempDir,
}

impl Image {
    fn new(layers: &[Vec<u8>]) -> Self {
        let plain = "application/vnd.oci.image.layer.v1.tar";
        let layers: Vec<_> = layers
            .iter()
            .map(|bytes| (plain, bytes.clone(), Digest::of(bytes)))
            .collect();
        Self::of(&layers)
    }

    /// Layers as media type, bytes, and the diff_id that the configuration claims.
    fn of(layers: &[(&str, Vec<u8>, Digest)]) -> Self {
        let image = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let descriptors: Vec<_> = layers
            .iter()
            .map(|(kind, bytes, _)| image.blob(kind, bytes))
            .collect();
        let diff_ids: Vec<_> = layers
            .iter()
            .map(|(_, _, diff_id)| diff_id.as_str())
            .collect();
        let config = json!({"architecture": scar_container::Platform::host().architecture, "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": diff_ids}});
        let config = image.blob(
            "application/vnd.oci.image.config.v1+json",
            config.to_string().as_bytes(),
        );
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": descriptors});
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = image.blob(kind, manifest.to_string().as_bytes());
        let index = json!({"schemaVersion": 2, "manifests": [manifest]});
        std::fs::write(image.layout().join("index.json"), index.to_string()).unwrap();
        image
    }

    fn layout(&self) -> PathBuf {
        self.directory.path().join("layout")
    }

    fn blob(&self, kind: &str, bytes: &[u8]) -> serde_json::Value {
        let digest = Digest::of(bytes);
        let folder = self.layout().join("blobs/sha256");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(digest.hex()), bytes).unwrap();
        json!({"mediaType": kind, "digest": digest.as_str(), "size": bytes.len()})
    }

    /// Extracts into `root` beside a canary that nothing may touch.
    async fn unpack(&self, limits: &Limits) -> Result<PathBuf, Error> {
        let canary = self.canary();
        std::fs::create_dir_all(canary.join("folder")).unwrap();
        std::fs::write(canary.join("file"), "untouched").unwrap();
        std::fs::set_permissions(canary.join("folder"), PermissionsExt::from_mode(0o750)).unwrap();
        let before = snapshot(&canary);
        let root = self.directory.path().join("root");
        let layout = Layout::open(&self.layout(), None)?;
        let result = unpack(&layout, layout.manifest_digest(), &root, limits).await;
        assert_eq!(snapshot(&canary), before, "the canary was touched");
        let mut names: Vec<_> = std::fs::read_dir(self.directory.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        let expected: &[&str] = if result.is_ok() {
            &["canary", "layout", "root"]
        } else {
            &["canary", "layout"]
        };
        assert_eq!(names, expected, "something was left");
        result.map(|rootfs| rootfs.path)
    }

    fn canary(&self) -> PathBuf {
        self.directory.path().join("canary")
    }
}

fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut list = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = path.symlink_metadata().unwrap().permissions().mode();
        let content = std::fs::read(&path).unwrap_or_default();
        if path.is_dir() {
            list.extend(snapshot(&path));
        }
        list.insert(path, (mode, content));
    }
    list
}

/// Archives that try to get out, by name. `{c}` is the canary's absolute path.
fn escapes(c: &str) -> Vec<(&'static str, Vec<Entry>)> {
    let up = "../../canary";
    vec![
        (
            "parent",
            vec![file("../canary/file"), file("../../canary/file")],
        ),
        ("absolute", vec![file(&format!("{c}/file"))]),
        ("relative link", vec![symlink("l", up), file("l/file")]),
        ("absolute link", vec![symlink("l", c), file("l/file")]),
        (
            "chained links",
            vec![
                symlink("a", ".."),
                symlink("b", "a/.."),
                symlink("d", "b/.."),
                file("d/canary/file"),
            ],
        ),
        (
            "hard link out",
            vec![hard_link("h", &format!("{c}/file")), file("h")],
        ),
        (
            "hard link through a link",
            vec![symlink("l", c), hard_link("h", "l/file"), file("h")],
        ),
        (
            "link then file",
            vec![symlink("x", &format!("{c}/file")), file("x")],
        ),
        (
            "link then folder",
            vec![
                symlink("x", &format!("{c}/folder")),
                entry(b'5', "x", "", ""),
            ],
        ),
        (
            "folder made through a link",
            vec![symlink("l", c), folder("l/new/deep")],
        ),
        ("root is a link", vec![symlink(".", c), file("file")]),
        ("root is a file", vec![file("./"), file(".")]),
        (
            "hard link to a link",
            vec![
                symlink("l", &format!("{c}/file")),
                hard_link("h", "l"),
                file("h"),
            ],
        ),
        (
            "whiteout through a link",
            vec![symlink("l", c), file("l/.wh.file")],
        ),
        (
            "opaque through a link",
            vec![symlink("l", c), file("l/.wh..wh..opq")],
        ),
        ("whiteout of dot", vec![file("a/.wh..")]),
        ("whiteout of dots", vec![file("a/.wh...")]),
        ("whiteout of nothing", vec![file("a/.wh.")]),
        (
            "pax path",
            vec![pax(&[("path", &format!("{c}/file"))]), file("innocent")],
        ),
        (
            "pax link",
            vec![
                pax(&[("linkpath", &format!("{c}/file"))]),
                hard_link("h", "x"),
                file("h"),
            ],
        ),
        (
            "pax zero byte",
            vec![pax(&[("path", "a\0b")]), file("innocent")],
        ),
        (
            "long name",
            vec![
                entry(b'L', "l", "", &format!("{}{c}/file", "../".repeat(60))),
                file("x"),
            ],
        ),
        (
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
        (
            "devices",
            vec![
                entry(b'3', "null", "", ""),
                entry(b'6', "fifo", "", ""),
                entry(b'4', "disk", "", ""),
            ],
        ),
        ("deep", vec![file(&"d/".repeat(49)), file(&"a/".repeat(40))]),
        (
            "link loop",
            vec![symlink("a", "b"), symlink("b", "a"), file("a/x")],
        ),
        ("link to itself", vec![hard_link("a", "a")]),
        (
            "setuid",
            vec![Entry {
                mode: 0o6777,
                ..file("su")
            }],
        ),
        (
            "proc link",
            vec![symlink("l", "/proc/self/root"), file("l/file")],
        ),
        ("unknown type", vec![entry(b'Z', "z", "", "")]),
        ("sparse", vec![entry(b'S', "s", "", "")]),
    ]
}

#[tokio::test]
async fn no_layer_leaves_its_root() {
    let count = escapes("").len();
    for number in 0..count {
        // In one layer, and with the trap and the shot in two layers.
        for split in [false, true] {
            let probe = Image::new(&[]);
            let (name, entries) = escapes(probe.canary().to_str().unwrap()).swap_remove(number);
            let layers = if split {
                let (first, second) = entries.split_at(1);
                vec![archive(first), archive(second)]
            } else {
                vec![archive(&entries)]
            };
            // The crafted paths point at the canary of the image that is extracted.
            let image = Image {
                directory: probe.directory,
            };
            let other = Image::new(&layers);
            std::fs::remove_dir_all(image.layout()).unwrap();
            std::fs::rename(other.layout(), image.layout()).unwrap();
            if let Ok(root) = image.unpack(&Limits::default()).await {
                check_modes(&root, name);
            }
        }
    }
}

fn check_modes(root: &Path, name: &str) {
    for (path, (mode, _)) in snapshot_no_follow(root) {
        let kind = mode & 0o170_000;
        assert!(
            [0o100_000, 0o040_000, 0o120_000].contains(&kind),
            "{name}: {}",
            path.display()
        );
        assert_eq!(mode & 0o6000, 0, "{name}: {}", path.display());
    }
}

fn snapshot_no_follow(folder: &Path) -> Vec<(PathBuf, (u32, ()))> {
    let mut list = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let status = path.symlink_metadata().unwrap();
        if status.is_dir() {
            list.extend(snapshot_no_follow(&path));
        }
        list.push((path, (status.permissions().mode(), ())));
    }
    list
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
