//! A verb's connection to its cloud, opened for the verb and closed after it.

use std::future::Future;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scar_apply::{Cloud, Credentials, Deployment};
use scar_local::{Running, Settings, find_running};

use crate::args::Global;
use crate::error::{CliError, Kind};
use crate::project::Project;
use crate::target::{self, LOCAL_FOLDER, Surroundings, Target};
use crate::view::Screen;

/// How often to look whether the process of a local cloud is gone for good.
const GONE_POLL: Duration = Duration::from_millis(100);

/// How long a cloud of our own may take to finish what it has begun after the verb's work is done.
const SETTLE_MAX: Duration = Duration::from_secs(10);

/// What is true until a verb has begun to change something.
pub(crate) const UNCHANGED: &str = "nothing was changed";

/// What to do about a certificate that is not trusted.
pub(crate) const NOT_TRUSTED: &str = "its certificate is not trusted here: name a file with its authority in AWS_CA_BUNDLE (AWS only) or SSL_CERT_FILE, or add it to those of this machine; `openssl s_client -showcerts -connect HOST:PORT` shows who signed it";

/// An open connection, and the local cloud behind it if this process runs it.
pub(crate) struct Session {
    /// The cloud.
    pub(crate) cloud: Cloud,
    /// Whether it is the embedded one, in whichever process.
    pub(crate) is_local: bool,
    own: Option<scar_local::Cloud>,
    /// The local cloud of another process.
    borrowed: Option<Running>,
    /// What a person is told who ends the verb now.
    after_interrupt: Mutex<String>,
}

/// Runs a verb's work on the chosen cloud. Ctrl-C ends the work, not what it has started in the cloud;
/// `after_interrupt` says how it goes on, until [`Session::if_interrupted`] says otherwise. When a local cloud of another process ends in the middle, the
/// work begins again in one of this process: every verb converges.
pub(crate) fn on_cloud<T>(
    global: &Global,
    wanted_region: Option<&str>,
    screen: &Screen,
    after_interrupt: &str,
    work: impl AsyncFn(&Session) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let target = target::choose(global, wanted_region, &Surroundings::of_process());
    block_on(async {
        loop {
            let opening = Box::pin(Session::open(&target, screen));
            let session = unless_interrupted(opening, UNCHANGED).await?;
            session.if_interrupted(after_interrupt);
            let result = tokio::select! {
                result = Box::pin(work(&session)) => result,
                () = interrupted() => Err(session.interruption()),
            };
            if is_failure(&result) && session.is_gone().await {
                screen.note("the process of the local cloud ended; going on without it");
                tokio::time::sleep(GONE_POLL).await;
                continue;
            }
            // Who asks a second time does not want to wait for a tidy end.
            tokio::select! {
                () = session.close() => (),
                () = interrupted() => (),
            }
            return result;
        }
    })
}

/// The same for verbs of a workflow that is deployed already.
pub(crate) fn on_deployment<T>(
    project: &Project,
    global: &Global,
    screen: &Screen,
    after_interrupt: &str,
    work: impl AsyncFn(&Session, &Deployment) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let region = project.workflow.region.as_deref();
    on_cloud(global, region, screen, after_interrupt, async |session| {
        let deployment = Deployment::find(&session.cloud, &project.workflow).await?;
        Box::pin(work(session, &deployment)).await
    })
}

fn is_failure<T>(result: &Result<T, CliError>) -> bool {
    matches!(result, Err(error) if error.kind == Kind::Failure)
}

/// Runs a future on a runtime of its own. Verbs that need none of this never start one.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::caused("cannot start the runtime", &error))?;
    let result = runtime.block_on(work);
    // A file operation that hangs must not keep the program from ending.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

/// The work's result, or [`Kind::Interrupted`] if a person or the system ends it before.
pub(crate) async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T, CliError>>,
    hint: &str,
) -> Result<T, CliError> {
    tokio::select! {
        result = work => result,
        () = interrupted() => Err(CliError::new(Kind::Interrupted, "interrupted").hint(hint)),
    }
}

/// Returns on Ctrl-C or SIGTERM.
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let control_c = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = control_c => (),
            _ = terminate.recv() => (),
        },
        Err(_) => drop(control_c.await),
    }
}

