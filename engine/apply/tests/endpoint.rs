//! The whole way at an endpoint: a local cloud of each test's own, or another cloud that
//! `SCAR_TEST_ENDPOINT`, `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` name.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod peer;

use std::path::Path;
use std::time::Duration;

use peer::{Peer, apply, connect, destroy, load, plan};
use scar_apply::trace::State;
use scar_apply::{
    Cloud, Deployment, DestroyOptions, Error, Event, Outcome, data, logs, status, trace,
};
use scar_cfn::Document;
use scar_plan::Action;
use scar_schemas::digest::Digest;
use scar_schemas::record::{
    Failure, FailureClass, ObjectVersion, OutputRecord, RunReport, TaskRecord, TaskState, metadata,
    record_key,
};
use scar_workflow::Workflow;

/// A workflow with an atomic stage and a ledger stage after it.
fn workflow(name: &str, memory: &str) -> Workflow {
    let text = format!(
        "scar: 1\nname: {name}\nstages:\n  grey:\n    image: example.org/tools:1\n    in: in/*.txt\n    \
         out: grey/*.txt\n    memory: {memory}\n    run: cp $SCAR_INPUT $SCAR_OUT\n  split:\n    \
         image: example.org/tools:1\n    in: grey/*.txt\n    out: parts/\n    run: cp $SCAR_INPUT $SCAR_OUT\n"
    );
    load(text)
}

const ALL: DestroyOptions = DestroyOptions {
    buckets: true,
    base: false,
};

#[tokio::test]
async fn plan_after_apply_is_empty_and_destroy_leaves_nothing() {
    let peer = connect().await;
    let cloud = &peer.cloud;
    let small = workflow("life", "512MiB");
    destroy(cloud, &small, ALL).await;

    let first = plan(cloud, &small).await;
    assert_eq!(first.stack.action, Action::Create);
    let (applied, events) = apply(cloud, &first).await;
    let applied = applied.unwrap();
    assert!(
        applied.changed && applied.outputs.contains_key("BucketDataStore"),
        "{applied:?}"
    );
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Resource(one)
        if one.stage.as_deref() == Some("grey") && one.kind == "AWS::Lambda::Function"))
    );
    assert!(matches!(apply(cloud, &first).await.0, Err(Error::Stale(_))));
    let second = plan(cloud, &small).await;
    assert!(second.is_empty(), "{second:#?}");

    let large = workflow("life", "1024MiB");
    let update = plan(cloud, &large).await;
    assert_eq!(update.stack.action, Action::Update);
    let (applied, events) = apply(cloud, &update).await;
    assert!(applied.unwrap().changed, "{events:?}");
    assert!(plan(cloud, &large).await.is_empty());

    // The bucket of a destroyed workflow is kept, and belongs to the next one of its name.
    destroy(cloud, &large, DestroyOptions::default()).await;
    let again = plan(cloud, &large).await;
    apply(cloud, &again).await.0.unwrap();
    destroy(cloud, &large, ALL).await;
}

#[tokio::test]
async fn a_failed_creation_leaves_nothing_and_names_the_cause() {
    let peer = connect().await;
    let cloud = &peer.cloud;
    let good = workflow("fails", "512MiB");
    destroy(cloud, &good, ALL).await;
    let mut bad = plan(cloud, &good).await;
    let mut document = Document::parse(&bad.stack.text).unwrap();
    let role = document.resources.get_mut("GreyRole").unwrap();
    role.properties.remove("AssumeRolePolicyDocument");
    bad.stack.text = document.to_json();
    let (applied, events) = apply(cloud, &bad).await;
    match applied {
        Err(Error::Stack {
            logical_id,
            outcome,
            stage,
            ..
        }) => {
            assert_eq!(
                (logical_id.as_str(), stage.as_deref()),
                ("GreyRole", Some("grey"))
            );
            assert_eq!(outcome, Outcome::RolledBack);
            assert!(
                events
                    .iter()
                    .any(|event| matches!(event, Event::RolledBack { .. }))
            );
        }
        Err(Error::Refused { .. }) => {}
        // Some clouds do not look so closely.
        Ok(_) => {}
        other => panic!("{other:?} {events:?}"),
    }
    destroy(cloud, &good, ALL).await;
    let (applied, _) = apply(cloud, &plan(cloud, &good).await).await;
    applied.unwrap();
    destroy(cloud, &good, ALL).await;
}

