//! What a sandbox is made of: its directory, its credentials, its log stream, and the command that
//! starts its process.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use scar_container::{Command, Job, Mount};

use super::super::journal::{self, Journal};
use super::super::package::copy_tree;
use super::super::spawner::leashed;
use super::super::{Function, LayerVersion, image, packages};
use super::process::Order;
use crate::auth::{Credentials, Identity};
use crate::services::Services;
use crate::store::Table;
use crate::{Error, clock, iam, random};

/// Number of the user and group that functions of images run as; the real one has no name either.
const USER: &str = "993:990";
/// Time until a sandbox is ended that nobody has ended; they live for minutes.
const LONGEST: Duration = Duration::from_hours(24);

/// What a sandbox stands on; it goes with it, also if the process never started.
pub(super) struct Ground {
    services: Arc<Services>,
    directory: PathBuf,
    credentials: Credentials,
}

impl Ground {
    /// A new directory's path, and a new session of the function's role.
    pub(super) fn new(services: &Arc<Services>, function: &Function) -> io::Result<Self> {
        Ok(Self {
            services: Arc::clone(services),
            directory: std::path::absolute(sandboxes(services))?.join(random::hex(8)),
            credentials: services.keys.issue(function.role(), &function.name),
        })
    }

    /// Makes the directory with the function's code and layers; an image has its own root.
    pub(super) async fn populate(&self, function: &Function) -> Result<(), StartError> {
        let (trees, target) = (trees(&self.services, function)?, self.directory.clone());
        let populated = tokio::task::spawn_blocking(move || populate(&target, &trees));
        Ok(populated.await.map_err(io::Error::other)??)
    }

    /// What the function sees as its `/tmp`.
    pub(super) fn tmp(&self) -> PathBuf {
        self.directory.join("tmp")
    }

