//! Objects as nobody expects them, with the real file: odd keys, no content, gone or replaced before they
//! are fetched, several in one event.

use scar_schemas::contract::{More, OutputKey};
use serde_json::{Value, json};

use crate::sandbox::{ENGINES, Sandbox};
use crate::stage::{DATA, prefix, single};
use crate::world::event;

/// Makes one file, whatever its input is called.
const ONE: &str = "#!/bin/sh -e\ncat \"$SCAR_INPUT\" > \"$SCAR_OUT/one\"\n";
const BOTH_MODES: [fn() -> OutputKey; 2] = [|| single("out/", ".up"), || prefix("out/")];

fn taking_all(script: &str, output: OutputKey) -> Sandbox {
    let more = More::default();
    Sandbox::new(ENGINES[0], script, &["in/**"], Some(output), more)
}

fn first(report: &Value) -> &Value {
    &report["tasks"][0]
}

#[test]
fn any_key_is_an_input_and_a_part_of_an_output() {
    let long = format!("in/{}", "é".repeat(500));
    let keys = [
        "in/100% +%2B&=?#;",
        "in/\u{1f600} cafe\u{301}",
        "in/\"'\\${x}`y`<z>",
        "in/line\nfeed\ttab\u{7f}\u{1}",
        "in/a/../../b",
        "in/./.hidden",
        "in//double//slash",
        "in/-rf",
        "in/a:b|c*[d]",
        &long,
    ];
    let mut sandbox = taking_all(ONE, single("out/", ".up"));
    for (number, key) in keys.into_iter().enumerate() {
        let body = number.to_string();
        let report = sandbox.bring(key, &body);
        assert_eq!(first(&report)["state"], "published", "{key:?} {report:#}");
        let name = key.rsplit('/').next().unwrap();
        let stem = scar_schemas::contract::stem(name);
        assert_eq!(sandbox.text(&format!("out/{stem}.up")), body, "{key:?}");
        let again = event(&sandbox.store, DATA, key);
        let report = sandbox.function.invoke(&again).unwrap();
        assert_eq!(first(&report)["state"], "published", "{key:?} {report:#}");
    }
    assert_eq!(sandbox.keys("out/").len(), keys.len());
}

#[test]
fn files_of_any_name_are_published() {
    let names = "#!/bin/sh -e\ncd \"$SCAR_OUT\"; mkdir -p 'a b/%2F'\nfor name in 'a b/%2F/+ü&?#' \
        \"$(printf 'line\\nfeed')\" '\u{1f600}' '-x' '.hidden' \"q'\\\"\"; do printf x > \"./$name\"; done\n";
    let mut sandbox = taking_all(names, prefix("out/"));
    let report = sandbox.bring("in/a", "1");
    assert_eq!(first(&report)["state"], "published", "{report:#}");
    let expected = [
        "-x",
        ".hidden",
        "a b/%2F/+ü&?#",
        "line\nfeed",
        "q'\"",
        "\u{1f600}",
    ];
    assert_eq!(
        sandbox.keys("out/"),
        expected.map(|name| format!("out/{name}"))
    );
    assert_eq!(sandbox.keys(".scar/staged/"), [""; 0]);
}

#[test]
fn an_output_key_that_is_too_long_is_one_failure_at_once() {
    let mut sandbox = taking_all(ONE, single("out/", ".up"));
    let key = format!("in/{}", "x".repeat(1_021));
    let report = sandbox.bring(&key, "1");
    assert_eq!(first(&report)["state"], "failed", "{report:#}");
    let message = first(&report)["failure"]["message"].as_str().unwrap();
    assert!(message.contains("longer than 1024 bytes"), "{message}");
    assert_eq!(sandbox.keys(".scar/tasks/one/").len(), 1);
    assert_eq!(sandbox.keys(".scar/attempts/"), [""; 0]);
}

#[test]
fn an_object_without_content_is_an_object() {
    for output in BOTH_MODES {
        let mut sandbox = taking_all(ONE, output());
        let report = sandbox.bring("in/empty", "");
        assert_eq!(first(&report)["state"], "published", "{report:#}");
        let outputs = sandbox.keys("out/");
        assert_eq!(outputs.len(), 1);
        assert_eq!(sandbox.text(&outputs[0]), "");
    }
}

#[test]
fn an_object_that_is_gone_when_it_is_fetched_ends_its_task() {
    for output in BOTH_MODES {
        let mut sandbox = taking_all(ONE, output());
        let event = sandbox.put("in/a", "1");
        let place = (DATA.to_owned(), "in/a".to_owned());
        sandbox.store.state.lock().unwrap().objects.remove(&place);
        for _ in 0..2 {
            let report = sandbox.function.invoke(&event).unwrap();
            assert_eq!(first(&report)["state"], "superseded", "{report:#}");
        }
        assert_eq!(sandbox.keys("out/"), [""; 0]);
    }
}

