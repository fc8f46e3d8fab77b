//! Answers of a store that are easy to take for something else, and a store that is away, with the real file.

use std::time::{Duration, Instant};

use hyper::Method;
use scar_schemas::construct::Compute;
use scar_schemas::contract::{More, OutputKey};

use crate::faults::{Fault, Planned};
use crate::sandbox::{ENGINES, Sandbox};
use crate::services::AGENT;
use crate::stage::{DATA, prefix, single};

const COPY: &str = "#!/bin/sh -e\ncat \"$SCAR_INPUT\" > \"$SCAR_OUT/$SCAR_STEM.copy\"\n";
/// More than the 64 MiB that are copied by one request.
const LARGE: &str =
    "#!/bin/sh -e\n/bin/busybox head -c 70000000 /dev/zero > \"$SCAR_OUT/$SCAR_STEM.large\"\n";
const TRANSIENT: [Fault; 6] = [
    // Errors of S3 that come after the answer has begun.
    Fault::Status(200, "InternalError"),
    Fault::Status(409, "ConditionalRequestConflict"),
    Fault::Status(503, "SlowDown"),
    Fault::Status(500, "InternalError"),
    Fault::ResetBefore,
    Fault::ResetAfter,
];

fn plan(sandbox: &Sandbox, method: &Method, parts: &'static [&'static str], fault: Fault) {
    let method = method.clone();
    let mut faults = sandbox.store.faults.lock().unwrap();
    faults.planned.push(Planned {
        method,
        parts,
        fault,
    });
}

/// How often an object was written with effect.
fn writes(sandbox: &Sandbox, key: &str) -> u32 {
    let state = sandbox.store.state.lock().unwrap();
    state.writes[&(DATA.to_owned(), key.to_owned())]
}

fn assert_all_happened(sandbox: &Sandbox) {
    let faults = sandbox.store.faults.lock().unwrap();
    assert!(faults.planned.is_empty(), "{:?}", faults.planned);
}

#[test]
fn an_error_in_the_answer_to_a_copy_is_no_copy() {
    let mut sandbox = Sandbox::copying(ENGINES[0], COPY);
    for fault in TRANSIENT {
        plan(&sandbox, &Method::PUT, &["/out/a.copy"], fault);
    }
    let report = sandbox.bring("in/a", "1");
    assert_eq!(report["tasks"][0]["state"], "published", "{report:#}");
    assert_all_happened(&sandbox);
    assert_eq!(sandbox.text("out/a.copy"), "1");
    assert_eq!(writes(&sandbox, "out/a.copy"), 1);
}

#[test]
fn an_upload_in_parts_is_completed_once() {
    let script = LARGE.replace("70000000", "17000000");
    let output: OutputKey = single("out/", ".up");
    let mut sandbox = Sandbox::new(
        ENGINES[0],
        &script,
        &["in/*"],
        Some(output),
        More::default(),
    );
    for fault in TRANSIENT {
        plan(&sandbox, &Method::POST, &["/out/a.up", "uploadId"], fault);
    }
    plan(
        &sandbox,
        &Method::PUT,
        &["partNumber=2"],
        Fault::Status(503, "SlowDown"),
    );
    let report = sandbox.bring("in/a", "1");
    assert_eq!(report["tasks"][0]["state"], "published", "{report:#}");
    assert_all_happened(&sandbox);
    assert_eq!(sandbox.object("out/a.up").body.len(), 17_000_000);
    assert_eq!(writes(&sandbox, "out/a.up"), 1);
}

#[test]
fn a_large_object_is_copied_in_parts_and_keeps_its_labels() {
    let mut sandbox = Sandbox::copying(ENGINES[0], LARGE);
    let target = &["/out/a.large", "partNumber=2"];
    for fault in [Fault::Status(200, "InternalError"), Fault::ResetAfter] {
        plan(&sandbox, &Method::PUT, target, fault);
        plan(
            &sandbox,
            &Method::POST,
            &["/out/a.large", "uploadId"],
            fault,
        );
    }
    let report = sandbox.bring("in/a", "1");
    assert_eq!(report["tasks"][0]["state"], "published", "{report:#}");
    assert_all_happened(&sandbox);
    let object = sandbox.object("out/a.large");
    assert_eq!(object.body.len(), 70_000_000);
    assert_eq!(object.metadata["scar-task"], report["tasks"][0]["task"]);
    assert_eq!(object.metadata["scar-items"], "0-1");
    assert_eq!(writes(&sandbox, "out/a.large"), 1);
    let state = sandbox.store.state.lock().unwrap();
    assert!(state.uploads.is_empty(), "{:?}", state.uploads.keys());
}

