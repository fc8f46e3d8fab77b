//! What else a stage can have, with the real file: secrets, mounts, rounds, joins whose time is up, and
//! jobs of several computers.

use hyper::Method;
use scar_schemas::construct::{Compute, Join, JoinBy, SecretReference};
use scar_schemas::contract::{More, Mount};
use serde_json::{Value, json};

use crate::faults::{Fault, Planned};
use crate::sandbox::{ENGINES, Sandbox};
use crate::stage::{DATA, prefix, single};
use crate::world::event;

const SECRET: &str = "of-which-nobody-speaks";

#[test]
fn a_secret_is_seen_by_the_script_alone() {
    let reference = SecretReference::Parameter("/w/token".into());
    let more = More {
        secrets: [("TOKEN".to_owned(), reference)].into(),
        ..More::default()
    };
    let script = "#!/bin/sh\necho \"it is $TOKEN\"; echo \"$TOKEN\" >&2\n\
        [ \"${#TOKEN}\" = 22 ] || exit 9\n[ \"$SCAR_STEM\" = fails ] && exit 3\n\
        echo made > \"$SCAR_OUT/$SCAR_STEM\"\n";
    let mut sandbox = Sandbox::new(ENGINES[0], script, &["in/*"], Some(prefix("out/")), more);
    let parameter = ("/w/token".to_owned(), SECRET.to_owned());
    sandbox
        .store
        .state
        .lock()
        .unwrap()
        .parameters
        .extend([parameter]);
    let works = sandbox.bring("in/works", "1");
    assert_eq!(works["tasks"][0]["state"], "published", "{works:#}");
    let fails = sandbox.bring("in/fails", "1");
    assert_eq!(fails["tasks"][0]["failure"]["exit_code"], 3, "{fails:#}");
    assert!(sandbox.log().contains("it is "), "{}", sandbox.log());
    let objects = format!("{:?}", sandbox.store.state.lock().unwrap().objects);
    let variables = sandbox.function.variables().unwrap_or_default();
    for seen in [
        sandbox.log(),
        objects,
        variables,
        works.to_string(),
        fails.to_string(),
    ] {
        assert!(!seen.contains(SECRET), "{seen}");
    }
}

/// What a container can find out about processes must not be the supervisor's credentials or others' secrets.
#[test]
fn no_container_sees_the_variables_of_the_supervisor() {
    let script = "#!/bin/sh\nfor file in /proc/*/environ /proc/*/task/*/environ; do\n\
        cat \"$file\"; done > \"$SCAR_OUT/$SCAR_STEM\" 2> /dev/null\nexit 0\n";
    for engine in ["namespaces", "chroot"] {
        let mut sandbox = Sandbox::copying(engine, script);
        sandbox.bring("in/first", "1");
        let seen = sandbox.object("out/first").body;
        let seen = String::from_utf8_lossy(&seen);
        let own = sandbox.function.variables();
        assert!(
            own.is_none_or(|own| own.contains("AWS_SECRET_ACCESS_KEY=")),
            "they are called so"
        );
        // There is no /proc in a root by chroot alone.
        let sees_itself = seen.contains("SCAR_STEM=first");
        assert_eq!(sees_itself, engine == "namespaces", "{seen}");
        assert!(!seen.contains("AWS_"), "{engine}: {seen}");
        assert!(!seen.contains("LAMBDA"), "{engine}: {seen}");
    }
}

#[test]
fn a_mounted_prefix_is_a_folder_that_is_read_only_and_up_to_date() {
    let mount = Mount {
        bucket: "data".into(),
        prefix: "reference/".into(),
        path: "/reference".into(),
    };
    let more = More {
        mounts: vec![mount],
        ..More::default()
    };
    let script = "#!/bin/sh\necho x 2> /dev/null > /reference/a && exit 9\n\
        cat /reference/a /reference/deep/b > \"$SCAR_OUT/$SCAR_STEM.copy\"\n";
    let mut sandbox = Sandbox::new(ENGINES[0], script, &["in/*"], Some(prefix("out/")), more);
    sandbox.put("reference/a", "A");
    sandbox.put("reference/deep/b", "B");
    sandbox.work("one", "AB");
    sandbox.put("reference/a", "new A");
    // An object that is replaced between listing and fetch must not be missing from the folder.
    let replaced = Planned {
        method: Method::GET,
        parts: &["/reference/a"],
        fault: Fault::Status(412, "PreconditionFailed"),
    };
    sandbox.store.faults.lock().unwrap().planned.push(replaced);
    sandbox.work("two", "new AB");
    assert_eq!(sandbox.store.faults.lock().unwrap().count, 1);
}

