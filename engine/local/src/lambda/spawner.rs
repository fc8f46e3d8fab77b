//! Starts processes from one thread that lives as long as the cloud.
//!
//! The kernel sends the parent-death signal when the *thread* that started a process ends, so a
//! thread of the runtime's pool would not do: those come and go.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use tokio::process::{Child, Command};
use tokio::sync::oneshot;

struct Order {
    command: Command,
    reply: oneshot::Sender<std::io::Result<Child>>,
}

/// The way to the thread. Every process it started is killed when this is dropped.
pub(crate) struct Spawner {
    orders: mpsc::Sender<Order>,
}

impl Spawner {
    /// Starts the thread; must be called within a runtime.
    pub(crate) fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Handle::current();
        let (orders, received) = mpsc::channel::<Order>();
        let run = move || {
            let _entered = runtime.enter();
            while let Ok(mut order) = received.recv() {
                // A caller that is gone drops the child, which kills it.
                drop(order.reply.send(order.command.spawn()));
            }
        };
        std::thread::Builder::new()
            .name("scar-local-spawn".to_owned())
            .spawn(run)?;
        Ok(Self { orders })
    }

    /// Starts a process.
    pub(crate) async fn spawn(&self, command: Command) -> std::io::Result<Child> {
        let gone = || std::io::Error::other("the cloud is shutting down");
        let (reply, child) = oneshot::channel();
        self.orders
            .send(Order { command, reply })
            .map_err(|_| gone())?;
        child.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// A command that runs `program` so that it dies with the thread that starts it, where the machine has
/// `setpriv` (util-linux). Elsewhere a process that outlives a killed cloud ends when the Runtime
/// API's connection breaks. The next cloud in the directory sweeps what it may look into: as root all, as an
/// ordinary user what does not conceal its variables.
pub(crate) fn leashed(program: &Path) -> Command {
    let found = ["/usr/bin/setpriv", "/bin/setpriv"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.is_file());
    let mut command = match found {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.process_group(0).kill_on_drop(true);
    command
}
