//! What became of inputs: every task they started, found in S3 alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use scar_schemas::digest::Digest;
use scar_schemas::record::{Failure, ObjectVersion, RunReport, records_prefix};
use scar_workflow::{Stage, Workflow};

use crate::data::list_each;
use crate::task::{self, Seen};
use crate::{Cloud, Deployment, Error};

/// Tasks looked at at once.
const PARALLEL: usize = 16;
/// With more waiting tasks of one stage than this, a listing is cheaper than asking for each.
const ASK_EACH: usize = 64;

/// A task: one stage and one input at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// Name of the stage.
    pub stage: String,
    /// Identity of the task.
    pub task: String,
    /// What it is made of.
    pub input: ObjectVersion,
    /// Task whose output the input is; `None` for those given.
    pub parent: Option<String>,
    /// Where it stands.
    pub state: State,
    /// How it ran, if it left a record.
    pub report: Option<RunReport>,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not begun, running, or not fully visible yet.
    Waiting,
    /// Done.
    Published {
        /// What it made, in publishing order.
        outputs: Vec<Output>,
    },
    /// Given up.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// A newer version of the input took its place.
    Superseded,
}

/// An output of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Real bucket name.
    pub bucket: String,
    /// Key.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the content, if there is a record of it.
    pub digest: Option<Digest>,
    /// The object as it is there now; `None` if it is gone or something else took its place.
    pub object: Option<ObjectVersion>,
}

/// Finds all tasks of some inputs, parents before children.
///
/// # Errors
/// [`Error::Call`], [`Error::Record`].
pub async fn trace(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    inputs: &[ObjectVersion],
) -> Result<Vec<TaskView>, Error> {
    let mut tracer = Tracer::new(cloud, workflow, deployment, inputs);
    let mut first_new = 0;
    while first_new < tracer.tasks.len() {
        let count = tracer.tasks.len();
        tracer.look(first_new, &mut |_| ()).await?;
        first_new = count;
    }
    Ok(tracer.tasks)
}

/// Follows all tasks of some inputs until none waits. Each task is told when it is found and whenever its
/// state changes.
///
/// # Errors
/// [`Error::TimedOut`] after `timeout`, [`Error::Call`], [`Error::Record`].
pub async fn wait(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    inputs: &[ObjectVersion],
    timeout: Option<Duration>,
    on_change: &mut dyn FnMut(&TaskView),
) -> Result<Vec<TaskView>, Error> {
    let start = Instant::now();
    let mut tracer = Tracer::new(cloud, workflow, deployment, inputs);
    tracer.tasks.iter().for_each(&mut *on_change);
    let mut pauses = cloud.pauses();
    loop {
        if tracer.look(0, on_change).await? {
            pauses = cloud.pauses();
        }
        let waiting = tracer.waiting(0).count();
        if waiting == 0 {
            return Ok(tracer.tasks);
        }
        if timeout.is_some_and(|timeout| start.elapsed() >= timeout) {
            return Err(Error::TimedOut {
                waiting,
                seconds: start.elapsed().as_secs(),
            });
        }
        pauses.pause().await;
    }
}

/// All tasks found so far.
struct Tracer<'a> {
    cloud: &'a Cloud,
    workflow: &'a Workflow,
    deployment: &'a Deployment,
    tasks: Vec<TaskView>,
    known: BTreeSet<String>,
}

impl<'a> Tracer<'a> {
    fn new(
        cloud: &'a Cloud,
        workflow: &'a Workflow,
        deployment: &'a Deployment,
        inputs: &[ObjectVersion],
    ) -> Self {
        let (tasks, known) = (Vec::new(), BTreeSet::new());
        let mut tracer = Self {
            cloud,
            workflow,
            deployment,
            tasks,
            known,
        };
        inputs.iter().for_each(|input| tracer.add(input, None));
        tracer
    }

    /// Adds the tasks that an object starts.
    fn add(&mut self, input: &ObjectVersion, parent: Option<&str>) {
        for stage in &self.workflow.stages {
            if !task::takes(self.deployment, stage, &input.bucket, &input.key) {
                continue;
            }
            let task = input.task(&self.deployment.name, &stage.name);
            if self.known.insert(task.clone()) {
                self.tasks.push(TaskView {
                    stage: stage.name.clone(),
                    task,
                    input: input.clone(),
                    parent: parent.map(str::to_owned),
                    state: State::Waiting,
                    report: None,
                });
            }
        }
    }