impl Session {
    async fn open(target: &Target, screen: &Screen) -> Result<Self, CliError> {
        match target {
            Target::Local { because } => Self::open_local(because, screen).await,
            Target::Aws { profile, region } => {
                let target = scar_apply::Target::Aws {
                    profile: profile.clone(),
                    region: Some(region.clone()),
                };
                Self::open_remote(&target, "AWS", screen).await
            }
            Target::Endpoint { url, region } => {
                let target = endpoint(url, region, None);
                Self::open_remote(&target, &format!("cloud at {url},"), screen).await
            }
        }
    }

    async fn open_remote(
        target: &scar_apply::Target,
        name: &str,
        screen: &Screen,
    ) -> Result<Self, CliError> {
        let cloud = Cloud::connect(target).await.map_err(not_connected)?;
        let (account, region) = (cloud.account(), cloud.region());
        screen.note_once(&format!("{name} account {account} in {region}"), "");
        Ok(Self {
            cloud,
            is_local: false,
            own: None,
            borrowed: None,
            after_interrupt: Mutex::default(),
        })
    }

    /// The running local cloud of this directory, else one in this process.
    async fn open_local(because: &str, screen: &Screen) -> Result<Self, CliError> {
        let folder = Path::new(LOCAL_FOLDER);
        if let Some(running) = find_running(folder) {
            screen.note_once(&format!("local cloud at {}", running.endpoint), because);
            return Self::connect_local(&running, None).await;
        }
        match scar_local::Cloud::open(Settings::new(folder.to_owned())).await {
            Ok(own) => {
                screen.note_once(&format!("local cloud in {LOCAL_FOLDER}"), because);
                let running = own.running();
                Self::connect_local(&running, Some(own)).await
            }
            // Another process was faster.
            Err(scar_local::Error::Running(running)) => Self::connect_local(&running, None).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn connect_local(
        running: &Running,
        own: Option<scar_local::Cloud>,
    ) -> Result<Self, CliError> {
        let credentials = Credentials {
            access_key: running.access_key.clone(),
            secret_key: running.secret_key.clone(),
        };
        let target = endpoint(&running.endpoint, &running.region, Some(credentials));
        Ok(Self {
            cloud: Cloud::connect(&target).await?,
            is_local: true,
            borrowed: own.is_none().then(|| running.clone()),
            own,
            after_interrupt: Mutex::default(),
        })
    }

    /// From now on a person who ends the verb is told this: in which state things are, and how to go on.
    pub(crate) fn if_interrupted(&self, hint: &str) {
        hint.clone_into(&mut self.hint());
    }

    fn interruption(&self) -> CliError {
        CliError::new(Kind::Interrupted, "interrupted").hint(self.hint().as_str())
    }

    fn hint(&self) -> MutexGuard<'_, String> {
        let hint = self.after_interrupt.lock();
        hint.unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a cloud of this process finish what was begun, so that it need not be repeated next time.
    pub(crate) async fn settle(&self) -> Result<(), CliError> {
        let Some(own) = &self.own else { return Ok(()) };
        match tokio::time::timeout(SETTLE_MAX, own.idle()).await {
            Ok(result) => Ok(result?),
            // What is left stays queued and goes on the next time.
            Err(_) => Ok(()),
        }
    }

    /// Whether the local cloud runs in this process, so that its work stops when the verb ends.
    pub(crate) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Returns when a local cloud of this process has had nothing to do for `quiet`, with what that means
    /// to somebody who still waits; never for other clouds.
    pub(crate) async fn stalled(&self, quiet: Duration) -> CliError {
        let Some(own) = &self.own else {
            return std::future::pending().await;
        };
        loop {
            if let Err(error) = own.idle().await {
                return error.into();
            }
            tokio::time::sleep(quiet).await;
            if let Ok(Ok(())) = tokio::time::timeout(Duration::from_millis(1), own.idle()).await {
                return CliError::new(Kind::TasksFailed, "some tasks wait, but nothing is queued for them")
                    .hint("an input that was there before its stage was deployed starts nothing, and one whose tries are used up is given up: `scar logs -v` tells, `scar put` starts it again");
            }
        }
    }

    /// Whether this is a local cloud of another process, and nobody listens there any more.
    async fn is_gone(&self) -> bool {
        let Some(running) = &self.borrowed else {
            return false;
        };
        let address = running.endpoint.trim_start_matches("http://");
        tokio::net::TcpStream::connect(address).await.is_err()
    }

    async fn close(self) {
        if let Some(own) = self.own {
            own.shutdown().await;
        }
    }
}

pub(crate) fn not_connected(error: scar_apply::Error) -> CliError {
    let is_file = matches!(error, scar_apply::Error::File { .. });
    let error = CliError::from(error);
    let says = |words: &str| {
        error.message.contains(words) || error.causes.iter().any(|cause| cause.contains(words))
    };
    if says("loading credentials") {
        // The chain tells of every place that was looked at, down to the metadata of a machine in AWS.
        return CliError::failure("no AWS credentials are configured")
            .hint(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with --profile",
            )
            .hint("for a running local cloud: eval \"$(scar local env)\"; --local needs no keys");
    }
    let hint = if says("invalid peer certificate") {
        NOT_TRUSTED
    } else if is_file {
        "the variable AWS_CA_BUNDLE names this file"
    } else if says("tunnel error") {
        "the proxy that HTTPS_PROXY or ALL_PROXY names does not let it through; NO_PROXY lists hosts that are asked without it"
    } else if says("client error (Connect)") {
        "nothing answers at this address; --local needs no other cloud"
    } else if says("UnrecognizedClient") || says("InvalidClientToken") || says("SignatureDoesNot") {
        "the keys are not known there; for a running local cloud: eval \"$(scar local env)\""
    } else {
        "keys are looked for where the AWS command line looks for them; --local needs none"
    };
    error.hint(hint)
}

pub(crate) fn endpoint(
    url: &str,
    region: &str,
    credentials: Option<Credentials>,
) -> scar_apply::Target {
    scar_apply::Target::Endpoint {
        url: url.to_owned(),
        region: region.to_owned(),
        credentials,
    }
}

impl From<scar_local::Error> for CliError {
    fn from(error: scar_local::Error) -> Self {
        let hint = match &error {
            scar_local::Error::Held(_) => Some("wait for it, or end it"),
            scar_local::Error::Damaged { .. } => {
                Some("move .scar/local away to begin anew; its objects are lost then")
            }
            scar_local::Error::File { source, .. }
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                Some("the state of the local cloud must be yours; work in a directory of your own")
            }
            _ => None,
        };
        let kind = match &error {
            scar_local::Error::Running(_) | scar_local::Error::Held(_) => Kind::Stale,
            _ => Kind::Failure,
        };
        let shown = Self::of(kind, &error);
        match hint {
            Some(hint) => shown.hint(hint),
            None => shown,
        }
    }
}

impl From<scar_apply::Error> for CliError {
    fn from(error: scar_apply::Error) -> Self {
        use scar_apply::{Error, Outcome};
        use scar_plan::Stale;
        let (kind, hint) = match &error {
            Error::Stale(Stale::Account { .. } | Stale::Region { .. }) => (
                Kind::Stale,
                Some("choose the place of the plan with --profile and --region, or plan again for this one".to_owned()),
            ),
            Error::Stale(_) => (Kind::Stale, Some("plan again: `scar plan`".to_owned())),
            Error::Busy { .. } => (
                Kind::Stale,
                Some("wait until it is done, then try again".to_owned()),
            ),
            Error::Foreign { .. } => (
                Kind::Blocked,
                Some("give the workflow or the environment another name".to_owned()),
            ),
            Error::InUse { .. } => (Kind::Blocked, None),
            Error::Refused { .. } => (Kind::RolledBack, None),
            Error::Stack {
                outcome: Outcome::RolledBack,
                ..
            } => (
                Kind::RolledBack,
                Some("everything is as it was before".to_owned()),
            ),
            Error::Stack {
                outcome: Outcome::Stuck { command, .. },
                ..
            } => (
                Kind::Stuck,
                Some(format!("when the cause is gone: {command}")),
            ),
            Error::Stuck { .. } => (Kind::Stuck, None),
            Error::NotDeployed { .. } => {
                (Kind::Failure, Some("deploy it: `scar apply`".to_owned()))
            }
            Error::MissingOutput { .. } => (
                Kind::Failure,
                Some("deploy the manifest as it is now: `scar apply`".to_owned()),
            ),
            Error::TimedOut { .. } => (
                Kind::TimedOut,
                Some("it goes on; see `scar status`".to_owned()),
            ),
            _ => (Kind::Failure, None),
        };
        let shown = Self::of(kind, &error);
        match hint {
            Some(hint) => shown.hint(hint),
            None => shown,
        }
    }
}
