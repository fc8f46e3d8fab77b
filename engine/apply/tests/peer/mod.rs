//! A local cloud of each test's own, or another cloud that `SCAR_TEST_ENDPOINT`, `AWS_ACCESS_KEY_ID` and
//! `AWS_SECRET_ACCESS_KEY` name.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses its part, and fails where it cannot go on"
)]

use scar_apply::{Artifacts, Body, Cloud, Credentials, DestroyOptions, Error, Event, Target};
use scar_manifest::{Files, Format, Source};
use scar_plan::Plan;
use scar_schemas::contract::Image;
use scar_schemas::digest::Digest;
use scar_template::{Asset, Content, Materials, Rendered, layer_zip};
use scar_workflow::Workflow;

pub const SUPERVISOR: &[u8] = b"#!/bin/sh\nexit 1\n";

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _path: &str) -> Result<Vec<u8>, String> {
        Err("no such file".into())
    }
}

pub fn render(workflow: &Workflow) -> Rendered {
    let image = Image::Registry {
        reference: "example.org/tools:1".into(),
        digest: Digest::of(b"image"),
        plain_http: false,
    };
    let stages = || workflow.stages.iter().map(|stage| stage.name.clone());
    let materials = Materials {
        images: stages().map(|name| (name, image.clone())).collect(),
        scripts: stages()
            .map(|name| (name, b"cp $SCAR_INPUT $SCAR_OUT".to_vec()))
            .collect(),
        ..Materials::new(Digest::of(SUPERVISOR), Digest::of(b"manifest"))
    };
    scar_template::render(workflow, &materials).unwrap()
}

struct Assets;

impl Artifacts for Assets {
    fn open(&self, asset: &Asset) -> std::io::Result<Body> {
        Ok(Body::Bytes(match &asset.content {
            Content::Bytes(bytes) => bytes.clone(),
            _ => layer_zip(SUPERVISOR).unwrap(),
        }))
    }
}

/// A workflow from the text of its manifest.
pub fn load(text: String) -> Workflow {
    let source = Source {
        name: "workflow.yaml".into(),
        text,
        format: Format::Yaml,
    };
    let loaded = scar_workflow::load(&source, None, &NoFiles);
    loaded
        .workflow
        .unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

/// A cloud to test at. Tests at a named one share its base stack, so they go one after the other.
pub struct Peer {
    pub cloud: Cloud,
    pub url: String,
    pub credentials: Credentials,
    _turn: Option<tokio::sync::MutexGuard<'static, ()>>,
    _local: Option<(scar_local::Cloud, tempfile::TempDir)>,
}

static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

pub async fn connect() -> Peer {
    match std::env::var("SCAR_TEST_ENDPOINT") {
        Ok(url) => {
            let key = |name| std::env::var(name).unwrap_or_else(|_| "test".into());
            let credentials = Credentials {
                access_key: key("AWS_ACCESS_KEY_ID"),
                secret_key: key("AWS_SECRET_ACCESS_KEY"),
            };
            let turn = TURN.lock().await;
            peer(url, credentials, Some(turn), None).await
        }
        Err(_) => {
            let directory = tempfile::tempdir().unwrap();
            let settings = scar_local::Settings::new(directory.path().into());
            let local = scar_local::Cloud::open(settings).await.unwrap();
            let credentials = Credentials {
                access_key: local.credentials().access_key.clone(),
                secret_key: local.credentials().secret_key.clone(),
            };
            let url = local.endpoint().to_owned();
            peer(url, credentials, None, Some((local, directory))).await
        }
    }
}

async fn peer(
    url: String,
    credentials: Credentials,
    turn: Option<tokio::sync::MutexGuard<'static, ()>>,
    local: Option<(scar_local::Cloud, tempfile::TempDir)>,
) -> Peer {
    let target = Target::Endpoint {
        url: url.clone(),
        region: "us-east-1".into(),
        credentials: Some(credentials.clone()),
    };
    let cloud = Cloud::connect(&target).await.unwrap();
    Peer {
        cloud,
        url,
        credentials,
        _turn: turn,
        _local: local,
    }
}

pub async fn plan(cloud: &Cloud, workflow: &Workflow) -> Plan {
    let rendered = render(workflow);
    let snapshot = scar_apply::observe(cloud, &rendered).await.unwrap();
    scar_plan::diff(&rendered, workflow, &snapshot)
}

pub async fn apply(cloud: &Cloud, plan: &Plan) -> (Result<scar_apply::Applied, Error>, Vec<Event>) {
    let mut events = Vec::new();
    let done = scar_apply::apply(cloud, plan, &Assets, &mut |event| events.push(event)).await;
    (done, events)
}

pub async fn destroy(cloud: &Cloud, workflow: &Workflow, options: DestroyOptions) {
    let rendered = render(workflow);
    let snapshot = scar_apply::observe(cloud, &rendered).await.unwrap();
    if let Some(destruction) = scar_plan::destroy(&snapshot) {
        scar_apply::destroy(cloud, &destruction, options, &mut |_| ())
            .await
            .unwrap();
    }
    let after = scar_apply::observe(cloud, &rendered).await.unwrap();
    assert_eq!(after.stack, None);
}
