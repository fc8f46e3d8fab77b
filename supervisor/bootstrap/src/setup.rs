//! What the process is told: environment and stage package, read once and checked whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use scar_container::ImageConfig;
use scar_schemas::construct::Compute;
use scar_schemas::contract::{
    ARTIFACTS, DEFAULT_WORK_DIR, FORMAT, Image, Output, OutputKey, StageConfig, bucket_variable,
    function_variable,
};

use crate::batch::{Batch, Rank};
use crate::cloud::Cloud;
use crate::credentials;
use crate::package::Package;
use crate::secrets::Secrets;
use crate::step::Place;
use crate::store::{Access, Location, Store, StoreError};

/// Largest stage package.
const MAX_PACKAGE_BYTES: u64 = 64 * 1024 * 1024;

/// Variables with credentials, or with what leads to them.
const CONCEALED: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
];

/// Everything a task needs from outside its event.
pub(crate) struct Setup {
    /// The stage.
    pub(crate) config: StageConfig,
    /// Real bucket names by manifest name.
    pub(crate) buckets: BTreeMap<String, String>,
    /// The stage's script, if it has one.
    pub(crate) script: Option<Vec<u8>>,
    /// How the image wants to be run, where it is the root of this process already.
    pub(crate) own_image: Option<ImageConfig>,
    /// Directory for private directories of tasks.
    pub(crate) work_dir: PathBuf,
    /// Directory of extracted images.
    pub(crate) image_cache: PathBuf,
    /// Engine that must be used.
    pub(crate) engine: Option<String>,
    /// The object storage.
    pub(crate) store: Store,
    /// Other services.
    pub(crate) cloud: Arc<Cloud>,
    /// Secrets that were fetched.
    pub(crate) secrets: Secrets,
    /// Where jobs are submitted, if the stage has any.
    pub(crate) batch: Option<Batch>,
    /// Which part of a job of Batch this process is; `None` in a function.
    pub(crate) rank: Option<Rank>,
}

/// What is wrong with the environment or the stage package.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("variable {0} is not set")]
    Missing(String),
    #[error("stage package {path:?} cannot be read")]
    Package {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("stage package {key:?} cannot be fetched")]
    Fetch {
        key: String,
        #[source]
        source: Box<StoreError>,
    },
    #[error("stage package {0:?} is not there")]
    Gone(String),
    #[error("stage package is not valid")]
    Invalid(#[source] serde_json::Error),
    #[error("the image of this function cannot be told")]
    Image(#[source] scar_container::Error),
    #[error("stage package has format {0}, this supervisor reads up to {FORMAT}")]
    Format(u32),
    #[error("no connection to the object storage can be made")]
    Store(#[source] std::io::Error),
}

/// The environment as an argument. Values that are not UTF-8 count as not set.
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The environment of this process, which is read once: then containers, which run as the same user,
    /// can read neither this process nor its credentials.
    pub(crate) fn of_process() -> &'static Self {
        static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
        ENVIRONMENT.get_or_init(|| {
            let text = |value: std::ffi::OsString| value.into_string().ok();
            let pairs =
                std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
            let pairs = pairs.filter(|(_, value)| !value.is_empty()).collect();
            scar_container::conceal(&CONCEALED);
            Self(pairs)
        })
    }

    /// The first of these that is set.
    pub(crate) fn optional(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.0.get(*name)).cloned()
    }

    /// The first of these, which must be set.
    pub(crate) fn required(&self, names: &[&str]) -> Result<String, SetupError> {
        self.optional(names)
            .ok_or_else(|| SetupError::Missing(names.join(" or ")))
    }

    /// A directory: the variable's value or the default.
    fn directory(&self, name: &str, default: impl Into<PathBuf>) -> PathBuf {
        self.optional(&[name])
            .map_or_else(|| default.into(), PathBuf::from)
    }
}

impl Setup {
    /// Reads and checks everything. Fetches the stage package where the platform brings none.
    pub(crate) async fn read(environment: &Environment) -> Result<Self, SetupError> {
        let access = access(environment)?;
        let cloud = Cloud::new(environment, &access.region, access.credentials.clone());
        let cloud = Arc::new(cloud);
        let store = Store::new(access, cloud.clone()).map_err(SetupError::Store)?;
        let package = package(environment, &store).await?;
        let config = read_config(&package.stage)?;
        let buckets = buckets(&config, environment)?;
        let work_dir = environment.directory(function_variable::WORK_DIR, DEFAULT_WORK_DIR);
        let image_cache =
            environment.directory(function_variable::IMAGE_CACHE, work_dir.join("images"));
        Ok(Self {
            config,
            buckets,
            script: package.script,
            own_image: scar_container::own_image().map_err(SetupError::Image)?,
            image_cache,
            work_dir,
            engine: environment.optional(&[function_variable::ENGINE]),
            store,
            cloud,
            secrets: Secrets::default(),
            batch: Batch::of(environment),
            rank: None,
        })
    }

