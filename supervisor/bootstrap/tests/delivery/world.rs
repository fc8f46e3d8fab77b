//! A cloud for one workflow: it delivers events at least once, runs the supervisor's real file for each,
//! and delivers again what was not acknowledged.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use scar_schemas::hand_over::{bodies_prefix, done_prefix, fires_prefix, items_prefix};
use serde_json::{Value, json};

use crate::faults::{Faults, Random};
use crate::stage::{DATA, Stage};
use crate::store::Store;

/// Deliveries of one event, as Lambda makes them and as many operators would.
const TRIES: u32 = 12;

/// How the processes are treated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Treatment<'a> {
    /// Nothing happens to them.
    Kind,
    /// The first that passes this point aborts there.
    CrashAt(&'a str),
    /// So many percent of them are killed at a random time.
    Kill(u64),
}

/// Something to be run.
#[derive(Debug, Clone)]
struct Delivery {
    stage: usize,
    what: What,
    tries: u32,
}

#[derive(Debug, Clone)]
enum What {
    Event(Value),
    /// A job's variable, and which item of an array it is.
    Job(String, Option<u32>),
}

/// The cloud.
pub(crate) struct World<'a> {
    pub(crate) store: Store,
    pub(crate) stages: Vec<Stage>,
    treatment: Treatment<'a>,
    random: Random,
    pub(crate) folder: PathBuf,
    pending: VecDeque<Delivery>,
    jobs_seen: usize,
    /// Percent of events that come more than once.
    pub(crate) duplicates: u64,
    /// How often such an event comes at most after its first time.
    pub(crate) copies_max: u64,
    /// Deliveries of an event after its first one.
    pub(crate) further: u64,
    /// Percent of events that never come.
    pub(crate) losses: u64,
    pub(crate) runs: u64,
    pub(crate) kills: u64,
    pub(crate) given_up: Vec<String>,
    /// The point was passed by some process.
    pub(crate) crashed: bool,
}

impl<'a> World<'a> {
    pub(crate) fn new(store: Store, folder: PathBuf, treatment: Treatment<'a>, seed: u64) -> Self {
        Self {
            store,
            stages: Vec::new(),
            treatment,
            random: Random(seed | 1),
            folder,
            pending: VecDeque::new(),
            jobs_seen: 0,
            duplicates: 0,
            copies_max: 1,
            further: 0,
            losses: 0,
            runs: 0,
            kills: 0,
            given_up: Vec::new(),
            crashed: false,
        }
    }

    /// Puts an input and lets its event go out.
    pub(crate) fn put(&mut self, key: &str, body: &str) {
        let store = self.store.clone();
        store.put(DATA, key, body.to_owned());
        self.announce(&[(DATA.to_owned(), key.to_owned())]);
    }

    /// Lets the events of all objects go out again, as an operator's sweep does, without any loss.
    pub(crate) fn sweep(&mut self) {
        self.losses = 0;
        let all: Vec<(String, String)> = {
            let state = self.store.state.lock().unwrap();
            state.objects.keys().cloned().collect()
        };
        self.announce(&all);
        for stage in 0..self.stages.len() {
            self.pending.push_back(Delivery {
                stage,
                what: What::Event(json!({"scar": "sweep"})),
                tries: TRIES,
            });
        }
    }

    /// A firing of a stage's schedule.
    pub(crate) fn fire(&mut self, stage: usize, time: &str) {
        self.pending.push_back(Delivery {
            stage,
            what: What::Event(json!({"scar": "schedule", "time": time})),
            tries: TRIES,
        });
    }

    fn announce(&mut self, created: &[(String, String)]) {
        for (bucket, key) in created.iter().filter(|(bucket, _)| bucket == DATA) {
            for stage in 0..self.stages.len() {
                if !is_meant(&self.stages[stage], key) || self.random.below(100) < self.losses {
                    continue;
                }
                let event = event(&self.store, bucket, key);
                let is_doubled = self.random.below(100) < self.duplicates;
                let copies = u64::from(is_doubled) * (1 + self.random.below(self.copies_max));
                self.further += copies;
                for _ in 0..=copies {
                    self.pending.push_back(Delivery {
                        stage,
                        what: What::Event(event.clone()),
                        tries: TRIES,
                    });
                }
            }
        }
    }

    /// Delivers until nothing is left to deliver, two at a time.
    pub(crate) fn run(&mut self) {
        while !self.pending.is_empty() {
            let mut running = Vec::new();
            for _ in 0..2 {
                if let Some(delivery) = self.next() {
                    let child = self.start(&delivery);
                    running.push((delivery, child));
                }
            }
            let pause = Duration::from_millis(self.random.below(90));
            for (delivery, mut child) in running {
                if let Treatment::Kill(percent) = self.treatment
                    && self.random.below(100) < percent
                {
                    std::thread::sleep(pause);
                    child.kill().unwrap();
                }
                let status = child.wait().unwrap();
                self.ended(delivery, status);
            }
            self.follow();
        }
    }

