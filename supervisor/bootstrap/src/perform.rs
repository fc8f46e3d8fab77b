//! The steps of the protocol as requests: one function per step, each returning what came back.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use scar_schemas::record::{
    self, Failure, FailureClass, OutputRecord, TaskRecord, TaskState, metadata,
};
use serde::Serialize;

use crate::crash::crash_at;
use crate::digest;
use crate::items::Items;
use crate::job::Current;
use crate::json;
use crate::outputs::Placed;
use crate::step::{Committed, Condition, Ending, Reply, failure};
use crate::store::{Body, Head, Labels, Location, Outcome, StoreError};
use crate::task::Attempt;

/// Uploads and copies at a time.
const PARALLEL: usize = 16;

impl Attempt<'_> {
    pub(crate) async fn look_output(&mut self) -> Result<Reply, StoreError> {
        let at = self.only_output();
        let head = self.setup.store.head(&at).await?;
        if let Some(head) = &head {
            self.know_output(head, &at);
        }
        Ok(Reply::Output(head.map(|head| head.seen(&at.key))))
    }

    /// An output of this very task tells what the task knew of its run.
    fn know_output(&mut self, head: &Head, at: &Location) {
        let value = |name: &str| head.metadata.get(name).cloned();
        if value(metadata::TASK).as_ref() != Some(&self.labels.task) {
            return;
        }
        if let Some(run) = value(metadata::RUN) {
            self.labels.run = run;
        }
        self.labels.items = value(metadata::ITEMS).unwrap_or_default();
        let hops = value(metadata::HOPS).and_then(|hops| hops.parse().ok());
        self.labels.hops = hops.unwrap_or(self.labels.hops);
        self.outputs = vec![(at.bucket.clone(), at.key.clone())];
    }

    pub(crate) async fn look_input(&self) -> Result<Reply, StoreError> {
        let store = &self.setup.store;
        let is_current = match &self.job.current {
            Current::Always => true,
            Current::Absent(next) => store.head(next).await?.is_none(),
            Current::Object(object) => {
                let at = Location::new(&object.bucket, object.key.as_str());
                let head = store.head(&at).await?;
                head.is_some_and(|head| head.is(object))
            }
        };
        Ok(Reply::Current(is_current))
    }

    pub(crate) async fn look_record(&mut self) -> Result<Reply, StoreError> {
        Ok(match self.setup.record(&self.labels.task).await? {
            Some((Ok(record), etag)) => {
                self.know_record(&record);
                let is_superseded = record.state == TaskState::Superseded;
                self.superseded = is_superseded.then(|| etag.clone());
                Reply::Record(Some((record, etag)))
            }
            Some((Err(message), _)) => Reply::Trouble(failure(FailureClass::Internal, message)),
            None => Reply::Record(None),
        })
    }

    fn know_record(&mut self, record: &TaskRecord) {
        self.labels.run.clone_from(&record.run);
        self.labels.items.clone_from(&record.items);
        self.labels.hops = record.hops.max(1);
        let outputs = record.outputs.iter();
        self.outputs = outputs
            .map(|one| (one.bucket.clone(), one.key.clone()))
            .collect();
    }

    pub(crate) async fn put(&mut self, condition: &Condition) -> Result<Reply, StoreError> {
        let Some(one) = self.placed().first() else {
            let message = "the output was lost before it was published".to_owned();
            return Ok(Reply::Trouble(failure(FailureClass::Internal, message)));
        };
        let at = self.only_output();
        let body = Body::File(&one.file.path, one.file.size);
        let outcome = self
            .setup
            .store
            .write(&at, body, &self.labels, condition)
            .await?;
        self.outputs = vec![(at.bucket.clone(), at.key.clone())];
        Ok(answer(outcome, &at.key, condition))
    }

    pub(crate) async fn stage(&self) -> Result<Reply, StoreError> {
        let uploads =
            stream::iter(self.placed().iter().enumerate()).map(|(index, one)| async move {
                let at = Location::new(self.state_bucket(), self.staged_key(index));
                let body = Body::File(&one.file.path, one.file.size);
                self.setup
                    .store
                    .write(&at, body, &self.labels_of(one), &Condition::Absent)
                    .await?;
                crash_at("staged-one");
                Ok::<(), StoreError>(())
            });
        let staged = uploads.buffer_unordered(PARALLEL).try_collect::<()>().await;
        if staged.is_err() {
            self.unstage().await;
        }
        staged.map(|()| Reply::Staged)
    }

    /// Removes what this attempt staged and will not commit.
    async fn unstage(&self) {
        let staged = (0..self.placed().len()).map(|index| self.staged_key(index));
        self.setup.remove_all(staged.collect()).await;
    }

    /// An output of which there can be several knows which of them it is.
    fn labels_of(&self, one: &Placed) -> Labels {
        let mut labels = self.labels.clone();
        if let Some((index, count)) = one.fan {
            let items = Items::parse(&labels.items).unwrap_or_default();
            labels.items = items.with(index, count).text();
        }
        labels
    }

    pub(crate) async fn commit(&mut self) -> Result<Reply, StoreError> {
        let mut outputs = Vec::with_capacity(self.placed().len());
        for (index, one) in self.placed().iter().enumerate() {
            let (bucket, key) = self.place(one);
            let digest = digest::of_file(&one.file.path).await?;
            let staged = self.staged_key(index);
            outputs.push(OutputRecord {
                bucket,
                key,
                size: one.file.size,
                digest,
                staged,
            });
        }
        let record = TaskRecord {
            outputs,
            ..self.record(TaskState::Committed, None)
        };
        let at = self.record_place();
        let (body, condition) = (body(&record), self.unless_closed());
        self.know_record(&record);
        let store = &self.setup.store;
        let outcome = store.write(&at, body, &self.labels, &condition).await?;
        Ok(match outcome {
            Outcome::Mine { etag } => Reply::Committed { record, etag },
            other => {
                self.unstage().await;
                answer(other, &at.key, &condition)
            }
        })
    }

    /// The condition of a record: there is none, or the one that this attempt knows not to count.
    fn unless_closed(&self) -> Condition {
        let etag = self.superseded.clone();
        etag.map_or(Condition::Absent, Condition::Etag)
    }

    pub(crate) async fn publish(&self, committed: &Committed) -> Result<Reply, StoreError> {
        let copies = stream::iter(committed.record.outputs.iter().enumerate());
        let copies = copies.map(|(index, output)| async move {
            let reply = self.copy(committed, output, &Condition::Absent).await?;
            crash_at("published-one");
            Ok::<_, StoreError>((index, reply))
        });
        let replies: BTreeMap<usize, Reply> =
            copies.buffer_unordered(PARALLEL).try_collect().await?;
        let mut taken = Vec::new();
        for (index, reply) in replies {
            match reply {
                Reply::Taken(seen) => taken.push((index, seen)),
                Reply::Written => {}
                other => return Ok(other),
            }
        }
        Ok(Reply::Published { taken })
    }

    pub(crate) async fn replace(&self, committed: &Committed) -> Result<Reply, StoreError> {
        let blocked = committed.blocked.first();
        let found = blocked.and_then(|(index, seen)| {
            Some((
                committed.record.outputs.get(*index)?,
                Condition::Etag(seen.etag.clone()),
            ))
        });
        match found {
            Some((output, condition)) => self.copy(committed, output, &condition).await,
            None => Ok(Reply::Changed),
        }
    }

    /// Copies one staged output of a committed record to its final key. Whichever attempt committed
    /// it, its labels come along, so this is how a copy with a lost reply is recognised.
    async fn copy(
        &self,
        committed: &Committed,
        output: &OutputRecord,
        condition: &Condition,
    ) -> Result<Reply, StoreError> {
        let at = Location::new(&output.bucket, output.key.as_str());
        let source = Location::new(self.state_bucket(), output.staged.as_str());
        let attempt = committed.record.attempt.clone();
        let labels = Labels {
            attempt,
            ..self.labels.clone()
        };
        let body = Body::Copy(&source, output.size);
        Ok(
            match self
                .setup
                .store
                .write(&at, body, &labels, condition)
                .await?
            {
                Outcome::SourceGone => Reply::StagedGone(output.staged.clone()),
                outcome => answer(outcome, &at.key, condition),
            },
        )
    }

    pub(crate) async fn mark(
        &self,
        committed: &Committed,
        ending: &Ending,
    ) -> Result<Reply, StoreError> {
        let (state, failure) = state(ending);
        let record = TaskRecord {
            state,
            failure,
            ..committed.record.clone()
        };
        let outputs = if state == TaskState::Published {
            record.outputs
        } else {
            Vec::new()
        };
        let record = TaskRecord { outputs, ..record };
        let at = self.record_place();
        let condition = Condition::Etag(committed.etag.clone());
        let body = body(&record);
        let outcome = self
            .setup
            .store
            .write(&at, body, &self.labels, &condition)
            .await?;
        if let Outcome::Mine { .. } = outcome {
            crash_at("before-clean");
            let staged = committed.record.outputs.iter();
            let staged = staged.map(|output| output.staged.clone()).collect();
            self.setup.remove_all(staged).await;
        }
        Ok(answer(outcome, &at.key, &condition))
    }

    pub(crate) async fn close(&self, ending: &Ending) -> Result<Reply, StoreError> {
        let (state, failure) = state(ending);
        let at = self.record_place();
        let (body, condition) = (body(&self.record(state, failure)), self.unless_closed());
        let store = &self.setup.store;
        let outcome = store.write(&at, body, &self.labels, &condition).await?;
        Ok(answer(outcome, &at.key, &condition))
    }

    pub(crate) async fn count(&self, number: u32, failure: &Failure) -> Result<Reply, StoreError> {
        let id = self.setup.config.id();
        let at = self
            .setup
            .state(record::attempt_key(id, &self.labels.task, number));
        let body = body(failure);
        let outcome = self
            .setup
            .store
            .write(&at, body, &self.labels, &Condition::Absent)
            .await?;
        // The next attempt must not take this one for one that vanished.
        self.unbegin().await;
        Ok(answer(outcome, &at.key, &Condition::Absent))
    }
}

/// An outcome in the words of the protocol: to a condition on an ETag, everything but ours is change.
pub(crate) fn answer(outcome: Outcome, key: &str, condition: &Condition) -> Reply {
    match (outcome, condition) {
        (Outcome::Mine { .. }, _) => Reply::Written,
        (Outcome::Other(head), Condition::Absent) => Reply::Taken(head.seen(key)),
        (Outcome::Other(_) | Outcome::Gone, _) => Reply::Changed,
        (Outcome::SourceGone, _) => Reply::StagedGone(key.to_owned()),
    }
}

fn state(ending: &Ending) -> (TaskState, Option<Failure>) {
    match ending {
        Ending::Published => (TaskState::Published, None),
        Ending::Failed(failure) => (TaskState::Failed, Some(failure.clone())),
        Ending::Superseded => (TaskState::Superseded, None),
    }
}

/// A format as a body.
pub(crate) fn body<T: Serialize>(value: &T) -> Body<'static> {
    Body::Bytes(Bytes::from(json::write(value)))
}
