//! Every form of event that may come, each in a file of `events/` beside what it becomes. `UPDATE=1`
//! writes the second half anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use scar_schemas::construct::{Http, HttpAuth, HttpMode, Join, JoinBy, When};
use scar_schemas::contract::{More, StageConfig};
use serde_json::json;

use super::*;
use crate::route::{route, tests::config};

/// A stage that has every construct, so that every form means something to it.
fn stage() -> StageConfig {
    StageConfig {
        more: More {
            when: Some(When {
                below_bytes: Some(1_000),
                ..When::default()
            }),
            join: Some(Join {
                by: JoinBy::Stem,
                min_percent: 100,
                timeout_s: None,
            }),
            items: vec!["one".into()],
            after: vec!["up".into()],
            http: Some(Http {
                path: "/w".into(),
                mode: HttpMode::Async,
                auth: HttpAuth::Iam,
                body_bytes: 1_000,
            }),
            ..More::default()
        },
        ..config()
    }
}

fn becomes(event: &Value) -> Value {
    let envelope = match open(event, &event.to_string()) {
        Ok(envelope) => envelope,
        Err(error) => return json!({ "refused": error.to_string() }),
    };
    match envelope {
        Envelope::Sweep => json!("sweep"),
        Envelope::Payload => json!("payload"),
        Envelope::Schedule(time) => json!({ "schedule": time }),
        Envelope::Request(request) => json!({
            "method": request.method,
            "query": request.query,
            "content_type": request.content_type,
            "body": String::from_utf8_lossy(&request.body),
            "bytes": request.body.len(),
        }),
        Envelope::Letters { letters, is_queue } => {
            let letters: Vec<Value> = letters.iter().map(letter).collect();
            json!({ "letters": letters, "is_queue": is_queue })
        }
    }
}

fn letter(letter: &Letter) -> Value {
    let buckets = BTreeMap::from([("data".to_owned(), "w-dev-data".to_owned())]);
    let routed = letter.event.clone();
    let routed = routed.and_then(|event| route(&event, &stage(), &buckets));
    let mut value = match routed {
        Err(error) => json!({ "refused": error.to_string() }),
        Ok(routed) => {
            let arrivals = routed.arrivals.iter().map(|one| {
                let version = one.object.version();
                let role = format!("{:?}", one.role);
                json!({ "key": one.object.key, "version": version, "role": role, "time": one.time })
            });
            let ignored = routed.ignored.iter();
            let ignored: BTreeMap<&str, u64> =
                ignored.map(|(why, count)| (why.as_str(), *count)).collect();
            json!({ "arrivals": arrivals.collect::<Vec<_>>(), "ignored": ignored })
        }
    };
    if let Some(id) = &letter.id {
        value["message"] = json!(id);
    }
    value
}

#[test]
fn every_form_becomes_what_its_file_says() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("events");
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let mut form: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let becomes = becomes(&form["event"]);
        if std::env::var_os("UPDATE").is_some() {
            form["becomes"] = becomes;
            let text = serde_json::to_string_pretty(&form).unwrap();
            fs::write(&path, format!("{text}\n")).unwrap();
        } else {
            assert_eq!(form["becomes"], becomes, "{}", path.display());
        }
        count += 1;
    }
    assert!(count > 30, "only {count} forms");
}

#[test]
fn large_events_and_many_records_are_refused() {
    let many = json!({ "Records": vec![json!({}); MAX_RECORDS + 1] });
    let refused = open(&many, &many.to_string());
    assert_eq!(refused, Err(Refused::TooMany(MAX_RECORDS + 1)));
    let large = json!({ "detail-type": "x".repeat(MAX_STORAGE_EVENT_BYTES) });
    let refused = open(&large, &large.to_string());
    assert!(matches!(refused, Err(Refused::TooLarge(..))));
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "Records",
        "Event",
        "scar",
        "time",
        "requestContext",
        "http",
        "method",
        "httpMethod",
        "elb",
        "requestPayload",
        "body",
        "messageId",
        "Sns",
        "Message",
        "eventSource",
        "EventSource",
        "detail-type",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(|number| json!(number)),
        prop::sample::select(vec![
            "aws:sqs",
            "aws:sns",
            "sweep",
            "{}",
            "POST",
            "Object Created"
        ])
        .prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(names.clone(), inner, 0..6).prop_map(|map| {
                Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_event_panics_and_no_request_is_anything_else(event in any_json()) {
        let opened = open(&event, &event.to_string());
        if http_request::is_request(&event) {
            prop_assert!(matches!(opened, Ok(Envelope::Request(_)) | Err(_)));
        }
    }
}
