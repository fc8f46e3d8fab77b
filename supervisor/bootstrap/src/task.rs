//! The shell around the protocol: does what [`step::next`] says, and nothing else.

use scar_schemas::contract::Mode;
use scar_schemas::record::{self, Failure, FailureClass, RunReport, TaskRecord, TaskState};

use crate::answer::Answered;
use crate::crash::crash_at;
use crate::failure::of_store;
use crate::job::Job;
use crate::log::Log;
use crate::outputs::{self, Placed};
use crate::setup::Setup;
use crate::step::{self, End, Ending, Facts, Reply, Step, failure};
use crate::store::{Labels, Location, StoreError};
use crate::work::{self, Harvest};
use crate::{clock, random};

/// No task takes more steps, unless other attempts change things under it all the time.
const MAX_STEPS: u32 = 500;

/// What a task knows of the invocation that it is part of.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    /// The Lambda request.
    pub(crate) request: String,
    /// The event as JSON.
    pub(crate) event: String,
    /// When the platform kills the process, in milliseconds since the Unix epoch.
    pub(crate) deadline_ms: u64,
}

/// One start of one task.
pub(crate) struct Attempt<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) invocation: &'a Invocation,
    pub(crate) job: &'a Job,
    pub(crate) log: Log,
    pub(crate) labels: Labels,
    pub(crate) report: RunReport,
    pub(crate) harvest: Option<Harvest>,
    /// What the caller gets, if one waits.
    pub(crate) answer: Option<Answered>,
    /// The job that was submitted.
    pub(crate) batch_job: Option<String>,
    /// ETag of a record that says superseded, which this attempt may replace.
    pub(crate) superseded: Option<String>,
    /// Bucket and key of every output that is known of.
    pub(crate) outputs: Vec<(String, String)>,
}

/// How a task ended, and where its outputs are.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Identity of the task.
    pub(crate) task: String,
    /// Key of its input.
    pub(crate) input: String,
    /// How it ended.
    pub(crate) end: End,
    /// Bucket and key of every output that this attempt knows of.
    pub(crate) outputs: Vec<(String, String)>,
    /// How it ran.
    pub(crate) report: RunReport,
    /// What the caller gets, if one waits.
    pub(crate) answer: Option<Answered>,
}

/// Brings one task to its end, or to a failure that only another delivery of the event can help.
pub(crate) async fn run(setup: &Setup, invocation: &Invocation, job: &Job, log: Log) -> Finished {
    let (facts, mut attempt) = Attempt::new(setup, invocation, job, log);
    let mut step = attempt.first(&facts);
    for _ in 0..MAX_STEPS {
        if let Step::End(end) = step {
            return attempt.finish(&facts, end);
        }
        let name = name(&step);
        crash_at(&format!("before-{name}"));
        let reply = match attempt.perform(&step).await {
            Ok(reply) => reply,
            Err(error) => Reply::Trouble(of_store(&error, setup.config.disk_mib)),
        };
        crash_at(&format!("after-{name}"));
        step = step::next(&facts, step, reply);
    }
    let message = format!("the task took more than {MAX_STEPS} steps");
    attempt.finish(&facts, End::Retry(failure(FailureClass::Internal, message)))
}

/// One start of the container whose outputs do not count: another computer of a job, or a call whose
/// stage publishes nothing.
pub(crate) async fn only_work(
    setup: &Setup,
    invocation: &Invocation,
    job: &Job,
    log: Log,
) -> Finished {
    let (facts, mut attempt) = Attempt::new(setup, invocation, job, log);
    let end = match Box::pin(work::work(&mut attempt)).await {
        Reply::Worked => End::Closed(Ending::Published),
        Reply::Failed { failure, retry } if !retry || job.answers => {
            End::Closed(Ending::Failed(failure))
        }
        Reply::Failed { failure, .. } => End::Retry(failure),
        Reply::LoopLimit => End::LoopLimit,
        _ => End::Closed(Ending::Superseded),
    };
    attempt.harvest = None;
    attempt.finish(&facts, end)
}

fn facts(setup: &Setup, job: &Job) -> Facts {
    let config = &setup.config;
    Facts {
        task: job.task.clone(),
        source: job.source.clone(),
        mode: config.mode(),
        attempts: config.attempts.max(1),
        input: job.key.clone(),
        place: setup.place(),
        announces: config.more.announces,
    }
}

/// Names of steps for crash points; they are the words of the protocol.
fn name(step: &Step) -> &'static str {
    match step {
        Step::LookOutput { .. } => "look-output",
        Step::LookInput { .. } => "look-input",
        Step::LookRecord { .. } => "look-record",
        Step::Work(_) => "work",
        Step::Begin(_) => "begin",
        Step::Note(_) => "note",
        Step::LookJob(_) => "look-job",
        Step::Submit(_) => "submit",
        Step::Confirm => "confirm",
        Step::Announce(_) => "announce",
        Step::Put(_) => "put",
        Step::Stage => "stage",
        Step::Commit => "commit",
        Step::Publish(_) => "publish",
        Step::Compare(_) => "compare",
        Step::Replace(_) => "replace",
        Step::Recheck { .. } => "recheck",
        Step::Mark(..) => "mark",
        Step::Tidy(_) => "tidy",
        Step::Close(_) => "close",
        Step::Count { .. } => "count",
        Step::End(_) => "end",
    }
}

