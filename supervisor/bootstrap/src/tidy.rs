//! Removing what attempts staged and nobody needs any more.
//!
//! An attempt that ends in order takes along what it staged. One that is killed cannot; what it leaves is
//! never read, and goes when its event comes again, with a sweep, or by the bucket's lifecycle rule.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use scar_schemas::contract::Mode;
use scar_schemas::record::{TaskState, staged_prefix};

use crate::clock::now_ms;
use crate::listing::Listed;
use crate::setup::Setup;
use crate::store::{Location, StoreError};

/// Staged objects that one invocation looks at; the next one goes on.
const MAX_STAGED: usize = 10_000;
/// Deletions at a time.
const PARALLEL: usize = 16;
/// How far the clocks of the store and of this computer may be apart, and more.
const CLOCKS_MS: u64 = 60 * 60 * 1000;

impl Setup {
    /// Removes objects from the state bucket. Only space is lost where it fails, so it never does.
    pub(crate) async fn remove_all(&self, keys: Vec<String>) {
        let deletions = stream::iter(keys).map(|key| async move {
            let at = self.state(key);
            let _ = self.store.delete(&at).await;
        });
        deletions.buffer_unordered(PARALLEL).collect::<()>().await;
    }

    /// Removes all that attempts at a closed task staged. Whoever still copies from it finds it gone and
    /// looks at the record again.
    pub(crate) async fn tidy(&self, task: &str) {
        let prefix = format!("{}{task}/", staged_prefix(self.config.id()));
        let staged = self.staged(&prefix).await.unwrap_or_default();
        self.remove_all(keys(staged)).await;
    }

    /// Removes what is staged for closed tasks, and what is older than any attempt that could still commit
    /// it. What a record still has to publish stays. Returns how many objects went.
    pub(crate) async fn sweep_staged(&self) -> Result<usize, StoreError> {
        if self.config.mode() != Mode::Ledger {
            return Ok(0);
        }
        let prefix = staged_prefix(self.config.id());
        let staged = self.staged(&prefix).await?;
        let mut removed = 0;
        for (task, objects) in by_task(&prefix, staged) {
            let record = self.record(&task).await?;
            let state = record.map(|(record, _)| record.map(|record| record.state));
            let old_ms = now_ms().saturating_sub(self.longest_attempt_ms() + CLOCKS_MS);
            let is_waste = |one: &Listed| match state {
                Some(Ok(TaskState::Committed) | Err(_)) => false,
                Some(Ok(_)) => true,
                None => one.written_ms < old_ms,
            };
            let waste: Vec<Listed> = objects.into_iter().filter(is_waste).collect();
            removed += waste.len();
            self.remove_all(keys(waste)).await;
        }
        Ok(removed)
    }

    async fn staged(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let Location { bucket, .. } = self.state(String::new());
        self.list_first(&bucket, prefix, MAX_STAGED).await
    }

    fn longest_attempt_ms(&self) -> u64 {
        let timeout_s = self.config.timeout_s.max(self.config.more.job_timeout_s);
        u64::from(timeout_s) * 1_000
    }
}

fn keys(listed: Vec<Listed>) -> Vec<String> {
    listed.into_iter().map(|one| one.object.key).collect()
}

fn by_task(prefix: &str, staged: Vec<Listed>) -> BTreeMap<String, Vec<Listed>> {
    let mut tasks: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
    for one in staged {
        let rest = one.object.key.strip_prefix(prefix);
        let task = rest.and_then(|rest| Some(rest.split_once('/')?.0.to_owned()));
        if let Some(task) = task {
            tasks.entry(task).or_default().push(one);
        }
    }
    tasks
}