    /// Where the work of tasks is done.
    pub(crate) fn place(&self) -> Place {
        let more = &self.config.more;
        match self.rank {
            Some(_) => Place::Here,
            None if more.compute == Compute::Batch => Place::Batch,
            None if more.fallback => Place::Fallback,
            None => Place::Here,
        }
    }

    /// A place in the state bucket.
    pub(crate) fn state(&self, key: String) -> Location {
        Location::new(self.bucket(&self.config.state_bucket), key)
    }

    /// Real name of a bucket of the stage's configuration. All of them are known: `read` checked it.
    pub(crate) fn bucket<'a>(&'a self, name: &'a str) -> &'a str {
        self.buckets.get(name).map_or(name, String::as_str)
    }

    /// Real bucket and key of the first output for a stem; meant for atomic stages.
    pub(crate) fn only_output(&self, stem: &str) -> (&str, String) {
        match self.config.outputs.first() {
            Some(Output {
                bucket,
                key: OutputKey::Single { before, after },
            }) => (self.bucket(bucket), format!("{before}{stem}{after}")),
            Some(Output {
                bucket,
                key: OutputKey::Prefix { prefix, .. },
            }) => (self.bucket(bucket), prefix.clone()),
            None => (self.bucket(&self.config.state_bucket), String::new()),
        }
    }
}

/// The stage package: of the artifact bucket if a variable says which, else what the platform unpacked.
async fn package(environment: &Environment, store: &Store) -> Result<Package, SetupError> {
    let unreadable = |path: &Path, source| SetupError::Package {
        path: path.to_owned(),
        source,
    };
    let Some(key) = environment.optional(&[function_variable::PACKAGE_KEY]) else {
        let folder = environment.directory("LAMBDA_TASK_ROOT", ".");
        return Package::of_folder(&folder).map_err(|source| unreadable(&folder, source));
    };
    let bucket = environment.required(&[&bucket_variable(ARTIFACTS)])?;
    let at = Location::new(&bucket, key.clone());
    let found = store.get(&at, MAX_PACKAGE_BYTES).await;
    let found = found.map_err(|source| SetupError::Fetch {
        key: key.clone(),
        source: Box::new(source),
    })?;
    let (_, archive) = found.ok_or_else(|| SetupError::Gone(key.clone()))?;
    Package::of_archive(&archive).map_err(|source| unreadable(Path::new(&key), source))
}

fn read_config(text: &[u8]) -> Result<StageConfig, SetupError> {
    // The format is looked at first: a newer one may have fields that this supervisor cannot know.
    let document: serde_json::Value = serde_json::from_slice(text).map_err(SetupError::Invalid)?;
    let format = document
        .get("format")
        .and_then(serde_json::Value::as_u64)
        .unwrap_or_default();
    if format > u64::from(FORMAT) {
        return Err(SetupError::Format(
            u32::try_from(format).unwrap_or(u32::MAX),
        ));
    }
    serde_json::from_value(document).map_err(SetupError::Invalid)
}

fn buckets(
    config: &StageConfig,
    environment: &Environment,
) -> Result<BTreeMap<String, String>, SetupError> {
    let mut names: BTreeSet<&str> = BTreeSet::from([config.state_bucket.as_str()]);
    names.extend(config.inputs.iter().map(|input| input.bucket.as_str()));
    names.extend(config.outputs.iter().map(|output| output.bucket.as_str()));
    names.extend(config.more.mounts.iter().map(|mount| mount.bucket.as_str()));
    if let Image::Bucket { bucket, .. } = &config.image {
        names.insert(bucket);
    }
    let real = |name: &str| environment.required(&[&bucket_variable(name)]);
    names
        .into_iter()
        .map(|name| Ok((name.to_owned(), real(name)?)))
        .collect()
}

/// The standard variables of AWS, as Lambda, Batch and every SDK know them.
pub(crate) fn access(environment: &Environment) -> Result<Access, SetupError> {
    Ok(Access {
        credentials: credentials::of(environment)?,
        region: environment.required(&["AWS_REGION", "AWS_DEFAULT_REGION"])?,
        endpoint: environment.optional(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]),
    })
}
