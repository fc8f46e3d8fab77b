//! One supervisor for many calls: what a call leaves must not reach the next one, and a sandbox that was
//! frozen must go on where it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::runtime::now_ms;
use crate::sandbox::{ENGINES, Sandbox};

/// Looks for what calls before it have left, and leaves files and processes wherever it can.
const LITTER: &str = r#"#!/bin/sh
b=/bin/busybox
cat "$SCAR_INPUT" > "$SCAR_OUT/$SCAR_STEM.copy"
{ $b find / -name 'left-*' 2> /dev/null; ls "$SCAR_OUT/.." | $b grep left; } > "$SCAR_OUT/$SCAR_STEM.found"
for folder in / /tmp /var/tmp /dev/shm /scar "$HOME" "$SCAR_OUT/.." .; do
  cat "$SCAR_INPUT" > "$folder/left-$SCAR_STEM"
done 2> /dev/null
sleep 1000 &
$b setsid sleep 1000 > /dev/null 2>&1 &
($b nohup sleep 1000 > /dev/null 2>&1 &)
exit 0
"#;

/// All files and folders below a path.
fn tree(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![path.to_owned()];
    while let Some(path) = pending.pop() {
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            if entry.file_type().unwrap().is_dir() {
                pending.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// So many calls, and 1,000 with `SCAR_TEST_LONG`.
fn nothing_passes_from_call_to_call(engine: &str, calls: usize) {
    let calls = match std::env::var_os("SCAR_TEST_LONG") {
        Some(_) => 1_000,
        None => calls,
    };
    let mut sandbox = Sandbox::copying(engine, LITTER);
    let bodies = ["A".repeat(5_000), "B".repeat(300)];
    let mut cache = Vec::new();
    for call in 0..calls {
        let name = format!("n{call}");
        sandbox.work(&name, &bodies[call % 2]);
        assert_eq!(sandbox.text(&format!("out/{name}.found")), "", "{engine}");
        assert_eq!(sandbox.survivors(), [""; 0].map(PathBuf::from), "{engine}");
        assert_eq!(sandbox.function.children(), [0; 0], "{engine}");
        let work = tree(&sandbox.folder.path().join("work"));
        assert_eq!(work, [""; 0].map(PathBuf::from), "{engine}");
        let images = tree(&sandbox.folder.path().join("images"));
        if call == 0 {
            cache.clone_from(&images);
        }
        assert_eq!(images, cache, "{engine}");
    }
}

#[test]
fn nothing_passes_from_call_to_call_with_namespaces() {
    nothing_passes_from_call_to_call(ENGINES[0], 200);
}

#[test]
fn nothing_passes_from_call_to_call_with_graft() {
    // Every one of the script's many programs is loaded by it, which takes its time.
    nothing_passes_from_call_to_call(ENGINES[1], 20);
}

const COPY: &str = "#!/bin/sh -e\ncat \"$SCAR_INPUT\" > \"$SCAR_OUT/$SCAR_STEM.copy\"\n";

/// The store hangs up while the process is stopped: nothing must wait for connections that are no more.
#[test]
fn a_frozen_sandbox_goes_on_without_delay() {
    for (engine, frozen_s) in ENGINES.into_iter().zip([2, 4]) {
        let mut sandbox = Sandbox::copying(engine, COPY);
        sandbox.work("first", "1");
        let warm = sandbox.work("second", "2");
        sandbox.function.signal("STOP");
        sandbox.store.hang_up();
        std::thread::sleep(Duration::from_secs(frozen_s));
        sandbox.function.signal("CONT");
        let thawed = sandbox.work("third", "3");
        eprintln!("{engine}: {warm:?} warm, {thawed:?} after {frozen_s} s");
        assert!(thawed < 3 * warm + Duration::from_millis(500), "{thawed:?}");
    }
}

/// The clock of a sandbox that is thawed has jumped: time that is over is a failure that comes again, and
/// the next call is not harmed.
#[test]
fn a_deadline_in_the_past_is_one_failed_attempt() {
    let mut sandbox = Sandbox::copying(ENGINES[0], COPY);
    sandbox.work("first", "1");
    let event = sandbox.put("in/late.txt", "late");
    let start = Instant::now();
    let report = sandbox.function.invoke_until(&event, now_ms() - 3_600_000);
    assert!(start.elapsed() < Duration::from_secs(10));
    let report = report.unwrap_err();
    assert_eq!(report["errorType"], "Scar.timeout", "{report:#}");
    sandbox.work("second", "2");
    let report = sandbox.function.invoke(&event).unwrap();
    assert_eq!(report["tasks"][0]["state"], "published", "{report:#}");
}

/// Where a sandbox cannot keep a container of the same user from reading the supervisor's variables, their
/// values are gone before the first container starts, and the calls that follow have them.
#[test]
fn credentials_are_read_once_and_wiped() {
    for engine in ENGINES {
        let mut sandbox = Sandbox::copying(engine, COPY);
        for name in ["first", "second"] {
            sandbox.work(name, "1");
            // An ordinary user sees nothing of them at all.
            let Some(seen) = sandbox.function.variables() else {
                continue;
            };
            assert!(seen.contains("AWS_REGION=us-east-1\0"), "{seen}");
            for name in ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"] {
                assert!(seen.contains(&format!("{name}=\0")), "{seen}");
            }
        }
    }
}
