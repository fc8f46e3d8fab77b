//! The whole way from the text of a manifest to the plan of what changes, in this process.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use scar_manifest::{Files, Format, Source};
use scar_plan::{Plan, Request, Snapshot, Stack};
use scar_schemas::contract::Image;
use scar_schemas::digest::Digest;
use scar_template::{Materials, Rendered, parameter};
use scar_workflow::{Loaded, Workflow};

/// A workflow that is deployed, and the text of a manifest that is to take its place.
pub(crate) struct Change {
    source: Source,
    snapshot: Snapshot,
}

impl Change {
    /// Between generated manifests in which a third of the stages get another memory size.
    pub(crate) fn of(stages: usize) -> Self {
        let before = source(scar_tests::generated::manifest(stages, "2GiB"));
        let source = source(scar_tests::generated::manifest(stages, "3GiB"));
        Self {
            snapshot: deployed(&link(&before)),
            source,
        }
    }

    /// Text → checked workflow, with the proofs about its graph.
    pub(crate) fn link(&self) -> Workflow {
        link(&self.source)
    }

    /// Workflow → checked templates and packages.
    pub(crate) fn render(workflow: &Workflow) -> Rendered {
        let materials = materials(workflow);
        scar_template::render(workflow, &materials).expect("it can be rendered")
    }

    /// Templates → plan.
    pub(crate) fn compare(&self, workflow: &Workflow, rendered: &Rendered) -> Plan {
        let plan = scar_plan::plan(rendered, workflow, &self.snapshot, &Request::default());
        assert_eq!(plan.summary.update, workflow.stages.len() / 3);
        plan
    }

    /// All of it.
    pub(crate) fn plan(&self) -> Plan {
        let workflow = self.link();
        self.compare(&workflow, &Self::render(&workflow))
    }
}

/// Processor time of this thread that something takes: tests run beside each other.
pub(crate) fn processor_time<T>(work: impl FnOnce() -> T) -> Duration {
    let before = thread_time();
    drop(work());
    thread_time().saturating_sub(before)
}

/// The clock of the thread, which is exact where `getrusage` counts the ticks of some kernels.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("know the time used");
    Duration::from(time)
}

/// Every file is a small script.
struct Scripts;

impl Files for Scripts {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(b"#!/bin/sh\ntrue\n".to_vec())
    }
}

fn source(text: String) -> Source {
    Source {
        name: "workflow.yaml".to_owned(),
        text,
        format: Format::Yaml,
    }
}

fn link(source: &Source) -> Workflow {
    let Loaded {
        workflow,
        diagnostics,
        ..
    } = scar_workflow::load(source, None, &Scripts);
    workflow.unwrap_or_else(|| panic!("{:?}", diagnostics.first()))
}

/// A pinned image for every stage; they run what the image does by itself.
fn materials(workflow: &Workflow) -> Materials {
    let image = Image::Registry {
        reference: "a:1".to_owned(),
        digest: Digest::of(b"image"),
        plain_http: false,
    };
    let stages = workflow.stages.iter();
    Materials {
        images: stages
            .map(|stage| (stage.name.clone(), image.clone()))
            .collect(),
        ..Materials::new(Digest::of(b"supervisor"), Digest::of(b"manifest"))
    }
}

/// What the cloud says after a deployment.
fn deployed(workflow: &Workflow) -> Snapshot {
    let rendered = Change::render(workflow);
    let output = |name: &str| (name.to_owned(), format!("value-of-{name}"));
    let outputs: BTreeMap<String, String> =
        [parameter::ARTIFACT_BUCKET, parameter::SUPERVISOR_LAYER]
            .map(output)
            .into();
    let stack = |name: &str| Stack {
        id: format!("arn:{name}"),
        status: "UPDATE_COMPLETE".to_owned(),
        changed: "2026-01-01T00:00:00Z".to_owned(),
        ..Stack::default()
    };
    Snapshot {
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        assets: rendered
            .assets
            .iter()
            .map(|asset| asset.key.clone())
            .collect(),
        base: Some(Stack {
            parameters: rendered.base_parameters.clone(),
            outputs: outputs.clone(),
            tags: rendered.base_tags.clone(),
            template: rendered.base,
            ..stack(&rendered.base_name)
        }),
        stack: Some(Stack {
            parameters: outputs,
            tags: rendered.tags.clone(),
            template: rendered.stack,
            ..stack(&rendered.stack_name)
        }),
        ..Snapshot::default()
    }
}