    /// What starts the function's process.
    pub(super) async fn order(
        &self,
        function: &Function,
        stream: &str,
        runtime_api: &str,
    ) -> Result<Order, StartError> {
        let mut variables = self.variables(function, stream);
        variables.insert("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned());
        match &function.package.image {
            Some(image) => self.container(function, image, variables).await,
            None => self.program(function, variables),
        }
    }

    fn program(
        &self,
        function: &Function,
        variables: BTreeMap<&'static str, String>,
    ) -> Result<Order, StartError> {
        let (task, opt) = (self.directory.join("task"), self.directory.join("opt"));
        let bootstraps = [task.join("bootstrap"), opt.join("bootstrap")];
        let bootstrap = bootstraps
            .iter()
            .find(|path| path.is_file())
            .ok_or(StartError::Bootstrap)?;
        let images = std::path::absolute(self.services.settings.directory.join("images"))?;
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let mut command = leashed(bootstrap);
        command
            .env_clear()
            .current_dir(&task)
            .env("PATH", path)
            .env("LANG", "en_US.UTF-8")
            .env("TZ", ":UTC")
            .env("TMPDIR", self.tmp())
            .env("SCAR_WORK_DIR", self.tmp())
            .env("SCAR_IMAGE_CACHE", images)
            .envs(&function.environment)
            .env("LAMBDA_TASK_ROOT", &task)
            .env("LAMBDA_RUNTIME_DIR", &opt)
            .env(
                "AWS_EXECUTION_ENV",
                format!("AWS_Lambda_{}", function.runtime),
            )
            .envs(variables);
        Ok(Order::Program(command))
    }

    /// The image's root cannot be written to, and its user is one without rights, whatever it says.
    async fn container(
        &self,
        function: &Function,
        image: &str,
        variables: BTreeMap<&'static str, String>,
    ) -> Result<Order, StartError> {
        let rootfs = image::fetch(&self.services, image).await;
        let rootfs = rootfs.map_err(StartError::Image)?;
        let mut job = Job::new(Command::Image, &self.directory);
        job.variables = function.environment.clone();
        let own = [("LAMBDA_TASK_ROOT", "/var/task"), ("TZ", ":UTC")];
        let own = own.map(|(name, value)| (name, value.to_owned()));
        let variables = variables.into_iter().chain(own);
        job.variables
            .extend(variables.map(|(name, value)| (name.to_owned(), value)));
        job.mounts = vec![Mount {
            source: self.tmp(),
            target: "/tmp".to_owned(),
            read_only: false,
        }];
        job.user = Some(USER.to_owned());
        job.read_only = true;
        job.timeout = LONGEST;
        job.max_output_bytes = u64::MAX;
        Ok(Order::Container(rootfs, Box::new(job)))
    }

    /// What every function is told: where the cloud is, and who the function is there.
    fn variables(&self, function: &Function, stream: &str) -> BTreeMap<&'static str, String> {
        let (services, credentials) = (&self.services, &self.credentials);
        let settings = &services.settings;
        let mut variables = describe_function(function, stream);
        variables.extend([
            ("AWS_REGION", settings.region.clone()),
            ("AWS_DEFAULT_REGION", settings.region.clone()),
            ("AWS_ENDPOINT_URL", services.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", credentials.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_key.clone()),
        ]);
        if let Some(token) = &credentials.session_token {
            variables.insert("AWS_SESSION_TOKEN", token.clone());
        }
        variables
    }
}

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// There is no program to start.
    #[error("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")]
    Bootstrap,
    /// The image is gone, or cannot be unpacked any more.
    #[error("the image cannot be had: {0}")]
    Image(String),
    /// No container can be run on this machine.
    #[error("no container engine works here: {0}")]
    Engine(String),
    /// A layer version that was deleted.
    #[error("layer version {0} does not exist")]
    Layer(String),
    /// Files or processes.
    #[error("cannot set up the sandbox: {0}")]
    System(#[from] io::Error),
    /// The store.
    #[error("cannot read the function's layers: {0}")]
    Store(#[from] Error),
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.services.keys.revoke(&self.credentials.access_key);
        // What cannot be removed now is swept when a cloud opens the directory.
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

/// Where sandboxes live.
pub(crate) fn sandboxes(services: &Services) -> PathBuf {
    services.settings.directory.join("sandboxes")
}

/// The unpacked code and layers: what is copied, and into which folder of the sandbox.
fn trees(
    services: &Services,
    function: &Function,
) -> Result<Vec<(PathBuf, &'static str)>, StartError> {
    let packages = packages(services);
    let mut trees = Vec::new();
    if function.package.image.is_none() {
        trees.push((function.package.directory(&packages), "task"));
    }
    for arn in &function.layers {
        let layer = services.store.get::<LayerVersion>(Table::Layers, arn)?;
        let layer = layer.ok_or_else(|| StartError::Layer(arn.clone()))?;
        trees.push((layer.package.directory(&packages), "opt"));
    }
    Ok(trees)
}

fn populate(directory: &Path, trees: &[(PathBuf, &'static str)]) -> io::Result<()> {
    for folder in ["task", "opt", "tmp"] {
        std::fs::create_dir_all(directory.join(folder))?;
    }
    for (tree, folder) in trees {
        copy_tree(tree, &directory.join(folder))?;
    }
    Ok(())
}

/// A journal and the name of its stream.
pub(super) async fn open_journal(
    services: &Services,
    function: &Function,
) -> Result<(Arc<Journal>, String), Error> {
    let settings = &services.settings;
    let today = clock::rfc3339(clock::now_ms())[..10].replace('-', "/");
    let stream = format!("{today}/[$LATEST]{}", random::hex(16));
    let group_arn = format!(
        "arn:aws:logs:{}:{}:log-group:{}",
        settings.region, settings.account, function.log_group
    );
    let identity = Identity::Session {
        role: function.role().to_owned(),
        session: function.name.clone(),
    };
    let may = |action: &str, resource: &str| iam::allows(services, &identity, action, resource);
    let is_kept = may(
        "logs:PutLogEvents",
        &format!("{group_arn}:log-stream:{stream}"),
    )?;
    if function.log_group == format!("/aws/lambda/{}", function.name)
        && may("logs:CreateLogGroup", &group_arn)?
    {
        journal::ensure_group(&services.store, &function.log_group, group_arn).await?;
    }
    Ok((
        Journal::new(services.store.clone(), function, stream.clone(), is_kept),
        stream,
    ))
}

/// "Defined runtime environment variables" in the Lambda developer guide.
fn describe_function(function: &Function, stream: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("_HANDLER", function.handler.clone()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            function.memory_mib.to_string(),
        ),
        ("AWS_LAMBDA_LOG_GROUP_NAME", function.log_group.clone()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", stream.to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
    ])
}
