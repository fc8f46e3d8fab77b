//! The processes of jobs: started by an engine, watched, and ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use scar_container::{Engine, Exit, Job as Work, Outcome, Rootfs, Stream};
use tokio::sync::{Notify, OnceCell, mpsc, oneshot};

use crate::lambda::ProcessTree;

/// Time from `SIGTERM` to `SIGKILL` for a job that is stopped ("`TerminateJob`": 30 seconds).
const GRACE: Duration = Duration::from_secs(30);
/// Time between looks at the memory of a job.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
const KIB_PER_MIB: u64 = 1024;

/// Variable by which the processes of jobs are known.
pub(super) const MARK: &str = "SCAR_LOCAL_JOB";

/// Why a job is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Somebody asked for it.
    Terminated,
    /// Its machine is taken away, as a Spot instance is.
    Interrupted,
    /// The cloud closes; nothing is settled.
    Closing,
}

/// The way to stop one running attempt.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    asked: Mutex<Option<Why>>,
    bell: Notify,
}

impl Stop {
    /// Asks; what was asked first stands, except that a closing cloud waits for nothing.
    pub(crate) fn ask(&self, why: Why) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_none() || why == Why::Closing {
            *asked = Some(why);
        }
        drop(asked);
        self.bell.notify_one();
    }

    /// What was asked.
    pub(crate) fn asked(&self) -> Option<Why> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns once it was asked.
    pub(crate) async fn wait(&self) -> Why {
        loop {
            let rung = self.bell.notified();
            if let Some(why) = self.asked() {
                return why;
            }
            rung.await;
        }
    }
}

/// The attempts that run now, and the engine that runs them.
#[derive(Default)]
pub(crate) struct Running {
    stops: Mutex<BTreeMap<String, Arc<Stop>>>,
    engine: OnceCell<Arc<dyn Engine>>,
}

impl Running {
    /// Notes an attempt of a job; it is running until [`Running::leave`].
    pub(super) fn enter(&self, id: &str) -> Arc<Stop> {
        let stop = Arc::<Stop>::default();
        self.stops().insert(id.to_owned(), Arc::clone(&stop));
        stop
    }

    pub(super) fn leave(&self, id: &str) {
        self.stops().remove(id);
    }

    /// Number of running attempts.
    pub(super) fn count(&self) -> usize {
        self.stops().len()
    }

    /// Asks an attempt to stop; false if none of the job runs.
    pub(super) fn stop(&self, id: &str, why: Why) -> bool {
        let stop = self.stops().get(id).cloned();
        stop.map(|stop| stop.ask(why)).is_some()
    }

    /// Asks all attempts to stop.
    pub(super) fn stop_all(&self, why: Why) {
        self.stops().values().for_each(|stop| stop.ask(why));
    }

    /// The engine that works on this machine.
    pub(crate) async fn engine(&self) -> Result<Arc<dyn Engine>, String> {
        let choose = || async {
            let chosen = tokio::task::spawn_blocking(|| scar_container::select(None)).await;
            let chosen = chosen.map_err(|error| error.to_string())?;
            chosen
                .map(|selected| Arc::from(selected.engine))
                .map_err(|error| error.to_string())
        };
        self.engine.get_or_try_init(choose).await.map(Arc::clone)
    }

    fn stops(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Stop>>> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the processes of an attempt ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// What the engine says.
    pub(super) outcome: Result<Outcome, String>,
    /// Whether they had more memory than they may have.
    pub(super) had_too_much_memory: bool,
}

/// What runs, where its lines go, and what it may use.
pub(super) struct Order {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) rootfs: Rootfs,
    pub(super) work: Work,
    pub(super) lines: mpsc::Sender<String>,
    pub(super) memory_mib: Option<u64>,
}

/// Runs an order to its end. Asked to stop, its processes get `SIGTERM`, and `SIGKILL` after 30 s; those
/// of a closing cloud get the latter at once.
pub(super) async fn run(order: Order, stop: &Stop) -> Ended {
    let memory_limit_mib = order.memory_mib;
    let (thread, mut finished) = match begin(order).await {
        Ok(begun) => begun,
        Err(reason) => {
            return Ended {
                outcome: Err(reason),
                had_too_much_memory: false,
            };
        }
    };
    let mut tree = ProcessTree::default();
    let mut had_too_much_memory = false;
    let (mut kill_at, mut was_asked) = (None, false);
    let outcome = loop {
        tokio::select! {
            outcome = &mut finished => break outcome,
            why = stop.wait(), if kill_at.is_none() => {
                let grace = if why == Why::Closing { Duration::ZERO } else { GRACE };
                kill_at = Some(Instant::now() + grace);
            }
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        tree.adopt_children_of(thread);
        // A container that is not up yet is asked as soon as it is.
        if kill_at.is_some() && !was_asked {
            was_asked = tree.signal_first_marked(MARK, Signal::TERM);
        }
        let is_closing = stop.asked() == Some(Why::Closing);
        if is_closing || kill_at.is_some_and(|time| Instant::now() >= time) {
            tree.kill();
        }
        if exceeds(&mut tree, memory_limit_mib) {
            had_too_much_memory = true;
            tree.kill();
        }
    };
    Ended {
        outcome: outcome.unwrap_or_else(|_| Err("the engine ended without a result".to_owned())),
        had_too_much_memory,
    }
}

fn exceeds(tree: &mut ProcessTree, limit_mib: Option<u64>) -> bool {
    let Some(limit_kib) = limit_mib.map(|mib| mib * KIB_PER_MIB) else {
        return false;
    };
    tree.memory().used_kib > limit_kib && tree.exact_memory_kib() > limit_kib
}

type Begun = (Pid, oneshot::Receiver<Result<Outcome, String>>);

/// Starts a thread for the engine: what it starts is found as the children of that thread.
async fn begin(order: Order) -> Result<Begun, String> {
    let (id_sender, id) = oneshot::channel();
    let (sender, finished) = oneshot::channel();
    let run = move || {
        // A caller that is gone asks nothing any more.
        id_sender.send(rustix::thread::gettid()).ok();
        let lines = order.lines;
        let mut output = |_: Stream, line: &[u8]| {
            // Without a reader lines are dropped; the job goes on.
            drop(lines.blocking_send(String::from_utf8_lossy(line).into_owned()));
        };
        let outcome = order.engine.run(&order.rootfs, &order.work, &mut output);
        drop(sender.send(outcome.map_err(|error| error.to_string())));
    };
    std::thread::Builder::new()
        .name("scar-local-job".to_owned())
        .spawn(run)
        .map_err(|error| format!("no thread for the job: {error}"))?;
    let id = id.await.map_err(|error| error.to_string())?;
    Ok((id, finished))
}

/// Exit code as ECS reports it: 128 and the signal for a killed process.
pub(super) fn exit_code(exit: Exit) -> i32 {
    match exit {
        Exit::Code(code) => code,
        Exit::Signal(signal) => 128 + signal,
        Exit::Timeout => 137,
    }
}