    /// Waiting tasks from an index on.
    fn waiting(&self, first: usize) -> impl Iterator<Item = (usize, &TaskView)> {
        let tasks = self.tasks.iter().enumerate().skip(first);
        tasks.filter(|(_, task)| task.state == State::Waiting)
    }

    /// Looks at all waiting tasks from an index on; whether anything changed.
    async fn look(
        &mut self,
        first: usize,
        on_change: &mut dyn FnMut(&TaskView),
    ) -> Result<bool, Error> {
        let seen = self.seen(first).await?;
        let mut has_changed = false;
        for (index, seen) in seen {
            let task = &mut self.tasks[index];
            if task.state == seen.state {
                continue;
            }
            has_changed = true;
            (task.state, task.report) = (seen.state, seen.report);
            let count = self.tasks.len();
            self.follow(index);
            on_change(&self.tasks[index]);
            self.tasks[count..].iter().for_each(&mut *on_change);
        }
        Ok(has_changed)
    }

    /// Adds the tasks that a task's outputs start.
    fn follow(&mut self, index: usize) {
        let task = self.tasks[index].clone();
        if let State::Published { outputs } = &task.state {
            let objects = outputs.iter().filter_map(|output| output.object.as_ref());
            objects.for_each(|object| self.add(object, Some(&task.task)));
        }
    }

    async fn seen(&self, first: usize) -> Result<Vec<(usize, Seen)>, Error> {
        let mut by_stage: BTreeMap<&str, Vec<(usize, &TaskView)>> = BTreeMap::new();
        for (index, task) in self.waiting(first) {
            by_stage.entry(&task.stage).or_default().push((index, task));
        }
        let mut all = Vec::new();
        for stage in &self.workflow.stages {
            if let Some(tasks) = by_stage.get(stage.name.as_str()) {
                all.extend(self.seen_of(stage, tasks).await?);
            }
        }
        Ok(all)
    }

    async fn seen_of(
        &self,
        stage: &Stage,
        tasks: &[(usize, &TaskView)],
    ) -> Result<Vec<(usize, Seen)>, Error> {
        let present = if tasks.len() > ASK_EACH {
            Some(Present::list(self.cloud, self.deployment, stage).await?)
        } else {
            None
        };
        let present = present.as_ref();
        let one = async |(index, task): &(usize, &TaskView)| {
            let seen = look(self.cloud, self.deployment, stage, task, present).await?;
            Ok((*index, seen))
        };
        let questions: Vec<_> = tasks.iter().map(one).collect();
        stream::iter(questions)
            .buffered(PARALLEL)
            .try_collect()
            .await
    }
}

/// What there is of a stage: then only what is there need be asked for.
pub(crate) struct Present {
    /// Keys of records.
    pub(crate) records: BTreeSet<String>,
    /// Keys of the outputs of an atomic stage, with the time of their last change.
    pub(crate) outputs: BTreeMap<String, u64>,
}

impl Present {
    pub(crate) async fn list(
        cloud: &Cloud,
        deployment: &Deployment,
        stage: &Stage,
    ) -> Result<Self, Error> {
        let (mut records, mut outputs) = (BTreeSet::new(), BTreeMap::new());
        let prefix = records_prefix(&stage.name);
        list_each(cloud, &deployment.state_bucket, &prefix, &mut |one| {
            records.insert(one.object.key);
        })
        .await?;
        if let Some((bucket, before, _)) = task::single_output(deployment, stage) {
            list_each(cloud, bucket, before, &mut |one| {
                outputs.insert(one.object.key, one.modified_ms);
            })
            .await?;
        }
        Ok(Self { records, outputs })
    }
}

/// Looks at one task, asking only for what may be there.
pub(crate) async fn look(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
    view: &TaskView,
    present: Option<&Present>,
) -> Result<Seen, Error> {
    let target = task::single_target(deployment, stage, &view.input.key);
    let target = target.filter(|(_, key)| present.is_none_or(|all| all.outputs.contains_key(key)));
    if let Some((bucket, key)) = &target
        && let Some(seen) = task::by_output(cloud, bucket, key, &view.task).await?
    {
        return Ok(seen);
    }
    let record = scar_schemas::record::record_key(&stage.name, &view.task);
    let mut seen = Seen::waiting();
    if present.is_none_or(|all| all.records.contains(&record)) {
        seen = task::by_record(cloud, deployment, &stage.name, &view.task).await?;
    }
    if let Some((bucket, key)) = &target
        && seen.state == State::Waiting
        && task::is_superseded(cloud, bucket, key, &view.input).await?
    {
        seen.state = State::Superseded;
    }
    Ok(seen)
}