/// Whatever is refused for good this time is not acknowledged, and done when the event comes again.
#[test]
fn credentials_that_end_midway_leave_the_event_to_come_again() {
    let places: [(Method, &'static [&'static str]); 5] = [
        (Method::GET, &["/images/blobs/"]),
        (Method::HEAD, &["/out/a.up"]),
        (Method::GET, &["/in/a"]),
        (Method::PUT, &["/out/a.up"]),
        (Method::PUT, &["/.scar/attempts/"]),
    ];
    for (method, parts) in &places[..4] {
        let output = Some(single("out/", ".up"));
        let mut sandbox = Sandbox::new(ENGINES[0], COPY, &["in/*"], output, More::default());
        let ended = Fault::Status(400, "ExpiredToken");
        plan(&sandbox, method, parts, ended);
        plan(&sandbox, &places[4].0, places[4].1, ended);
        let event = sandbox.put("in/a", "1");
        let failure = sandbox.function.invoke(&event).unwrap_err();
        assert_eq!(failure["errorType"], "Scar.cloud", "{failure:#}");
        let message = failure["errorMessage"].as_str().unwrap();
        assert!(message.contains("400"), "{message}");
        let report = sandbox.function.invoke(&event).unwrap();
        assert_eq!(report["tasks"][0]["state"], "published", "{report:#}");
        assert_eq!(writes(&sandbox, "out/a.up"), 1);
    }
}

#[test]
fn a_bucket_that_is_elsewhere_is_told_at_once() {
    let output = Some(single("out/", ".up"));
    let mut sandbox = Sandbox::new(ENGINES[0], COPY, &["in/*"], output, More::default());
    plan(
        &sandbox,
        &Method::PUT,
        &["/out/a.up"],
        Fault::Status(301, "PermanentRedirect"),
    );
    let event = sandbox.put("in/a", "1");
    let failure = sandbox.function.invoke(&event).unwrap_err();
    let message = failure["errorMessage"].as_str().unwrap();
    assert!(message.contains("301 PermanentRedirect"), "{message}");
}

/// The storage is away when a sandbox is thawed, and comes back: the task is not lost, and nobody waits for
/// longer than a repetition of the event takes.
#[test]
fn a_store_that_is_away_after_a_thaw_costs_a_repetition_at_most() {
    let mut sandbox = Sandbox::copying(ENGINES[0], COPY);
    sandbox.work("first", "1");
    for away in [Duration::from_millis(300), Duration::from_secs(5)] {
        let event = sandbox.put("in/second.txt", &format!("{away:?}"));
        sandbox.function.signal("STOP");
        sandbox.store.turn(false);
        sandbox.function.signal("CONT");
        let store = sandbox.store.clone();
        let back = std::thread::spawn(move || {
            std::thread::sleep(away);
            store.turn(true);
        });
        let start = Instant::now();
        let mut tries = 1;
        while let Err(failure) = sandbox.function.invoke(&event) {
            assert_eq!(failure["errorType"], "Scar.cloud", "{failure:#}");
            tries += 1;
            std::thread::sleep(Duration::from_millis(200));
        }
        back.join().unwrap();
        let time = start.elapsed();
        eprintln!("away for {away:?}: done after {time:?} and {tries} tries");
        assert!(tries <= 3, "{tries} tries");
        assert!(time < away + Duration::from_secs(20), "{time:?}");
        assert_eq!(sandbox.text("out/second.copy"), format!("{away:?}"));
    }
    assert_eq!(sandbox.keys(".scar/staged/"), [""; 0]);
}

/// The agent of Batch refuses who asks for every request of a task with many.
#[test]
fn a_job_asks_for_its_credentials_once() {
    let script = "#!/bin/sh -e\nfor i in $(seq 40); do echo $i > \"$SCAR_OUT/$i\"; done\n";
    let more = More {
        compute: Compute::Batch,
        job_timeout_s: 60,
        ..More::default()
    };
    let mut sandbox = Sandbox::new(ENGINES[0], script, &["in/*"], Some(prefix("out/")), more);
    sandbox.stage.upload(&sandbox.store, script);
    sandbox.bring("in/a", "a");
    let job = sandbox.store.state.lock().unwrap().jobs[0].clone();
    let request = &job["containerOverrides"]["environment"][0]["value"];
    let agent = format!("http://{}{AGENT}", sandbox.store.address);
    let mut command = sandbox.computer(request.as_str().unwrap());
    command.env_remove("AWS_ACCESS_KEY_ID");
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    assert_eq!(sandbox.keys("out/").len(), 40);
    assert_eq!(sandbox.store.state.lock().unwrap().credentials, 1);
}
