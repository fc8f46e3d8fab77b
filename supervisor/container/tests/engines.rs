//! The same programs through the engines `namespaces` and `graft`, the second one in a sandbox like that
//! of AWS Lambda: exit codes, what they print and what they leave behind are compared.
//!
//! ```text
//! cargo test -p scar-container --test engines -- --ignored engines_agree
//! ```
//!
//! needs root, debootstrap, gcc and musl-tools. `SCAR_TEST_LONG=1` takes a large image and all cases,
//! `SCAR_TEST_CASES=git,perl` takes those cases, `UPDATE=1` writes down the differences that are found:
//! each of them has to be explained in `docs/reference/engines.md`.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]
#![expect(clippy::print_stderr, reason = "progress of a test of minutes")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use scar_container::{Command, ImageConfig, Job, Mount, Rootfs, Stream, select};
use scar_schemas::digest::Digest;

#[path = "engines/image.rs"]
mod image;
mod sandbox;

use image::{folder, image};

/// Tells [`inside`] which engine to take, and which cases: their paths below the folder of cases.
const ENGINE: &str = "SCAR_TEST_ENGINE";
const CASES: &str = "SCAR_TEST_CASES";
/// What a line with the result of a case begins with.
const MARK: &str = "case: ";
const CASE_TIMEOUT: Duration = Duration::from_secs(600);

/// What a case did, line by line: what it printed, how it ended, which files it left.
type Results = BTreeMap<String, Vec<String>>;