    fn next(&mut self) -> Option<Delivery> {
        let count = self.pending.len() as u64;
        if count == 0 {
            return None;
        }
        let index = self.random.below(count);
        self.pending.remove(usize::try_from(index).unwrap())
    }

    fn start(&mut self, delivery: &Delivery) -> Child {
        self.runs += 1;
        let stage = &self.stages[delivery.stage];
        let mut command = Command::new(supervisor());
        command
            .env_clear()
            .envs(stage.variables(&self.store, &self.folder))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Treatment::CrashAt(point) = self.treatment
            && !self.crashed
        {
            command.env("SCAR_CRASH_AT", point);
        }
        match &delivery.what {
            What::Event(event) => {
                let file = self.folder.join(format!("event-{}.json", self.runs));
                std::fs::write(&file, event.to_string()).unwrap();
                command.arg("once").arg("--event").arg(file);
            }
            What::Job(variable, item) => {
                command.arg("job").env("SCAR_JOB", variable);
                command.envs([stage.package_variable()]);
                command.env("AWS_BATCH_JOB_ID", format!("job-{}", self.runs));
                if let Some(item) = item {
                    command.env("AWS_BATCH_JOB_ARRAY_INDEX", item.to_string());
                }
            }
        }
        command.spawn().unwrap()
    }

    fn ended(&mut self, mut delivery: Delivery, status: ExitStatus) {
        match status.signal() {
            Some(9) => self.kills += 1,
            Some(_) => self.crashed = true,
            None => {}
        }
        if status.code() == Some(0) {
            return;
        }
        delivery.tries -= 1;
        match delivery.tries {
            0 => self.given_up.push(format!("{:?}", delivery.what)),
            _ => self.pending.push_back(delivery),
        }
    }

    /// New objects have events, new submissions have jobs.
    fn follow(&mut self) {
        let (created, jobs) = {
            let mut state = self.store.state.lock().unwrap();
            let jobs: Vec<Value> = state.jobs[self.jobs_seen..].to_vec();
            (std::mem::take(&mut state.created), jobs)
        };
        self.announce(&created);
        self.jobs_seen += jobs.len();
        for job in jobs {
            let name = job["jobName"].as_str().unwrap();
            let is_it = |stage: &Stage| name == format!("w-dev-{}", stage.config.stage);
            let stage = self.stages.iter().position(is_it).unwrap();
            let variable = &job["containerOverrides"]["environment"][0]["value"];
            let variable = variable.as_str().unwrap().to_owned();
            let size = job["arrayProperties"]["size"].as_u64();
            let items = match size {
                Some(size) => (0..u32::try_from(size).unwrap()).map(Some).collect(),
                None => vec![None],
            };
            for item in items {
                self.pending.push_back(Delivery {
                    stage,
                    what: What::Job(variable.clone(), item),
                    tries: TRIES,
                });
            }
        }
    }

    /// No more faults.
    pub(crate) fn calm(&mut self) {
        *self.store.faults.lock().unwrap() = Faults::none();
        self.treatment = Treatment::Kind;
    }
}

/// The file under test: the one of this build, or another one that `SCAR_DELIVERY_SUPERVISOR` names.
pub(crate) fn supervisor() -> PathBuf {
    let other = std::env::var_os("SCAR_DELIVERY_SUPERVISOR");
    other.map_or_else(
        || env!("CARGO_BIN_EXE_scar-supervisor").into(),
        PathBuf::from,
    )
}

/// The event of an object, as EventBridge brings it.
pub(crate) fn event(store: &Store, bucket: &str, key: &str) -> Value {
    let state = store.state.lock().unwrap();
    let object = state.objects.get(&(bucket.to_owned(), key.to_owned()));
    let (etag, size) = object.map_or(("", 0), |one| (one.etag.as_str(), one.body.len()));
    json!({
        "version": "0", "id": "1", "detail-type": "Object Created", "source": "aws.s3",
        "account": "0", "time": "2026-01-01T00:00:00Z", "region": "us-east-1", "resources": [],
        "detail": {
            "version": "0", "bucket": {"name": bucket},
            "object": {"key": key, "size": size, "etag": etag},
        },
    })
}

/// Whether a rule of the stage sends it this object's event.
fn is_meant(stage: &Stage, key: &str) -> bool {
    let config = &stage.config;
    let id = config.id();
    let own = [fires_prefix(id), items_prefix(id), bodies_prefix(id)];
    let mut after = config.more.after.iter();
    config.takes("data", key)
        || own.iter().any(|prefix| key.starts_with(prefix))
        || after.any(|stage| key.starts_with(&done_prefix(stage)))
}