#[tokio::test]
async fn files_go_in_and_come_out_byte_for_byte() {
    let peer = connect().await;
    let cloud = &peer.cloud;
    let flow = workflow("files", "512MiB");
    destroy(cloud, &flow, ALL).await;
    apply(cloud, &plan(cloud, &flow).await).await.0.unwrap();
    let deployment = Deployment::find(cloud, &flow).await.unwrap();
    let bucket = &deployment.buckets["data"];

    let directory = tempfile::tempdir().unwrap();
    let from = directory.path().join("from");
    std::fs::create_dir(&from).unwrap();
    let large: Vec<u8> = (0..20_000_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    for (name, bytes) in [
        ("a b+ü%41.txt", &b"odd"[..]),
        ("empty", b""),
        ("large", &large),
    ] {
        std::fs::write(from.join(name), bytes).unwrap();
    }
    let uploads = data::uploads(std::slice::from_ref(&from), "out/").unwrap();
    let put = data::put(cloud, bucket, &uploads, &mut |_| ())
        .await
        .unwrap();
    let listed = data::list(cloud, bucket, "out/").await.unwrap();
    let listed: Vec<_> = listed.into_iter().map(|one| one.object).collect();
    assert_eq!(put, listed);
    let to = directory.path().join("to");
    let got = data::get(cloud, bucket, "out/", &to, &mut |_| ())
        .await
        .unwrap();
    assert_eq!((got.files.len(), got.refused.len()), (3, 0));
    assert_eq!(std::fs::read(to.join("from/large")).unwrap(), large);
    assert_eq!(std::fs::read(to.join("from/a b+ü%41.txt")).unwrap(), b"odd");

    hostile(cloud, bucket, &from.join("empty"), directory.path()).await;
    destroy(cloud, &flow, ALL).await;
}

/// Keys that would like to be files elsewhere.
async fn hostile(cloud: &Cloud, bucket: &str, file: &Path, directory: &Path) {
    let keys = [
        "evil/../../escaped",
        "evil//escaped",
        "evil/ok",
        "evil/ok/inner",
    ];
    let upload = |key: &&str| data::Upload {
        path: file.to_owned(),
        key: (*key).to_owned(),
    };
    let uploads: Vec<_> = keys.iter().map(upload).collect();
    data::put(cloud, bucket, &uploads, &mut |_| ())
        .await
        .unwrap();
    let to = directory.join("jail/to");
    let got = data::get(cloud, bucket, "evil/", &to, &mut |_| ())
        .await
        .unwrap();
    assert_eq!(got.files.len(), 1, "{got:?}");
    assert_eq!(got.refused.len(), 3, "{got:?}");
    assert!(!directory.join("escaped").exists() && !directory.join("jail/escaped").exists());
    data::delete(cloud, bucket, &keys.map(str::to_owned))
        .await
        .unwrap();
    assert_eq!(data::list(cloud, bucket, "evil/").await.unwrap(), []);
}

#[tokio::test]
async fn what_nothing_ran_waits_and_is_counted() {
    let peer = connect().await;
    let cloud = &peer.cloud;
    let flow = workflow("waits", "512MiB");
    destroy(cloud, &flow, ALL).await;
    assert!(matches!(
        Deployment::find(cloud, &flow).await,
        Err(Error::NotDeployed { .. })
    ));
    apply(cloud, &plan(cloud, &flow).await).await.0.unwrap();
    let deployment = Deployment::find(cloud, &flow).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let upload = |number| data::Upload {
        path: file.path().to_owned(),
        key: format!("in/{number}.txt"),
    };
    let uploads: Vec<_> = (0..100).map(upload).collect();
    let bucket = &deployment.buckets["data"];
    let inputs = data::put(cloud, bucket, &uploads, &mut |_| ())
        .await
        .unwrap();
    let tasks = trace::trace(cloud, &flow, &deployment, &inputs)
        .await
        .unwrap();
    assert_eq!(tasks.len(), 100);
    assert!(
        tasks
            .iter()
            .all(|task| task.stage == "grey" && task.state == State::Waiting)
    );
    let waited = trace::wait(
        cloud,
        &flow,
        &deployment,
        &inputs,
        Some(Duration::ZERO),
        &mut |_| (),
    )
    .await;
    assert!(
        matches!(waited, Err(Error::TimedOut { waiting: 100, .. })),
        "{waited:?}"
    );
    let status = status::status(cloud, &flow, &deployment).await.unwrap();
    assert_eq!(
        (status[0].inputs, status[0].waiting, status[1].inputs),
        (100, 100, 0)
    );
    assert!(status[0].oldest_waiting_ms.is_some());
    logs::logs(
        cloud,
        &flow,
        &deployment,
        &logs::Query::default(),
        &mut |_| (),
    )
    .await
    .unwrap();
    destroy(cloud, &flow, ALL).await;
}

#[tokio::test]
async fn what_the_supervisor_left_is_found_and_followed() {
    let peer = connect().await;
    let cloud = &peer.cloud;
    let flow = workflow("trace", "512MiB");
    destroy(cloud, &flow, ALL).await;
    apply(cloud, &plan(cloud, &flow).await).await.0.unwrap();
    let deployment = Deployment::find(cloud, &flow).await.unwrap();
    let bucket = deployment.buckets["data"].clone();
    let file = tempfile::NamedTempFile::new().unwrap();
    let upload = |key: &str| data::Upload {
        path: file.path().to_owned(),
        key: key.to_owned(),
    };
    let uploads = [upload("in/a.txt"), upload("in/b.txt")];
    let inputs = data::put(cloud, &bucket, &uploads, &mut |_| ())
        .await
        .unwrap();
    let store = Store {
        client: client(&peer),
        bucket,
    };

    // The first is done in both stages, the second failed in the first.
    let task = inputs[0].task(&deployment.name, "grey");
    let grey = store.put("grey/a.txt", b"grey".to_vec(), &task).await;
    let next = grey.task(&deployment.name, "split");
    let part = store.put("parts/1", b"part".to_vec(), &next).await;
    store
        .record(record(
            &next,
            "split",
            &grey,
            TaskState::Published,
            Some(&part),
        ))
        .await;
    let failed = inputs[1].task(&deployment.name, "grey");
    store
        .record(record(&failed, "grey", &inputs[1], TaskState::Failed, None))
        .await;

    let mut told = Vec::new();
    let wait = Some(Duration::from_secs(20));
    let on_change = &mut |task: &trace::TaskView| told.push(task.clone());
    let tasks = trace::wait(cloud, &flow, &deployment, &inputs, wait, on_change)
        .await
        .unwrap();
    assert_eq!(
        tasks,
        trace::trace(cloud, &flow, &deployment, &inputs)
            .await
            .unwrap()
    );
    let stages: Vec<_> = tasks.iter().map(|task| task.stage.as_str()).collect();
    assert_eq!(stages, ["grey", "grey", "split"]);
    assert!(matches!(&tasks[1].state, State::Failed { failure } if failure.message == "cause"));
    assert_eq!(tasks[2].parent.as_ref(), Some(&task));
    assert!(matches!(&tasks[2].state, State::Published { outputs }
        if outputs[0].object.as_ref() == Some(&part)));
    assert_eq!(told.len(), 6, "{told:#?}");
    let status = status::status(cloud, &flow, &deployment).await.unwrap();
    assert_eq!(
        (status[0].done, status[0].failed, status[0].waiting),
        (1, 1, 0)
    );
    assert_eq!((status[1].inputs, status[1].done), (1, 1));
    destroy(cloud, &flow, ALL).await;
}

struct Store {
    client: aws_sdk_s3::Client,
    bucket: String,
}

impl Store {
    async fn put(&self, key: &str, bytes: Vec<u8>, task: &str) -> ObjectVersion {
        let (size, bucket) = (bytes.len() as u64, self.bucket.clone());
        let request = self
            .client
            .put_object()
            .bucket(&bucket)
            .key(key)
            .body(bytes.into());
        let answer = request.metadata(metadata::TASK, task).send().await.unwrap();
        let etag = answer.e_tag.unwrap().trim_matches('"').to_owned();
        ObjectVersion {
            bucket,
            key: key.to_owned(),
            etag,
            size,
            version_id: None,
        }
    }

    async fn record(&self, record: TaskRecord) {
        let key = record_key(&record.stage, &record.task);
        self.put(&key, serde_json::to_vec(&record).unwrap(), &record.task)
            .await;
    }
}

fn record(
    task: &str,
    stage: &str,
    input: &ObjectVersion,
    state: TaskState,
    output: Option<&ObjectVersion>,
) -> TaskRecord {
    let output = output.map(|object| OutputRecord {
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        size: object.size,
        digest: Digest::of(b"part"),
        staged: String::new(),
    });
    let failure = Failure {
        class: FailureClass::Container,
        message: "cause".into(),
        exit_code: Some(1),
        log_tail: Vec::new(),
    };
    TaskRecord {
        format: scar_schemas::record::FORMAT,
        task: task.to_owned(),
        stage: stage.to_owned(),
        attempt: "attempt".into(),
        run: task.to_owned(),
        state,
        input: input.clone(),
        outputs: output.into_iter().collect(),
        failure: (state == TaskState::Failed).then_some(failure),
        report: RunReport::default(),
        items: String::new(),
        hops: 1,
    }
}

fn client(peer: &Peer) -> aws_sdk_s3::Client {
    let key = &peer.credentials;
    let keys =
        aws_sdk_s3::config::Credentials::new(&key.access_key, &key.secret_key, None, None, "test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("us-east-1"))
        .endpoint_url(&peer.url)
        .credentials_provider(keys)
        .force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}
