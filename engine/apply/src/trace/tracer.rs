//! All tasks of some inputs, found from each other: a task's outputs are the inputs of the next.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use scar_schemas::record::ObjectVersion;
use scar_workflow::{Stage, Workflow};

use super::arrive::{self, Arrival};
use super::{Present, State, TaskView, group, look};
use crate::task::Seen;
use crate::{Cloud, Deployment, Error};

/// Tasks looked at at once.
const PARALLEL: usize = 16;
/// With more waiting tasks of one stage than this, a listing is cheaper than asking for each.
const ASK_EACH: usize = 64;

/// All tasks found so far.
pub(super) struct Tracer<'a> {
    cloud: &'a Cloud,
    workflow: &'a Workflow,
    deployment: &'a Deployment,
    pub(super) tasks: Vec<TaskView>,
    known: BTreeSet<String>,
    /// Finished tasks that have not told the stages after them yet, as stage id and task.
    untold: BTreeSet<(String, String)>,
}

impl<'a> Tracer<'a> {
    pub(super) async fn new(
        cloud: &'a Cloud,
        workflow: &'a Workflow,
        deployment: &'a Deployment,
        inputs: &[ObjectVersion],
    ) -> Result<Self, Error> {
        let mut tracer = Self {
            cloud,
            workflow,
            deployment,
            tasks: Vec::new(),
            known: BTreeSet::new(),
            untold: BTreeSet::new(),
        };
        for input in inputs {
            tracer.add(input, None).await?;
        }
        Ok(tracer)
    }

    /// How much is under way.
    pub(super) fn open(&self) -> usize {
        self.waiting(0).count() + self.untold.len()
    }

    /// Looks at all waiting tasks from an index on; whether anything changed.
    pub(super) async fn look(
        &mut self,
        first: usize,
        on_change: &mut dyn FnMut(&TaskView),
    ) -> Result<bool, Error> {
        let mut has_changed = self.listen(on_change).await?;
        for (index, seen) in self.seen(first).await? {
            let task = &mut self.tasks[index];
            if task.state == seen.state {
                continue;
            }
            has_changed = true;
            (task.state, task.report) = (seen.state, seen.report);
            let count = self.tasks.len();
            self.follow(index).await?;
            on_change(&self.tasks[index]);
            self.tasks[count..].iter().for_each(&mut *on_change);
        }
        Ok(has_changed)
    }

    /// Whether all that still waits is joins whose other members nothing under way will bring; they are
    /// told to be incomplete then.
    pub(super) async fn settle(
        &mut self,
        on_change: &mut dyn FnMut(&TaskView),
    ) -> Result<bool, Error> {
        let open: Vec<usize> = self.waiting(0).map(|(index, _)| index).collect();
        let is_join = |index: &usize| self.tasks[*index].group.is_some();
        if open.is_empty() || !self.untold.is_empty() || !open.iter().all(is_join) {
            return Ok(false);
        }
        let mut arrived = Vec::new();
        for index in &open {
            let task = &self.tasks[*index];
            match group::missing(self.cloud, self.deployment, self.workflow, task).await? {
                Some(places) => arrived.push(places),
                None => return Ok(false),
            }
        }
        for (index, arrived) in open.into_iter().zip(arrived) {
            self.tasks[index].state = State::Incomplete { arrived };
            on_change(&self.tasks[index]);
        }
        Ok(true)
    }

    /// Adds the tasks that an object starts.
    async fn add(&mut self, input: &ObjectVersion, parent: Option<&str>) -> Result<(), Error> {
        let arrivals = arrive::of(self.cloud, self.workflow, self.deployment, input).await?;
        self.put(arrivals, parent);
        Ok(())
    }

    fn put(&mut self, arrivals: Vec<Arrival>, parent: Option<&str>) {
        for one in arrivals {
            if self.known.insert(one.task.clone()) {
                self.tasks.push(TaskView {
                    stage: one.stage,
                    task: one.task,
                    input: one.input,
                    stem: one.stem,
                    group: one.group,
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

    /// Adds the tasks that a task's outputs start.
    async fn follow(&mut self, index: usize) -> Result<(), Error> {
        let task = self.tasks[index].clone();
        let State::Published { outputs } = &task.state else {
            return Ok(());
        };
        for object in outputs.iter().filter_map(|output| output.object.as_ref()) {
            self.add(object, Some(&task.task)).await?;
        }
        let stage = self
            .workflow
            .stages
            .iter()
            .find(|one| one.name == task.stage);
        if let Some(stage) = stage.filter(|stage| stage.announces) {
            self.untold.insert((stage.id.clone(), task.task));
        }
        Ok(())
    }

    /// Adds the tasks that are `after` finished ones, as far as these have told.
    async fn listen(&mut self, on_change: &mut dyn FnMut(&TaskView)) -> Result<bool, Error> {
        let count = self.tasks.len();
        for (stage, task) in self.untold.clone() {
            let found =
                arrive::after(self.cloud, self.workflow, self.deployment, &stage, &task).await?;
            if let Some(arrivals) = found {
                self.put(arrivals, Some(&task));
                self.untold.remove(&(stage, task));
            }
        }
        self.tasks[count..].iter().for_each(on_change);
        Ok(self.tasks.len() > count)
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
