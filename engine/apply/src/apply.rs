//! A plan, carried out.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};
use scar_plan::{
    Action, BucketNotifications, ParameterValue, Plan, Push, Snapshot, Stack, StackChange,
};
use scar_schemas::deployed::METADATA_KEY;
use scar_template::{Asset, Content, ImageContent, output};
use tokio::sync::mpsc;

use crate::change_set::{Wanted, deploy};
use crate::event::Event;
use crate::registry::{Pusher, Repository};
use crate::transfer::{self, Artifacts, Target};
use crate::{Cloud, Error, notification, observe_stacks, protection, registry, stack};

/// Objects uploaded at once.
const PARALLEL: usize = 8;

/// What `apply` came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Whether anything changed at all.
    pub changed: bool,
    /// Objects uploaded.
    pub uploaded: usize,
    /// Outputs of the workflow's stack.
    pub outputs: BTreeMap<String, String>,
}

/// Carries out a plan: base stack, uploads, base stack with the supervisor's layer, workflow stack.
///
/// It may be dropped at any await: a change set that was started goes on in the cloud, and the next
/// apply starts from what it finds.
///
/// # Errors
/// [`Error::Stale`] before anything is written; [`Error::Busy`]; [`Error::Stack`] tells the first cause
/// and whether everything is as before; [`Error::Refused`], [`Error::Artifact`], [`Error::Call`].
pub async fn apply(
    cloud: &Cloud,
    plan: &Plan,
    artifacts: &dyn Artifacts,
    on_event: &mut dyn FnMut(Event),
) -> Result<Applied, Error> {
    let snapshot = current(cloud, plan).await?;
    let mut run = Run {
        cloud,
        plan,
        snapshot,
        applied: Applied::default(),
    };
    // The artifact bucket must be there before the uploads, the layer's bytes before the layer.
    let mut base = run.bootstrap(on_event).await?;
    run.upload(&base, artifacts, on_event).await?;
    base = run.base(base, on_event).await?;
    run.push(&base, artifacts, on_event).await?;
    run.stack(&base, on_event).await?;
    run.protect().await?;
    run.notify(&base, on_event).await?;
    Ok(run.applied)
}

/// Looks again, and refuses a plan that was made for something else.
async fn current(cloud: &Cloud, plan: &Plan) -> Result<Snapshot, Error> {
    let keys: Vec<&str> = plan
        .uploads
        .iter()
        .map(|asset| asset.key.as_str())
        .collect();
    let snapshot = observe_stacks(cloud, &plan.base.name, &plan.stack.name, &keys).await?;
    for (stack, change) in [(&snapshot.base, &plan.base), (&snapshot.stack, &plan.stack)] {
        refuse_busy(stack.as_ref(), change)?;
    }
    plan.is_current(&snapshot)?;
    Ok(snapshot)
}

fn refuse_busy(stack: Option<&Stack>, change: &StackChange) -> Result<(), Error> {
    let is_busy = |stack: &&Stack| stack.status.ends_with("_IN_PROGRESS") && !stack.is_leftover();
    match stack.filter(is_busy) {
        Some(stack) => Err(Error::Busy {
            stack: change.name.clone(),
            status: stack.status.clone(),
        }),
        None => Ok(()),
    }
}

type Outputs = BTreeMap<String, String>;

struct Run<'a> {
    cloud: &'a Cloud,
    plan: &'a Plan,
    snapshot: Snapshot,
    applied: Applied,
}