#[test]
fn a_loop_ends_after_its_rounds() {
    let more = More {
        loop_max: Some(2),
        ..More::default()
    };
    let script = "#!/bin/sh\ncat \"$SCAR_INPUT\" > \"$SCAR_OUT/$SCAR_STEM-again\"\n";
    let mut sandbox = Sandbox::new(ENGINES[0], script, &["in/*"], Some(prefix("in/")), more);
    sandbox.put("in/a", "a");
    for key in ["in/a", "in/a-again"] {
        let event = event(&sandbox.store, DATA, key);
        let report = sandbox.function.invoke(&event).unwrap();
        assert_eq!(report["tasks"][0]["state"], "published", "{report:#}");
    }
    let event = event(&sandbox.store, DATA, "in/a-again-again");
    let report = sandbox.function.invoke(&event).unwrap();
    assert_eq!(report["tasks"], json!([]), "{report:#}");
    assert_eq!(report["ignored"]["loop-limit"], 1, "{report:#}");
    assert_eq!(
        sandbox.keys("in/"),
        ["in/a", "in/a-again", "in/a-again-again"]
    );
}

fn join(min_percent: u8) -> Sandbox {
    let more = More {
        join: Some(Join {
            by: JoinBy::Stem,
            min_percent,
            timeout_s: Some(1),
        }),
        ..More::default()
    };
    let script = "#!/bin/sh\ncat \"$SCAR_INPUT_DIR\"/* > \"$SCAR_OUT/$SCAR_STEM.up\"\n";
    let output = Some(single("out/", ".up"));
    Sandbox::new(ENGINES[0], script, &["in/*", "other/*"], output, more)
}

/// The store says of every object that it was written long ago.
fn sweep(sandbox: &mut Sandbox) -> Value {
    sandbox
        .function
        .invoke(&json!({ "scar": "sweep" }))
        .unwrap()
}

#[test]
fn a_join_whose_time_is_up_takes_what_is_there_if_it_is_enough() {
    let mut sandbox = join(50);
    let report = sandbox.bring("in/a.txt", "alone");
    assert_eq!(report["joins"][0]["state"], "waits", "{report:#}");
    let report = sweep(&mut sandbox);
    assert_eq!(report["joins"][0]["state"], "fired", "{report:#}");
    let fire = sandbox.keys(".scar/fires/one/").remove(0);
    let event = event(&sandbox.store, DATA, &fire);
    let report = sandbox.function.invoke(&event).unwrap();
    assert_eq!(report["tasks"][0]["state"], "published", "{report:#}");
    assert_eq!(sandbox.text("out/a.up"), "alone");
}

#[test]
fn a_join_whose_time_is_up_fails_if_too_little_is_there() {
    let mut sandbox = join(80);
    sandbox.bring("in/a.txt", "alone");
    let report = sweep(&mut sandbox);
    assert_eq!(report["joins"][0]["state"], "too-few", "{report:#}");
    let record = sandbox.keys(".scar/tasks/one/").remove(0);
    let record: Value = serde_json::from_str(&sandbox.text(&record)).unwrap();
    assert_eq!(record["state"], "failed", "{record:#}");
    let message = record["failure"]["message"].as_str().unwrap();
    assert!(message.contains("members of other/*"), "{message}");
}

#[test]
fn of_several_computers_the_first_one_publishes() {
    let more = More {
        compute: Compute::Batch,
        nodes: 2,
        job_timeout_s: 60,
        ..More::default()
    };
    let script = "#!/bin/sh\necho \"$SCAR_NODE of $SCAR_NODES, main ${SCAR_MAIN_NODE-me}\" > \"$SCAR_OUT/node\"\n\
        [ \"$SCAR_NODE\" = 1 ] && exit 7\nexit 0\n";
    let mut sandbox = Sandbox::new(ENGINES[0], script, &["in/*"], Some(prefix("out/")), more);
    sandbox.stage.upload(&sandbox.store, script);
    let report = sandbox.bring("in/a", "a");
    assert_eq!(report["tasks"][0]["state"], "handed-over", "{report:#}");
    let job = sandbox.store.state.lock().unwrap().jobs[0].clone();
    let overrides = &job["nodeOverrides"]["nodePropertyOverrides"][0]["containerOverrides"];
    let request = overrides["environment"][0]["value"].as_str().unwrap();
    let second = computer(&sandbox, request, 1);
    assert_eq!(second, Some(7), "the script's exit code");
    assert_eq!(sandbox.keys("out/"), [""; 0]);
    assert_eq!(computer(&sandbox, request, 0), Some(0));
    assert_eq!(sandbox.text("out/node"), "0 of 2, main me\n");
}

fn computer(sandbox: &Sandbox, request: &str, index: u32) -> Option<i32> {
    let mut command = sandbox.computer(request);
    command.envs([
        ("AWS_BATCH_JOB_ID", "job"),
        ("AWS_BATCH_JOB_NUM_NODES", "2"),
        ("AWS_BATCH_JOB_NODE_INDEX", &index.to_string()),
        ("AWS_BATCH_JOB_MAIN_NODE_INDEX", "0"),
    ]);
    if index > 0 {
        command.env("AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS", "10.0.0.1");
    }
    command.output().unwrap().status.code()
}
