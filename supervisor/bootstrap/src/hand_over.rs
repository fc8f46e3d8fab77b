//! The steps of the protocol by which a task goes to Batch, and the one that tells others of its end.

use bytes::Bytes;
use scar_schemas::hand_over::{self, Done, HandedOver};
use scar_schemas::record::Failure;

use crate::clock::now_ms;
use crate::json;
use crate::perform::{answer, body};
use crate::step::{Condition, Place, Reply};
use crate::store::{Body, Location, Outcome, StoreError};
use crate::task::Attempt;
use crate::{batch, failure};

const MAX_MARKER_BYTES: u64 = 64 * 1024;
/// Time after which a job that nobody has heard of is given up, beside the time it may run: as long as
/// Batch may keep it waiting for a computer.
const PATIENCE_MS: u64 = 3 * 60 * 60 * 1000;

impl Attempt<'_> {
    /// Whoever finds the marker knows that an attempt began and did not end.
    pub(crate) async fn begin(&self) -> Result<Reply, StoreError> {
        let at = self.started_place();
        self.create(&at, Body::Bytes(Bytes::new())).await
    }

    /// An attempt that ended in order takes its marker along.
    pub(crate) async fn unbegin(&self) {
        if self.setup.place() == Place::Fallback {
            // If it stays, the next attempt goes to Batch, which is only a waste.
            let _ = self.setup.store.delete(&self.started_place()).await;
        }
    }

    pub(crate) async fn note(&self, reason: Option<&Failure>) -> Result<Reply, StoreError> {
        let marker = self.marker(reason.cloned(), None);
        self.create(&self.marker_place(), body(&marker)).await
    }

    pub(crate) async fn look_job(&self) -> Result<Reply, StoreError> {
        if self.superseded.is_some() {
            // The job that is known has found the input gone, which is there again.
            return Ok(Reply::Job(false));
        }
        let at = self.marker_place();
        let found = self.setup.store.get(&at, MAX_MARKER_BYTES).await?;
        let marker = found.and_then(|(_, text)| json::read::<HandedOver>(&text).ok());
        let is_alive = |marker: &HandedOver| {
            let more = &self.setup.config.more;
            let attempts = u64::from(self.setup.config.attempts.max(1));
            let longest_ms = u64::from(more.job_timeout_s) * 1_000 * attempts + PATIENCE_MS;
            marker.job.is_some() && now_ms() < marker.written_ms.saturating_add(longest_ms)
        };
        Ok(Reply::Job(marker.is_some_and(|marker| is_alive(&marker))))
    }

    pub(crate) async fn submit(&mut self) -> Reply {
        let items = match self.job.item {
            // Every item of a scatter on Lambda goes for itself.
            Some(_) => 1,
            None => self.items_to_submit(),
        };
        let marker = self.marker_place().key;
        match batch::submit(self.setup, &self.job.request, marker, items).await {
            Ok(job) => {
                let fields = serde_json::json!({ "job": job });
                self.log.info("job submitted", fields);
                self.batch_job = Some(job);
                Reply::Written
            }
            Err(error) => Reply::Trouble(failure::of_cloud(&error)),
        }
    }

    pub(crate) async fn confirm(&self) -> Result<Reply, StoreError> {
        let at = self.marker_place();
        let Some(head) = self.setup.store.head(&at).await? else {
            return Ok(Reply::Changed);
        };
        let marker = self.marker(None, self.batch_job.clone());
        let condition = Condition::Etag(head.etag);
        let body = body(&marker);
        let store = &self.setup.store;
        let outcome = store.write(&at, body, &self.labels, &condition).await?;
        Ok(answer(outcome, &at.key, &condition))
    }

    /// Tells the stages that are `after` this one.
    pub(crate) async fn announce(&self) -> Result<Reply, StoreError> {
        let id = self.setup.config.id();
        let done = Done {
            format: hand_over::FORMAT,
            stage: id.to_owned(),
            task: self.labels.task.clone(),
            run: self.labels.run.clone(),
            outputs: self.outputs.clone(),
        };
        let at = self.setup.state(hand_over::done_key(id, &self.labels.task));
        self.create(&at, body(&done)).await
    }

    fn items_to_submit(&self) -> usize {
        match self.setup.place() {
            Place::Batch => self.setup.config.more.items.len(),
            _ => 1,
        }
    }

    async fn create(&self, at: &Location, body: Body<'_>) -> Result<Reply, StoreError> {
        let condition = Condition::Absent;
        let store = &self.setup.store;
        let outcome = store.write(at, body, &self.labels, &condition).await?;
        Ok(match outcome {
            Outcome::Mine { .. } => Reply::Written,
            other => answer(other, &at.key, &condition),
        })
    }

    fn marker(&self, reason: Option<Failure>, job: Option<String>) -> HandedOver {
        HandedOver {
            format: hand_over::FORMAT,
            request: self.job.request.clone(),
            job,
            written_ms: now_ms(),
            reason,
        }
    }

    fn marker_place(&self) -> Location {
        let id = self.setup.config.id();
        self.setup
            .state(hand_over::handed_over_key(id, &self.labels.task))
    }

    fn started_place(&self) -> Location {
        let id = self.setup.config.id();
        self.setup
            .state(hand_over::started_key(id, &self.labels.task))
    }
}