impl Run<'_> {
    /// Makes the base stack if there is none; answers its outputs.
    async fn bootstrap(&mut self, on_event: &mut dyn FnMut(Event)) -> Result<Outputs, Error> {
        let Some(parameters) = &self.plan.bootstrap else {
            let base = self.snapshot.base.take();
            return Ok(base.map(|base| base.outputs).unwrap_or_default());
        };
        self.deploy(&self.plan.base, parameters, &Outputs::new(), on_event)
            .await
    }

    async fn upload(
        &mut self,
        base: &Outputs,
        artifacts: &dyn Artifacts,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), Error> {
        let is_missing = |asset: &&Asset| !self.snapshot.assets.contains(&asset.key);
        let missing: Vec<&Asset> = self.plan.uploads.iter().filter(is_missing).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let bucket = wanted_output(&self.plan.base.name, base, output::ARTIFACT_BUCKET)?;
        on_event(Event::UploadStarted {
            objects: missing.len(),
        });
        let uploads: Vec<_> = missing
            .into_iter()
            .map(|asset| upload(self.cloud, bucket, asset, artifacts))
            .collect();
        let mut uploads = stream::iter(uploads).buffer_unordered(PARALLEL);
        while let Some(done) = uploads.next().await {
            let (key, size_bytes) = done?;
            self.applied.uploaded += 1;
            self.applied.changed = true;
            on_event(Event::Uploaded { key, size_bytes });
        }
        Ok(())
    }

    /// Brings the base stack up to date; answers its outputs.
    async fn base(
        &mut self,
        base: Outputs,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Outputs, Error> {
        match self.plan.base.action {
            Action::Keep => Ok(base),
            _ => {
                self.deploy(&self.plan.base, &self.plan.base.parameters, &base, on_event)
                    .await
            }
        }
    }

    async fn stack(
        &mut self,
        base: &Outputs,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), Error> {
        self.applied.outputs = match self.plan.stack.action {
            Action::Keep => self
                .snapshot
                .stack
                .take()
                .map(|stack| stack.outputs)
                .unwrap_or_default(),
            _ => {
                self.deploy(
                    &self.plan.stack,
                    &self.plan.stack.parameters,
                    base,
                    on_event,
                )
                .await?
            }
        };
        Ok(())
    }

    /// Sends the images that the registry does not have.
    async fn push(
        &mut self,
        base: &Outputs,
        artifacts: &dyn Artifacts,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), Error> {
        if self.plan.pushes.is_empty() {
            return Ok(());
        }
        let uri = wanted_output(&self.plan.base.name, base, output::REGISTRY)?;
        let repository = registry::repository(self.cloud, uri).await?;
        for push in &self.plan.pushes {
            let failed = |source| Error::Push {
                tag: push.tag.clone(),
                source,
            };
            let pusher = artifacts
                .pusher()
                .ok_or_else(|| failed(std::io::Error::other("it is not at hand")))?;
            let sent = push_one(pusher, push, &repository, on_event).await;
            let size_bytes = sent.map_err(failed)?;
            self.applied.changed = true;
            on_event(Event::Pushed {
                tag: push.tag.clone(),
                size_bytes,
            });
        }
        Ok(())
    }

    /// What was never protected by the manifest is left as somebody may have set it.
    async fn protect(&self) -> Result<(), Error> {
        let protection = &self.plan.protection;
        let was_protected = self.snapshot.stack.as_ref().is_some_and(|stack| {
            let summary = stack.template.metadata.get(METADATA_KEY);
            summary.is_some_and(|summary| summary["settings"]["protect"] == "true")
        });
        let is_wanted = protection.termination || protection.stack_policy.is_some();
        if self.plan.stack.action == Action::Keep || !(is_wanted || was_protected) {
            return Ok(());
        }
        protection::apply(self.cloud, &self.plan.stack.name, protection).await
    }

    /// Buckets of others tell what the functions need, once the functions are there.
    async fn notify(
        &mut self,
        base: &Outputs,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), Error> {
        let changed = |one: &&BucketNotifications| !one.is_kept();
        let changed: Vec<_> = self.plan.notifications.iter().filter(changed).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let functions = functions(self.cloud, &self.plan.stack.name).await?;
        let artifacts = wanted_output(&self.plan.base.name, base, output::ARTIFACT_BUCKET)?;
        for one in changed {
            let lock = notification::Lock::take(self.cloud, artifacts, &one.real_name).await?;
            let done = notification::apply(self.cloud, one, &functions).await;
            lock.release().await?;
            done?;
            self.applied.changed = true;
            on_event(Event::Notified {
                bucket: one.real_name.clone(),
            });
        }
        Ok(())
    }

    async fn deploy(
        &mut self,
        change: &StackChange,
        parameters: &BTreeMap<String, ParameterValue>,
        base: &Outputs,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Outputs, Error> {
        let parameters = resolve(parameters, &self.plan.base.name, base)?;
        let artifact_bucket = base.get(output::ARTIFACT_BUCKET).map(String::as_str);
        let is_workflow = change.name == self.plan.stack.name;
        let alarms = self.plan.protection.rollback_alarms.as_slice();
        let wanted = Wanted {
            change,
            parameters,
            artifact_bucket,
            rollback_alarms: if is_workflow { alarms } else { &[] },
        };
        let done = deploy(self.cloud, &wanted, on_event).await?;
        self.applied.changed |= done.changed;
        Ok(done.outputs)
    }
}

/// Sends one image, and tells of its layers as they arrive.
async fn push_one(
    pusher: &dyn Pusher,
    push: &Push,
    repository: &Repository,
    on_event: &mut dyn FnMut(Event),
) -> std::io::Result<u64> {
    on_event(Event::PushStarted {
        tag: push.tag.clone(),
        stage: match &push.content {
            ImageContent::Stage(stage) => Some(stage.clone()),
            ImageContent::Supervisor(_) => None,
        },
    });
    let (sender, mut layers) = mpsc::unbounded_channel();
    // Who does not listen any more has dropped the push too.
    let on_layer = move |bytes: u64| {
        let _ = sender.send(bytes);
    };
    let mut sending = pusher.push(push, repository, &on_layer);
    loop {
        tokio::select! {
            biased;
            Some(size_bytes) = layers.recv() => on_event(Event::PushedLayer {
                tag: push.tag.clone(),
                size_bytes,
            }),
            sent = &mut sending => return sent,
        }
    }
}

/// ARNs of a stack's functions by logical id.
async fn functions(cloud: &Cloud, name: &str) -> Result<BTreeMap<String, String>, Error> {
    let resources = stack::resources(cloud, name).await?;
    let functions = resources
        .into_iter()
        .filter(|one| one.resource_type.as_deref() == Some("AWS::Lambda::Function"));
    let arn = |one: aws_sdk_cloudformation::types::StackResourceSummary| {
        let resource = format!("function:{}", one.physical_resource_id?);
        Some((one.logical_resource_id?, cloud.arn("lambda", &resource)))
    };
    Ok(functions.filter_map(arn).collect())
}

async fn upload(
    cloud: &Cloud,
    bucket: &str,
    asset: &Asset,
    artifacts: &dyn Artifacts,
) -> Result<(String, u64), Error> {
    let key = &asset.key;
    let unreadable = |source| Error::Artifact {
        key: key.clone(),
        source,
    };
    let body = artifacts.open(asset).map_err(unreadable)?;
    let digest = match &asset.content {
        Content::ImageBlob { digest, .. } => Some(digest),
        _ => None,
    };
    let target = Target {
        bucket,
        key,
        digest,
    };
    let object = transfer::upload(cloud, &target, body, &|_| ()).await?;
    Ok((key.clone(), object.size))
}

fn resolve(
    parameters: &BTreeMap<String, ParameterValue>,
    base_name: &str,
    base: &Outputs,
) -> Result<BTreeMap<String, String>, Error> {
    let value = |value: &ParameterValue| match value {
        ParameterValue::Literal(text) => Ok(text.clone()),
        ParameterValue::BaseOutput(name) => wanted_output(base_name, base, name).map(str::to_owned),
    };
    parameters
        .iter()
        .map(|(name, one)| Ok((name.clone(), value(one)?)))
        .collect()
}

fn wanted_output<'a>(stack: &str, outputs: &'a Outputs, name: &str) -> Result<&'a str, Error> {
    let missing = || Error::MissingOutput {
        stack: stack.to_owned(),
        output: name.to_owned(),
    };
    outputs.get(name).map(String::as_str).ok_or_else(missing)
}
