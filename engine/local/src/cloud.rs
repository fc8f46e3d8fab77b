//! Opening and closing a cloud.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::auth::{Credentials, Keys};
use crate::faults::{Faults, Rates};
use crate::mapping::{self, Batches};
use crate::registry::Uploads;
use crate::running::{self, Lock, Running};
use crate::services::{Services, Settings};
use crate::store::Store;
use crate::{Error, batch, events, lambda, schedule, server, stack};

/// How long `idle` waits for progress before it looks again by itself.
const IDLE_LOOK: Duration = Duration::from_millis(250);
/// How long another process may hold the directory without saying where it listens.
const HELD_LIMIT: Duration = Duration::from_secs(5);
/// Time between looks at such a directory.
const HELD_LOOK: Duration = Duration::from_millis(20);

/// A local cloud that runs in this process. Dropping it kills its sandboxes with it, as a killed
/// process would; [`Cloud::shutdown`] is the orderly way.
pub struct Cloud {
    services: Arc<Services>,
    tasks: Vec<JoinHandle<()>>,
    _lock: Lock,
}

impl Cloud {
    /// Takes the directory, opens its state, and listens on 127.0.0.1. Whatever a former process left
    /// queued goes on from here.
    ///
    /// # Errors
    /// [`Error::Running`] names the cloud that has the directory already; other errors are those of
    /// files, database and listener.
    pub async fn open(settings: Settings) -> Result<Self, Error> {
        let lock = take(&settings.directory).await?;
        // What a killed process left there names nobody any more.
        running::remove(&settings.directory);
        let listener = server::listen(settings.port).await?;
        let services = Arc::new(make_services(settings, &listener)?);
        running::write(&services.settings.directory, &describe(&services))?;
        lambda::sweep(&services);
        batch::start(&services).await?;
        stack::resume(Arc::clone(&services)).await;
        let tasks = vec![
            tokio::spawn(server::run(listener, Arc::clone(&services))),
            tokio::spawn(events::run(Arc::clone(&services))),
            tokio::spawn(lambda::run(Arc::clone(&services))),
            tokio::spawn(schedule::run(Arc::clone(&services))),
            tokio::spawn(mapping::run(Arc::clone(&services))),
            tokio::spawn(batch::run(Arc::clone(&services))),
        ];
        Ok(Self {
            services,
            tasks,
            _lock: lock,
        })
    }

    /// Address of every service, `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.services.endpoint
    }

    /// The root key, made anew for every run of the cloud.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        self.services.keys.root()
    }

    /// What other processes are told of this cloud.
    #[must_use]
    pub fn running(&self) -> Running {
        describe(&self.services)
    }

    /// Returns when no stack operation is under way, no event is queued and no invocation is queued
    /// or in flight.
    ///
    /// # Errors
    /// The database failed.
    pub async fn idle(&self) -> Result<(), Error> {
        wait_until_idle(&self.services).await
    }

    /// Ends all sandboxes and stops listening. What is still queued stays queued in the directory.
    pub async fn shutdown(mut self) {
        self.stop();
        lambda::shutdown(&self.services).await;
        batch::shutdown(&self.services).await;
        for task in std::mem::take(&mut self.tasks) {
            // Aborted a moment ago, so the answer is known; what counts is that it is over.
            drop(task.await);
        }
    }

    fn stop(&self) {
        for task in &self.tasks {
            task.abort();
        }
        running::remove(&self.services.settings.directory);
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns when nothing is pending.
pub(crate) async fn wait_until_idle(services: &Services) -> Result<(), Error> {
    loop {
        let progress = services.progress.notified();
        if services.pending()? == 0 {
            return Ok(());
        }
        // Looks again now and then, too: a retry that waits for its time makes no progress.
        drop(tokio::time::timeout(IDLE_LOOK, progress).await);
    }
}

impl Services {
    fn pending(&self) -> Result<usize, Error> {
        let services = [
            stack::pending,
            events::pending,
            lambda::pending,
            batch::pending,
            mapping::pending,
        ];
        services.iter().map(|pending| pending(self)).sum()
    }
}

/// Makes the directory and takes it. A process that holds it and has not said where it listens is
/// opening or closing its cloud, so it is given some time.
async fn take(directory: &Path) -> Result<Lock, Error> {
    let file_error = |source| Error::File {
        path: directory.to_owned(),
        source,
    };
    std::fs::create_dir_all(directory).map_err(file_error)?;
    let owner_only = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(directory, owner_only).map_err(file_error)?;
    let deadline = Instant::now() + HELD_LIMIT;
    loop {
        if let Some(lock) = Lock::take(directory)? {
            return Ok(lock);
        }
        if let Some(running) = running::find_running(directory) {
            return Err(Error::Running(Box::new(running)));
        }
        if Instant::now() >= deadline {
            return Err(Error::Held(directory.to_owned()));
        }
        tokio::time::sleep(HELD_LOOK).await;
    }
}

fn make_services(settings: Settings, listener: &TcpListener) -> Result<Services, Error> {
    let address = listener.local_addr();
    let address = address.map_err(|source| Error::Listen {
        address: server::address(settings.port),
        source,
    })?;
    let faults = Faults::default();
    if let Some(text) = &settings.faults {
        let rates = Rates::parse(text.as_bytes());
        faults.set(rates.map_err(|error| Error::Faults(error.into()))?);
    }
    Ok(Services {
        store: Store::open(&settings.directory)?,
        executor: lambda::Executor::start(&settings)?,
        settings,
        endpoint: format!("http://{address}"),
        keys: Keys::generate(),
        events: Notify::new(),
        invocations: Notify::new(),
        messages: Notify::new(),
        jobs: Notify::new(),
        schedules: Notify::new(),
        batches: Batches::default(),
        batch: batch::Running::default(),
        uploads: Uploads::default(),
        faults,
        progress: Notify::new(),
    })
}

fn describe(services: &Services) -> Running {
    let root = services.keys.root();
    Running {
        endpoint: services.endpoint.clone(),
        access_key: root.access_key.clone(),
        secret_key: root.secret_key.clone(),
        region: services.settings.region.clone(),
        pid: std::process::id(),
    }
}

/// Services without server and tasks, for tests of one of them.
#[cfg(test)]
pub(crate) async fn services_for_test(settings: Settings) -> Arc<Services> {
    let listener = server::listen(None).await.unwrap();
    Arc::new(make_services(settings, &listener).unwrap())
}