impl<'a> Attempt<'a> {
    fn new(setup: &'a Setup, invocation: &'a Invocation, job: &'a Job, log: Log) -> (Facts, Self) {
        let facts = facts(setup, job);
        let log = Log {
            task: Some(facts.task.clone()),
            ..log
        };
        let labels = Labels {
            task: facts.task.clone(),
            attempt: random::attempt(),
            source: facts.source.clone(),
            // Until the input's metadata say otherwise, this task is the first of its run.
            run: job.run.clone(),
            hops: 1,
            input: facts.input.clone(),
            items: String::new(),
            rounds: String::new(),
        };
        let report = RunReport {
            started_ms: clock::now_ms(),
            request_id: invocation.request.clone(),
            ..RunReport::default()
        };
        let attempt = Self {
            setup,
            invocation,
            job,
            log,
            labels,
            report,
            harvest: None,
            answer: None,
            batch_job: None,
            superseded: None,
            outputs: Vec::new(),
        };
        (facts, attempt)
    }

    /// An output whose key no store takes is a failure of the task, not a request that is refused.
    fn first(&self, facts: &Facts) -> Step {
        match outputs::check(&self.only_output().key) {
            Err(error) if facts.mode == Mode::Atomic => {
                let failure = failure(FailureClass::Output, error.to_string());
                Step::Close(Ending::Failed(failure))
            }
            _ => step::first(facts),
        }
    }

    fn finish(mut self, facts: &Facts, end: End) -> Finished {
        self.report.duration_ms = clock::now_ms().saturating_sub(self.report.started_ms);
        Finished {
            task: facts.task.clone(),
            input: facts.input.clone(),
            end,
            outputs: std::mem::take(&mut self.outputs),
            report: std::mem::take(&mut self.report),
            answer: self.answer.take(),
        }
    }

    async fn perform(&mut self, step: &Step) -> Result<Reply, StoreError> {
        match step {
            Step::LookOutput { .. } => self.look_output().await,
            Step::LookInput { .. } | Step::Compare(_) => self.look_input().await,
            Step::LookRecord { .. } | Step::Recheck { .. } => self.look_record().await,
            Step::Work(_) => Ok(Box::pin(work::work(self)).await),
            Step::Begin(_) => self.begin().await,
            Step::Note(reason) => self.note(reason.as_ref()).await,
            Step::LookJob(_) => self.look_job().await,
            Step::Submit(_) => Ok(self.submit().await),
            Step::Confirm => self.confirm().await,
            Step::Announce(_) => self.announce().await,
            Step::Put(condition) => self.put(condition).await,
            Step::Stage => self.stage().await,
            Step::Commit => self.commit().await,
            Step::Publish(committed) => self.publish(committed).await,
            Step::Replace(committed) => self.replace(committed).await,
            Step::Mark(committed, ending) => self.mark(committed, ending).await,
            Step::Tidy(_) => {
                self.setup.tidy(&self.labels.task).await;
                Ok(Reply::Written)
            }
            Step::Close(ending) => self.close(ending).await,
            Step::Count { number, failure } => self.count(*number, failure).await,
            Step::End(_) => Ok(Reply::Written),
        }
    }

    pub(crate) fn record(&self, state: TaskState, failure: Option<Failure>) -> TaskRecord {
        let duration_ms = clock::now_ms().saturating_sub(self.report.started_ms);
        TaskRecord {
            format: record::FORMAT,
            task: self.labels.task.clone(),
            stage: self.setup.config.stage.clone(),
            attempt: self.labels.attempt.clone(),
            run: self.labels.run.clone(),
            state,
            input: self.job.input.clone(),
            outputs: Vec::new(),
            failure,
            report: RunReport {
                duration_ms,
                ..self.report.clone()
            },
            items: self.labels.items.clone(),
            hops: self.labels.hops,
        }
    }

    pub(crate) fn placed(&self) -> &[Placed] {
        self.harvest.as_ref().map_or(&[], |harvest| &harvest.placed)
    }

    pub(crate) fn place(&self, one: &Placed) -> (String, String) {
        (self.setup.bucket(&one.bucket).to_owned(), one.key.clone())
    }

    pub(crate) fn only_output(&self) -> Location {
        let (bucket, key) = self.setup.only_output(&self.job.stem);
        Location::new(bucket, key)
    }

    pub(crate) fn state_bucket(&self) -> &str {
        self.setup.bucket(&self.setup.config.state_bucket)
    }

    pub(crate) fn record_place(&self) -> Location {
        self.setup.record_place(&self.labels.task)
    }

    pub(crate) fn staged_key(&self, index: usize) -> String {
        let Labels { task, attempt, .. } = &self.labels;
        record::staged_key(self.setup.config.id(), task, attempt, index)
    }
}