#[test]
#[ignore = "needs root, debootstrap, musl-tools and a mirror of Debian; CI runs it"]
fn engines_agree() {
    let is_long = std::env::var_os("SCAR_TEST_LONG").is_some();
    let (set, size) = if is_long {
        ("large", "6g")
    } else {
        ("small", "1500m")
    };
    let image = image(set);
    let cases = cases(if is_long {
        &["small", "large"]
    } else {
        &["small"]
    });
    let results = std::thread::scope(|scope| {
        let (image, cases) = (&image, &cases);
        ["namespaces", "graft"]
            .map(|engine| scope.spawn(move || run_inside(engine, image, size, cases)))
            .map(|thread| thread.join().unwrap())
    });
    let [expected, found] = results;
    let mut wrong = Vec::new();
    for case in &cases {
        let difference = difference(&expected[case], &found[case]);
        let place = folder("differences").join(case).with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            update(&place, &difference);
        }
        let known = std::fs::read_to_string(&place).unwrap_or_default();
        if known != difference {
            wrong.push(format!("{case}: expected\n{known}but found\n{difference}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn differences_are_explained() {
    let page = folder("../../../../docs/reference/engines.md");
    let page = std::fs::read_to_string(page).unwrap();
    for place in files(&folder("differences")) {
        let case = place.file_stem().and_then(OsStr::to_str).unwrap();
        assert!(
            page.contains(&format!("`{case}`")),
            "{case} is not explained"
        );
    }
}

#[test]
#[ignore = "is run by another test, in a sandbox"]
fn inside() {
    let Some(folder) = std::env::var_os(sandbox::INSIDE).map(PathBuf::from) else {
        return;
    };
    let engine = std::env::var(ENGINE).unwrap();
    if engine == "graft" {
        sandbox::restrict();
    }
    let selected = select(Some(&engine)).unwrap().engine;
    for case in std::env::var(CASES).unwrap().split(',') {
        let lines = run_case(selected.as_ref(), &folder, case);
        let line = serde_json::to_string(&(case, lines)).unwrap();
        // The beginning of the line may be the test harness'.
        println!("\n{MARK}{line}");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The chosen cases of some sets, by their names: `small/git`.
fn cases(sets: &[&str]) -> Vec<String> {
    let chosen = std::env::var(CASES).unwrap_or_default();
    let mut cases = Vec::new();
    for set in sets {
        for path in files(&folder("cases").join(set)) {
            let name = path.file_stem().and_then(OsStr::to_str).unwrap();
            if chosen.is_empty() || chosen.split(',').any(|chosen| chosen == name) {
                cases.push(format!("{set}/{name}"));
            }
        }
    }
    assert!(!cases.is_empty(), "there is no such case");
    cases
}

/// Runs cases in the sandbox with one engine. The reference gets all of it but the filter.
fn run_inside(engine: &str, image: &Path, size: &str, cases: &[String]) -> Results {
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let programs = build_programs();
    let prepare = format!(
        "mkdir root programs; tar -C root -xpf {}; cp -r {} cases; cp {}/* programs",
        image.display(),
        folder("cases").display(),
        programs.path().display(),
    );
    let mut child = sandbox::inside_limited(place.path(), size, &prepare)
        .env(ENGINE, engine)
        .env(CASES, cases.join(","))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut results = Results::new();
    let mut other = Vec::new();
    let begin = Instant::now();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(result) = line.strip_prefix(MARK) {
            let (case, lines): (String, Vec<String>) = serde_json::from_str(result).unwrap();
            eprintln!("{:6.1} s  {engine} {case}", begin.elapsed().as_secs_f64());
            results.insert(case, lines);
        } else {
            other.push(line);
        }
    }
    let status = child.wait().unwrap();
    assert!(status.success(), "{engine}: {}", other.join("\n"));
    results
}

/// The suite's own programs, with both C libraries, dynamic and static.
fn build_programs() -> tempfile::TempDir {
    let target = tempfile::tempdir().unwrap();
    std::fs::set_permissions(target.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let kinds = [
        ("gcc", "", "glibc"),
        ("gcc", "-static", "static"),
        ("musl-gcc", "-no-pie", "musl"),
        ("musl-gcc", "-static", "musl-static"),
    ];
    for source in files(&folder("programs")) {
        let name = source.file_stem().and_then(OsStr::to_str).unwrap();
        for (compiler, option, kind) in kinds {
            let status = std::process::Command::new(compiler)
                .args(["-O1", "-pthread", "-w"])
                .args(Some(option).filter(|option| !option.is_empty()))
                .arg(&source)
                .arg("-o")
                .arg(target.path().join(format!("{name}-{kind}")))
                .status();
            let built = status.is_ok_and(|status| status.success());
            assert!(
                built,
                "{compiler} of the packages gcc and musl-tools builds {name}"
            );
        }
    }
    target
}

fn run_case(engine: &dyn scar_container::Engine, folder: &Path, case: &str) -> Vec<String> {
    let path = |name: &str| folder.join(name);
    for name in ["out", "scratch"] {
        std::fs::create_dir(path(name)).unwrap();
    }
    let words = ["/bin/bash".to_owned(), format!("/scar/cases/{case}.sh")];
    let mut job = Job::new(Command::Exec(words.into()), path("scratch"));
    for (name, target, read_only) in [
        ("cases", "/scar/cases", true),
        ("programs", "/scar/programs", true),
        ("out", "/out", false),
    ] {
        let (source, target) = (path(name), target.to_owned());
        job.mounts.push(Mount {
            source,
            target,
            read_only,
        });
    }
    let search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/scar/programs";
    for (name, value) in [("PATH", search), ("HOME", "/tmp"), ("LC_ALL", "C.UTF-8")] {
        job.variables.insert(name.into(), value.into());
    }
    job.working_directory = Some("/tmp".into());
    job.timeout = CASE_TIMEOUT;
    let rootfs = Rootfs {
        path: path("root"),
        config: ImageConfig::default(),
        digest: Digest::of(b""),
    };
    let mut lines = Vec::new();
    let mut collect = |stream: Stream, line: &[u8]| {
        let line = String::from_utf8_lossy(line).into_owned();
        if stream == Stream::Stdout {
            lines.push(line);
        } else if std::env::var_os("SCAR_TEST_SHOW").is_some() {
            eprintln!("{} {case}: {line}", engine.name());
        }
    };
    let outcome = engine.run(&rootfs, &job, &mut collect).unwrap();
    lines.push(format!("ended with {:?}", outcome.exit));
    lines.extend(tree(&path("out"), &path("out")));
    // Directories without the right to be entered are left by some cases.
    let clean = "chmod -R u+rwX out scratch; rm -rf out scratch";
    let clean = std::process::Command::new("sh")
        .args(["-c", clean])
        .current_dir(folder)
        .status();
    assert!(clean.unwrap().success());
    lines
}

/// A line for each file: its name, kind, rights and what is in it.
fn tree(folder: &Path, top: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(top).unwrap().to_owned();
        let status = path.symlink_metadata().unwrap();
        let mode = status.permissions().mode();
        let content = if status.is_file() {
            Digest::of(&std::fs::read(&path).unwrap_or_default()).to_string()
        } else {
            String::new()
        };
        lines.push(format!("left {} {mode:o} {content}", name.display()));
        if status.is_dir() {
            lines.extend(tree(&path, top));
        }
    }
    lines.sort();
    lines
}

/// The lines that only one has, or a word on their order.
fn difference(expected: &[String], found: &[String]) -> String {
    let missing = |from: &[String], other: &[String]| {
        let mut left = other.to_vec();
        let mut missing = Vec::new();
        for line in from {
            match left.iter().position(|found| found == line) {
                Some(at) => drop(left.swap_remove(at)),
                None => missing.push(line.clone()),
            }
        }
        missing
    };
    let lines = |sign: &str, lines: Vec<String>| -> String {
        lines
            .iter()
            .map(|line| format!("{sign} {line}\n"))
            .collect()
    };
    let text =
        lines("namespaces:", missing(expected, found)) + &lines("graft:", missing(found, expected));
    if text.is_empty() && expected != found {
        return "in another order\n".into();
    }
    text
}

fn update(place: &Path, difference: &str) {
    if difference.is_empty() {
        // There may have been none before.
        let _ = std::fs::remove_file(place);
    } else {
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, difference).unwrap();
    }
}
