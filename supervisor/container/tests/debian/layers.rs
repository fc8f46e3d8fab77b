//! Layers of a root file system: packages, more packages that change and hide, and odd files.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run;

const FORMATS: [&str; 3] = ["gnu", "pax", "oldgnu"];
/// Start of the line that tells of the device.
pub(crate) const DEVICE: &str = "odd/null:";
/// Packages of one layer, so that the 20 roots together stay small.
const PACKAGES: usize = 4;
const MAX_PACKAGE_KIB: u32 = 1500;

/// Names of the machine's small packages, in order.
pub(crate) fn packages() -> Vec<String> {
    let format = "${Installed-Size} ${db:Status-Status} ${Package}\n";
    let text = run(Command::new("dpkg-query").args(["-W", "-f", format]));
    let text = String::from_utf8(text).unwrap();
    let mut names: Vec<_> = text.lines().filter_map(small_package).collect();
    names.sort();
    assert!(
        names.len() > 60,
        "this test needs a machine with Debian packages"
    );
    names
}

fn small_package(line: &str) -> Option<String> {
    let [size, "installed", name] = line.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let size = size.parse::<u32>().ok()?;
    (size <= MAX_PACKAGE_KIB).then(|| name.to_owned())
}

/// The archives of one root file system.
pub(crate) fn make(folder: &Path, packages: &[String], number: usize) -> Vec<Vec<u8>> {
    let pick = |step: usize| &packages[(number * 7 + step * 37) % packages.len()];
    let lower: Vec<_> = (0..PACKAGES).map(|step| files(pick(step))).collect();
    let upper: Vec<_> = (PACKAGES..2 * PACKAGES)
        .map(|step| files(pick(step)))
        .collect();
    let format = FORMATS[number % FORMATS.len()];
    let changes = folder.join("changes");
    std::fs::create_dir(&changes).unwrap();
    let hidden: Vec<_> = lower
        .concat()
        .into_iter()
        .filter(|path| is_file(path))
        .collect();
    change(&changes, &hidden, number);
    odd_files(&changes.join("odd"), number);
    let top = folder.join("top");
    std::fs::create_dir(&top).unwrap();
    on_top(&top);
    vec![
        archive(Path::new("/"), &lower.concat(), format),
        archive(
            Path::new("/"),
            &upper.concat(),
            FORMATS[(number + 1) % FORMATS.len()],
        ),
        archive_all(&changes, FORMATS[(number + 2) % 2]),
        archive_all(&top, format),
    ]
}

/// The root's links that Debian has since /bin is in /usr, and the names of a package.
fn files(package: &str) -> Vec<PathBuf> {
    let text = run(Command::new("dpkg-query").args(["-L", package]));
    let text = String::from_utf8(text).unwrap();
    let links = ["bin", "lib", "lib64", "sbin"].map(PathBuf::from);
    let names = text.lines().filter_map(|line| line.strip_prefix('/'));
    let names = names
        .filter(|name| !name.is_empty() && *name != ".")
        .map(PathBuf::from);
    let there = |path: &PathBuf| Path::new("/").join(path).symlink_metadata().is_ok();
    links.into_iter().chain(names).filter(there).collect()
}

fn is_file(path: &Path) -> bool {
    let status = Path::new("/").join(path).symlink_metadata();
    status.is_ok_and(|status| status.is_file())
}

/// Whiteouts of single files, an opaque folder, a folder in a file's place, and changed content.
fn change(changes: &Path, hidden: &[PathBuf], number: usize) {
    for (place, path) in hidden
        .iter()
        .enumerate()
        .skip(number % 3)
        .step_by(3)
        .take(30)
    {
        let folder = changes.join(path.parent().unwrap());
        std::fs::create_dir_all(&folder).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        match place % 5 {
            0 => std::fs::write(folder.join(name), "changed").unwrap(),
            1 => std::fs::create_dir_all(folder.join(name).join("inside")).unwrap(),
            2 => symlink("/etc/nowhere", folder.join(name)).unwrap(),
            _ => std::fs::write(folder.join(format!(".wh.{name}")), "").unwrap(),
        }
    }
    if let Some(path) = hidden.get(number % hidden.len().max(1)) {
        let folder = changes.join(path.parent().unwrap());
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(".wh..wh..opq"), "").unwrap();
        std::fs::write(folder.join("after-opaque"), "new").unwrap();
    }
}

/// What few images have and tar can say.
fn odd_files(odd: &Path, number: usize) {
    std::fs::create_dir(odd).unwrap();
    let put = |name: &str, mode: u32| {
        std::fs::write(odd.join(name), name).unwrap();
        std::fs::set_permissions(odd.join(name), PermissionsExt::from_mode(mode)).unwrap();
    };
    put("setuid", 0o4755);
    put("secret", 0o400);
    put("new\nline", 0o666);
    put(&"n".repeat(250), 0o644);
    let deep = odd.join(vec!["d".repeat(90); 5].join("/"));
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("leaf"), "deep").unwrap();
    symlink("t".repeat(300), odd.join("long-target")).unwrap();
    symlink("/run", odd.join("absolute")).unwrap();
    std::fs::hard_link(odd.join("secret"), odd.join("twin")).unwrap();
    std::fs::set_permissions(&deep, PermissionsExt::from_mode(0o1777)).unwrap();
    sparse(&odd.join("holes"), number as u64);
    for arguments in [&["null", "c", "1", "3"][..], &["fifo", "p"]] {
        run(Command::new("mknod").current_dir(odd).args(arguments));
    }
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(odd.join("secret"), "user.note", b"a\0b", flags).unwrap();
    rustix::fs::setxattr(&deep, "user.folder", b"1", flags).unwrap();
}

/// A file of up to 40 pieces with holes between them, and one at the end.
fn sparse(path: &Path, number: u64) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::create(path).unwrap();
    for piece in 0..=(number * 2) {
        file.write_all_at(&[piece as u8; 4096], (piece * 3 + number % 2) * 65536)
            .unwrap();
    }
    file.set_len((number * 6 + 9) * 65536).unwrap();
}

/// Folders and links trade places, and a file of a lower layer gets a second name.
fn on_top(top: &Path) {
    std::fs::create_dir_all(top.join("odd")).unwrap();
    symlink("secret", top.join("odd/setuid")).unwrap();
    std::fs::create_dir(top.join("odd/absolute")).unwrap();
    std::fs::write(top.join("odd/absolute/file"), "").unwrap();
    std::fs::write(top.join("odd/.wh.new\nline"), "").unwrap();
}

fn archive_all(folder: &Path, format: &str) -> Vec<u8> {
    let arguments = [
        "--xattrs",
        "--sparse",
        "--mtime=@1700000000.5",
        "-cf",
        "-",
        ".",
    ];
    run(tar(folder, format).args(arguments))
}

fn archive(folder: &Path, names: &[PathBuf], format: &str) -> Vec<u8> {
    let mut tar = tar(folder, format);
    let arguments = ["--no-recursion", "--null", "-T", "-", "-cf", "-"];
    tar.args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = tar.spawn().unwrap();
    // A name that comes twice would be stored as a hard link to itself.
    let mut seen = BTreeSet::new();
    let names = names.iter().filter(|name| seen.insert(*name));
    let list: Vec<_> = names.map(|name| name.to_str().unwrap()).collect();
    let mut input = child.stdin.take().unwrap();
    let text = list.join("\0");
    let sender = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    sender.join().unwrap().unwrap();
    assert!(output.status.success(), "{tar:?}");
    output.stdout
}

fn tar(folder: &Path, format: &str) -> Command {
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(folder).arg(format!("--format={format}"));
    tar
}
