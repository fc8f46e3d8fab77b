//! A plan, carried out.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};
use scar_plan::{Action, ParameterValue, Plan, Snapshot, Stack, StackChange};
use scar_template::{Asset, Content, output};

use crate::change_set::{Wanted, deploy};
use crate::event::Event;
use crate::transfer::{self, Artifacts, Target};
use crate::{Cloud, Error, observe_stacks};

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
    run.stack(&base, on_event).await?;
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

    async fn deploy(
        &mut self,
        change: &StackChange,
        parameters: &BTreeMap<String, ParameterValue>,
        base: &Outputs,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Outputs, Error> {
        let parameters = resolve(parameters, &self.plan.base.name, base)?;
        let artifact_bucket = base.get(output::ARTIFACT_BUCKET).map(String::as_str);
        let wanted = Wanted {
            change,
            parameters,
            artifact_bucket,
        };
        let done = deploy(self.cloud, &wanted, on_event).await?;
        self.applied.changed |= done.changed;
        Ok(done.outputs)
    }
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
