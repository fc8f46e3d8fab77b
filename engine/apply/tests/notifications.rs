//! Buckets that were there before: own rules come and go, those of others stay.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod peer;

use aws_credential_types::Credentials;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use peer::{Peer, apply, connect, destroy, load, plan};
use scar_apply::{DestroyOptions, Event};
use scar_workflow::Workflow;

const BUCKET: &str = "acme-drop-of-others";

fn client(peer: &Peer) -> aws_sdk_s3::Client {
    let keys = &peer.credentials;
    let keys = Credentials::new(&keys.access_key, &keys.secret_key, None, None, "test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&peer.url)
        .region(Region::new("us-east-1"))
        .credentials_provider(keys)
        .force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}

fn listening(name: &str, events: &str, folder: &str) -> Workflow {
    load(format!(
        "scar: 1\nname: {name}\nbuckets:\n  data: {{}}\n  drop: {{existing: {BUCKET}}}\nstages:\n  copy:\n    \
         image: example.org/tools:1\n    in: drop:{folder}/*.txt\n    out: data:out/\n    events: {events}\n    \
         run: cp $SCAR_INPUT $SCAR_OUT\n"
    ))
}

async fn rules(s3: &aws_sdk_s3::Client) -> (Vec<String>, bool) {
    let request = s3.get_bucket_notification_configuration().bucket(BUCKET);
    let found = request.send().await.unwrap();
    let rules = found.lambda_function_configurations().iter();
    let mut ids: Vec<String> = rules.map(|rule| rule.id().unwrap().to_owned()).collect();
    ids.sort();
    (ids, found.event_bridge_configuration().is_some())
}

#[tokio::test]
async fn two_workflows_with_names_alike_leave_each_other_alone() {
    let peer = connect().await;
    let s3 = client(&peer);
    s3.create_bucket().bucket(BUCKET).send().await.unwrap();
    let (first, second) = (
        listening("img", "direct", "in"),
        listening("img-2", "direct", "other"),
    );
    for workflow in [&first, &second] {
        let planned = plan(&peer.cloud, workflow).await;
        let (done, events) = apply(&peer.cloud, &planned).await;
        done.unwrap();
        let told = |event: &Event| matches!(event, Event::Notified { bucket } if bucket == BUCKET);
        assert!(events.iter().any(told));
        assert!(plan(&peer.cloud, workflow).await.is_empty());
    }
    let (ids, bus) = rules(&s3).await;
    assert_eq!((ids.len(), bus), (2, false), "{ids:?}");
    let planned = plan(&peer.cloud, &first).await;
    assert_eq!(planned.notifications[0].foreign.len(), 1);
    assert!(planned.notifications[0].foreign[0].starts_with("scar.img-2.dev."));

    let keep_data = DestroyOptions::default();
    destroy(&peer.cloud, &first, keep_data).await;
    let (ids, _) = rules(&s3).await;
    assert_eq!(ids.len(), 1);
    assert!(ids[0].starts_with("scar.img-2.dev."), "{ids:?}");
}

#[tokio::test]
async fn eventbridge_is_switched_on_and_never_off() {
    let peer = connect().await;
    let s3 = client(&peer);
    s3.create_bucket().bucket(BUCKET).send().await.unwrap();
    let workflow = listening("bus", "bus", "in");
    let planned = plan(&peer.cloud, &workflow).await;
    apply(&peer.cloud, &planned).await.0.unwrap();
    assert!(rules(&s3).await.1);
    assert!(plan(&peer.cloud, &workflow).await.is_empty());
    destroy(&peer.cloud, &workflow, DestroyOptions::default()).await;
    assert!(rules(&s3).await.1, "others may listen by now");
}
