//! A disk that is too small, with the real file on a file system of a few MiB: whatever fills it, the failure
//! names the stage's `disk`, is not tried again, and the next task finds room.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::sandbox::{ENGINES, Sandbox};
use crate::world::supervisor;

const COPY: &str = "#!/bin/sh -e\ncat \"$SCAR_INPUT\" > \"$SCAR_OUT/$SCAR_STEM.copy\"\n";
const TOO_MUCH: &str =
    "#!/bin/sh -e\n/bin/busybox head -c 9000000 /dev/zero > \"$SCAR_OUT/$SCAR_STEM.large\"\n";

/// Handles an event with so many KiB for the work and for images.
fn handle(sandbox: &Sandbox, event: &Value, work_kib: u32, images_kib: u32) -> Value {
    let folder = sandbox.folder.path();
    let file = folder.join("event.json");
    fs::write(&file, event.to_string()).unwrap();
    for name in ["work", "images"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    // Both are seen by this process and its children alone, and end with them.
    let script = format!(
        "mount -t tmpfs -o size={work_kib}k tmpfs {0}/work && \
         mount -t tmpfs -o size={images_kib}k tmpfs {0}/images && exec {1} once --event {0}/event.json",
        folder.display(),
        supervisor().display()
    );
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
    command.envs(sandbox.stage.variables(&sandbox.store, folder));
    command.env("SCAR_ENGINE", ENGINES[0]);
    let output = command.output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).expect(&log)
}

fn assert_disk(report: &Value) {
    let task = &report["tasks"][0];
    assert_eq!(task["state"], "failed", "{report:#}");
    assert_eq!(task["failure"]["class"], "disk", "{report:#}");
    let message = task["failure"]["message"].as_str().unwrap();
    assert!(message.contains("`disk: 512MiB`"), "{message}");
}

#[test]
fn an_input_that_fills_the_disk_names_the_stages_disk() {
    let sandbox = Sandbox::copying(ENGINES[0], COPY);
    let event = sandbox.put("in/large", &"x".repeat(6_000_000));
    assert_disk(&handle(&sandbox, &event, 4_096, 16_384));
    let event = sandbox.put("in/small", "x");
    let report = handle(&sandbox, &event, 4_096, 16_384);
    assert_eq!(report["tasks"][0]["state"], "published", "{report:#}");
}

#[test]
fn an_image_that_fills_the_disk_names_the_stages_disk() {
    let sandbox = Sandbox::copying(ENGINES[0], COPY);
    let event = sandbox.put("in/a", "x");
    assert_disk(&handle(&sandbox, &event, 4_096, 1_024));
}

#[test]
fn outputs_that_fill_the_disk_name_the_stages_disk() {
    let sandbox = Sandbox::copying(ENGINES[0], TOO_MUCH);
    let event = sandbox.put("in/a", "x");
    assert_disk(&handle(&sandbox, &event, 4_096, 16_384));
    assert_eq!(sandbox.keys("out/"), [""; 0]);
    assert_eq!(sandbox.keys(".scar/staged/"), [""; 0]);
}