#[test]
fn an_object_that_was_replaced_is_the_next_events_business() {
    for output in BOTH_MODES {
        let mut sandbox = taking_all(ONE, output());
        let old = sandbox.put("in/a", "old");
        let new = sandbox.put("in/a", "new");
        let report = sandbox.function.invoke(&old).unwrap();
        assert_eq!(first(&report)["state"], "superseded", "{report:#}");
        assert_eq!(sandbox.keys("out/"), [""; 0]);
        for event in [&new, &old, &new] {
            sandbox.function.invoke(event).unwrap();
        }
        let outputs = sandbox.keys("out/");
        assert_eq!(outputs.len(), 1);
        assert_eq!(sandbox.text(&outputs[0]), "new");
    }
}

/// On a bucket without versions the same bytes, put again, are the same task: one whose event found other
/// bytes or none has not been done.
#[test]
fn an_object_that_is_there_again_is_worked_on() {
    let place = (DATA.to_owned(), "in/a".to_owned());
    for output in BOTH_MODES {
        for other in [Some("other"), None] {
            let mut sandbox = taking_all(ONE, output());
            let event = sandbox.put("in/a", "1");
            let first_object = sandbox.object("in/a");
            match other {
                Some(body) => drop(sandbox.put("in/a", body)),
                None => drop(sandbox.store.state.lock().unwrap().objects.remove(&place)),
            }
            let report = sandbox.function.invoke(&event).unwrap();
            assert_eq!(first(&report)["state"], "superseded", "{report:#}");
            let state = sandbox.store.state.clone();
            state
                .lock()
                .unwrap()
                .objects
                .insert(place.clone(), first_object);
            for _ in 0..2 {
                let report = sandbox.function.invoke(&event).unwrap();
                assert_eq!(first(&report)["state"], "published", "{report:#}");
            }
            let outputs = sandbox.keys("out/");
            assert_eq!(outputs.len(), 1);
            assert_eq!(sandbox.text(&outputs[0]), "1");
        }
    }
}

/// Of a queue's messages, those and only those come again that nobody could do anything about.
#[test]
fn each_message_of_a_queue_is_answered_for_on_its_own() {
    let script = "#!/bin/sh -e\nread -r word < \"$SCAR_INPUT\"\n[ \"$word\" = later ] && exit 75\n\
        [ \"$word\" = bad ] && exit 65\ncat \"$SCAR_INPUT\" > \"$SCAR_OUT/$SCAR_STEM\"\n";
    let mut sandbox = taking_all(script, prefix("out/"));
    let bodies = [
        sandbox.put("in/good", "good\n").to_string(),
        sandbox.put("in/later", "later\n").to_string(),
        "no json".to_owned(),
        sandbox.put("in/bad", "bad\n").to_string(),
        sandbox.put("elsewhere/a", "a\n").to_string(),
        sandbox.put("in/last", "last\n").to_string(),
    ];
    let record = |(number, body): (usize, &String)| json!({ "messageId": format!("m{number}"), "eventSource": "aws:sqs", "body": body });
    let records: Vec<Value> = bodies.iter().enumerate().map(record).collect();
    let answer = sandbox
        .function
        .invoke(&json!({ "Records": records }))
        .unwrap();
    let failed = json!([{ "itemIdentifier": "m1" }, { "itemIdentifier": "m2" }]);
    assert_eq!(answer, json!({ "batchItemFailures": failed }));
    assert_eq!(sandbox.keys("out/"), ["out/good", "out/last"]);
}

#[test]
fn a_clock_starts_only_a_stage_that_has_a_schedule() {
    let clock = json!({
        "version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "0", "time": "2026-01-01T06:00:00Z", "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:0:rule/r"], "detail": {},
    });
    let script = "#!/bin/sh -e\necho \"$EVENT_TIME\" > \"$SCAR_OUT/time\"\n";
    let more = More {
        scheduled: true,
        ..More::default()
    };
    let mut sandbox = Sandbox::new(ENGINES[0], script, &[], Some(prefix("out/")), more);
    for _ in 0..2 {
        let report = sandbox.function.invoke(&clock).unwrap();
        assert_eq!(first(&report)["state"], "published", "{report:#}");
    }
    assert_eq!(sandbox.text("out/time"), "2026-01-01T06:00:00Z\n");
    let mut sandbox = taking_all(ONE, prefix("out/"));
    let refused = sandbox.function.invoke(&clock).unwrap_err();
    assert_eq!(refused["errorMessage"], "this stage has no schedule");
}
