use std::os::unix::ffi::OsStringExt;

use scar_schemas::construct::When;

use super::*;

fn directory() -> PathBuf {
    let path = std::env::temp_dir().join(format!("scar-outputs-{}", crate::random::attempt()));
    fs::create_dir(&path).unwrap();
    path
}

fn made(name: &str) -> Made {
    Made {
        path: PathBuf::from(name),
        name: name.to_owned(),
        size: 1,
    }
}

fn prefix(prefix: &str, files: Option<&str>) -> Output {
    let files = files.map(|files| files.parse().unwrap());
    Output {
        bucket: "data".into(),
        key: OutputKey::Prefix {
            prefix: prefix.into(),
            files,
        },
    }
}

fn single(before: &str, after: &str) -> Output {
    let key = OutputKey::Single {
        before: before.into(),
        after: after.into(),
    };
    Output {
        bucket: "data".into(),
        key,
    }
}

fn keys(outputs: Vec<Output>, names: &[&str]) -> Result<Vec<String>, String> {
    let config = StageConfig {
        outputs,
        ..crate::route::tests::config()
    };
    let files: Vec<Made> = names.iter().map(|name| made(name)).collect();
    let placed = place(&files, &config, "clip").map_err(|error| error.to_string())?;
    Ok(placed.into_iter().map(|one| one.key).collect())
}

#[test]
fn only_files_that_are_waited_for_are_counted() {
    let mut config = crate::route::tests::config();
    config.outputs = vec![prefix("bam/", None), prefix("all/", None)];
    let when = When {
        below_bytes: Some(2),
        ..When::default()
    };
    let counted = Counted {
        pattern: "bam/*.bam".parse().unwrap(),
        when: Some(when),
    };
    config.more.counted.insert(0, vec![counted]);
    let large = Made {
        size: 2,
        ..made("large.bam")
    };
    let files = [made("a.bam"), made("a.bam.bai"), made("b.bam"), large];
    let placed = place(&files, &config, "clip").unwrap();
    let fans: Vec<_> = placed.iter().map(|one| (&*one.key, one.fan)).collect();
    let expected = [
        ("all/a.bam", Some((0, 4))),
        ("all/a.bam.bai", Some((1, 4))),
        ("all/b.bam", Some((2, 4))),
        ("all/large.bam", Some((3, 4))),
        ("bam/a.bam", Some((0, 2))),
        ("bam/a.bam.bai", None),
        ("bam/b.bam", Some((1, 2))),
        ("bam/large.bam", None),
    ];
    assert_eq!(fans, expected);
}

#[test]
fn names_are_kept_byte_for_byte() {
    let root = directory();
    fs::create_dir_all(root.join("a/b")).unwrap();
    for name in [" x ", "-n", "a/b/new\nline", "é"] {
        fs::write(root.join(name), "1").unwrap();
    }
    let names: Vec<String> = list(&root)
        .unwrap()
        .into_iter()
        .map(|file| file.name)
        .collect();
    assert_eq!(names, [" x ", "-n", "a/b/new\nline", "é"]);
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn only_regular_files_are_taken() {
    let root = directory();
    std::os::unix::fs::symlink("/etc/passwd", root.join("link")).unwrap();
    let error = list(&root).unwrap_err().to_string();
    assert_eq!(
        error,
        "output \"link\" is a symbolic link; only regular files are published"
    );
    fs::remove_file(root.join("link")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("pipe"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    assert!(list(&root).unwrap_err().to_string().contains("FIFO"));
    fs::remove_file(root.join("pipe")).unwrap();
    fs::write(
        root.join(std::ffi::OsString::from_vec(vec![b'a', 0xff])),
        "1",
    )
    .unwrap();
    assert!(list(&root).unwrap_err().to_string().contains("not UTF-8"));
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn files_go_where_their_names_match() {
    let outputs = || {
        vec![
            prefix("video/", Some("*.avi")),
            prefix("audio/", Some("*.wav")),
        ]
    };
    assert_eq!(
        keys(outputs(), &["x.avi", "sub/y.wav", "z.txt"]).unwrap(),
        ["audio/sub/y.wav", "video/x.avi"]
    );
    assert_eq!(keys(outputs(), &[]).unwrap(), Vec::<String>::new());
    assert_eq!(
        keys(vec![prefix("", Some("sub/*"))], &["y", "sub/y"]).unwrap(),
        ["sub/y"]
    );
}

#[test]
fn a_single_output_is_exactly_one() {
    let one = || vec![single("thumbs/", ".webp")];
    assert_eq!(
        keys(one(), &["whatever.webp"]).unwrap(),
        ["thumbs/clip.webp"]
    );
    let message = "exactly one output file was expected for \"thumbs/*.webp\", the task made";
    assert_eq!(keys(one(), &[]).unwrap_err(), format!("{message} 0"));
    assert_eq!(
        keys(one(), &["a", "b"]).unwrap_err(),
        format!("{message} 2")
    );
    let beside = vec![single("thumbs/", ".webp"), prefix("meta/", Some("*.json"))];
    assert_eq!(
        keys(beside, &["a.webp", "b.json"]).unwrap(),
        ["meta/b.json", "thumbs/clip.webp"]
    );
}

#[test]
fn impossible_keys_are_refused() {
    assert!(keys(vec![prefix("", None)], &[".scar/tasks/s/x.json"]).is_err());
    assert!(keys(vec![prefix(&"p".repeat(1_020), None)], &["abcde"]).is_err());
    assert!(
        keys(
            vec![prefix("a/", None), prefix("a/b/", Some("x"))],
            &["b/x", "x"]
        )
        .is_err()
    );
}
