use proptest::prelude::*;
use scar_schemas::contract::{Command, Image, Input, Output, OutputKey};
use scar_schemas::digest::Digest;
use serde_json::json;

use super::*;

pub(crate) fn config() -> StageConfig {
    StageConfig {
        format: 1,
        workflow: "w".into(),
        environment: "dev".into(),
        stage: "s".into(),
        image: Image::Bucket {
            reference: "oci:tools".into(),
            bucket: "artifacts".into(),
            prefix: "images/".into(),
            digest: Digest::of(b"image"),
        },
        command: Command::Script,
        variables: BTreeMap::new(),
        inputs: vec![Input {
            bucket: "data".into(),
            pattern: "in/**".parse().unwrap(),
        }],
        outputs: vec![Output {
            bucket: "data".into(),
            key: OutputKey::Prefix {
                prefix: "out/".into(),
                files: None,
            },
        }],
        state_bucket: "data".into(),
        timeout_s: 60,
        memory_mib: 512,
        disk_mib: 512,
        attempts: 3,
        more: scar_schemas::contract::More::default(),
    }
}

fn buckets() -> BTreeMap<String, String> {
    BTreeMap::from([("data".into(), "w-dev-data".into())])
}

fn routed(event: &Value) -> Result<Routed, Refused> {
    route(event, &config(), &buckets())
}

fn bus(key: &str) -> Value {
    json!({
        "version": "0", "id": "1", "detail-type": "Object Created", "source": "aws.s3",
        "account": "0", "time": "2026-01-01T00:00:00Z", "region": "us-east-1", "resources": [],
        "detail": {
            "version": "0", "bucket": {"name": "w-dev-data"},
            "object": {"key": key, "size": 3, "etag": "e", "sequencer": "1"},
            "reason": "PutObject", "deletion-type": "x",
        },
    })
}

fn record(name: &str, key: &str) -> Value {
    json!({
        "eventSource": "aws:s3", "eventName": name, "eventTime": "2026-01-01T00:00:00Z",
        "s3": {"bucket": {"name": "w-dev-data"}, "object": {"key": key, "size": 3, "eTag": "e"}},
    })
}

fn keys(routed: &Routed) -> Vec<&str> {
    routed
        .arrivals
        .iter()
        .map(|job| job.object.key.as_str())
        .collect()
}

#[test]
fn bus_keys_are_plain_and_notification_keys_are_form_encoded() {
    assert_eq!(
        keys(&routed(&bus("in/a+b%2B.jpg")).unwrap()),
        ["in/a+b%2B.jpg"]
    );
    let event = json!({"Records": [record("ObjectCreated:Put", "in/a+b%2B.jpg")]});
    assert_eq!(keys(&routed(&event).unwrap()), ["in/a b+.jpg"]);
}

#[test]
fn every_record_counts_and_only_creations_run() {
    let names = [
        "ObjectCreated:Put",
        "s3:ObjectCreated:Copy",
        "ObjectRemoved:Delete",
        "ObjectCreated:CompleteMultipartUpload",
        "ObjectTagging:Put",
        "ObjectCreated:Strange",
    ];
    let records: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(i, name)| record(name, &format!("in/{i}")))
        .collect();
    let routed = routed(&json!({"Records": records})).unwrap();
    assert_eq!(keys(&routed), ["in/0", "in/1", "in/3"]);
    assert_eq!(routed.ignored[&Ignored::NotACreation], 3);
}

#[test]
fn what_is_not_ours_is_counted_and_left_alone() {
    let reason = |event: &Value| {
        let routed = routed(event).unwrap();
        assert!(routed.arrivals.is_empty());
        routed.ignored.into_keys().next().unwrap()
    };
    assert_eq!(
        reason(&json!({"Event": "s3:TestEvent"})),
        Ignored::TestEvent
    );
    assert_eq!(reason(&bus("in/folder/")), Ignored::FolderMarker);
    assert_eq!(reason(&bus(".scar/tasks/s/x.json")), Ignored::OwnObject);
    assert_eq!(reason(&bus("elsewhere/a")), Ignored::NotAnInput);
    assert_eq!(
        reason(&bus(&format!("in/{}", "x".repeat(1_100)))),
        Ignored::BadKey
    );
    let mut foreign = bus("in/a");
    foreign["detail"]["bucket"]["name"] = json!("somebody-elses");
    assert_eq!(reason(&foreign), Ignored::NotAnInput);
    let mut deleted = bus("in/a");
    deleted["detail-type"] = json!("Object Deleted");
    assert_eq!(reason(&deleted), Ignored::NotACreation);
    let cut = json!({"Records": [record("ObjectCreated:Put", "in/a%2")]});
    assert_eq!(reason(&cut), Ignored::BadKey);
}

#[test]
fn events_of_others_are_refused() {
    assert_eq!(
        routed(&json!({"httpMethod": "POST", "body": "{}"})),
        Err(Refused::Unknown)
    );
    assert_eq!(routed(&json!(5)), Err(Refused::Unknown));
    let queue = json!({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]});
    assert_eq!(routed(&queue), Err(Refused::Unknown));
    let broken = json!({"source": "aws.s3", "detail-type": "Object Created"});
    assert!(matches!(routed(&broken), Err(Refused::Malformed(_))));
}

#[test]
fn versions_and_etags_are_those_of_a_listing() {
    let mut event = bus("in/a");
    event["detail"]["object"]["version-id"] = json!("null");
    event["detail"]["object"]["etag"] = json!("\"e\"");
    let object = &routed(&event).unwrap().arrivals[0].object;
    assert_eq!(object.version(), "etag:e:3");
    event["detail"]["object"]["version-id"] = json!("v7");
    assert_eq!(
        routed(&event).unwrap().arrivals[0].object.version(),
        "id:v7"
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "Records",
        "Event",
        "source",
        "detail",
        "detail-type",
        "eventSource",
        "eventName",
        "s3",
        "object",
        "bucket",
        "key",
        "name",
        "size",
        "etag",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(|number| json!(number)),
        prop::sample::select(vec![
            "aws:s3",
            "aws.s3",
            "Object Created",
            "ObjectCreated:Put",
            "in/%"
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
    fn no_event_panics_and_none_reaches_beyond_the_inputs(event in any_json()) {
        if let Ok(routed) = routed(&event) {
            for job in routed.arrivals {
                prop_assert!(job.object.bucket == "w-dev-data" && job.object.key.starts_with("in/"));
            }
        }
    }
}
