//! Lambda: functions and layers, sandboxes that run them, and the durable queue of asynchronous
//! invocations.

mod asynchronous;
mod executor;
mod image;
mod journal;
mod limits;
mod names;
mod package;
mod processes;
mod runtime_api;
mod sandbox;
mod spawner;
#[cfg(test)]
mod tests;
mod url;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use executor::Request;
use serde::{Deserialize, Serialize};

pub(crate) use asynchronous::{Invocation, enqueue, queue};
pub(crate) use executor::{Executor, Finished, admit, kill_marked};
pub(crate) use image::prepare as prepare_image;
pub(crate) use journal::ensure_group as ensure_log_group;
pub(crate) use names::function_name;
pub(crate) use package::Package;
pub(crate) use processes::ProcessTree;
pub(crate) use runtime_api::Outcome;
pub(crate) use url::{Api, Authorizer, FunctionUrl, Integration, Route};

use crate::Error;
use crate::services::Services;
use crate::stack::Stack;
use crate::store::Table;

/// A function, in `Table::Functions` under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// Its ARN, without a version.
    pub(crate) arn: String,
    /// Changes with everything that a running sandbox would have to know.
    pub(crate) revision: String,
    /// Free text.
    pub(crate) description: String,
    /// For instance `provided.al2023`.
    pub(crate) runtime: String,
    /// Handler, handed on as `_HANDLER`.
    pub(crate) handler: String,
    /// ARN of its role.
    pub(crate) role_arn: String,
    /// Its code.
    pub(crate) package: Package,
    /// ARNs of its layer versions, lowest first.
    pub(crate) layers: Vec<String>,
    /// Variables of its environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// `x86_64` or `arm64`.
    pub(crate) architecture: String,
    /// Memory in MiB.
    pub(crate) memory_mib: u64,
    /// Seconds an invocation may take.
    pub(crate) timeout_s: u64,
    /// Size of `/tmp` in MiB.
    pub(crate) disk_mib: u64,
    /// Where its output goes.
    pub(crate) log_group: String,
    /// Whether its platform lines are JSON.
    pub(crate) json_logs: bool,
    /// Time of the last change, in milliseconds since the Unix epoch.
    pub(crate) modified_ms: u64,
    /// Who may invoke it, by statement id.
    pub(crate) permissions: BTreeMap<String, Permission>,
    /// What happens to asynchronous invocations that fail.
    pub(crate) asynchronous: Option<AsynchronousSettings>,
    /// Its tags.
    pub(crate) tags: BTreeMap<String, String>,
    /// Invocations that may run at the same time, if that is limited.
    #[serde(default)]
    pub(crate) reserved: Option<u64>,
    /// Its own address.
    #[serde(default)]
    pub(crate) url: Option<FunctionUrl>,
    /// ARN of the key that its variables should be encrypted with; nothing is encrypted here.
    #[serde(default)]
    pub(crate) kms_key: Option<String>,
    /// The private network that it should stand in, as its template says; here it has the machine's.
    #[serde(default)]
    pub(crate) network: Option<serde_json::Value>,
}

/// A statement of a function's resource policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Permission {
    /// For instance `lambda:InvokeFunction`.
    pub(crate) action: String,
    /// For instance `events.amazonaws.com`.
    pub(crate) principal: String,
    /// Only for requests on behalf of this resource; may have wildcards.
    pub(crate) source_arn: Option<String>,
    /// Only for resources of this account.
    pub(crate) source_account: Option<String>,
}

/// What happens to asynchronous invocations that fail.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AsynchronousSettings {
    /// Retries after the first attempt, 0 to 2.
    pub(crate) retries_max: u32,
    /// Seconds after which an event is given up, 60 to 21,600.
    pub(crate) age_max_s: u64,
    /// ARN of the queue that takes what was given up.
    pub(crate) on_failure: Option<String>,
}

impl Default for AsynchronousSettings {
    /// What AWS does without settings.
    fn default() -> Self {
        Self {
            retries_max: 2,
            age_max_s: 21_600,
            on_failure: None,
        }
    }
}

/// A layer version, in `Table::Layers` under its ARN.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LayerVersion {
    /// Name of the layer.
    pub(crate) layer: String,
    /// Number of the version, from 1.
    pub(crate) version: u64,
    /// ARN of the version.
    pub(crate) arn: String,
    /// Free text.
    pub(crate) description: String,
    /// Runtimes it says it is for.
    pub(crate) runtimes: Vec<String>,
    /// Architectures it says it is for.
    pub(crate) architectures: Vec<String>,
    /// Its content.
    pub(crate) package: Package,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
}

impl Function {
    /// Whether a service principal may invoke the function on behalf of a resource.
    pub(crate) fn admits(&self, principal: &str, source_arn: &str, account: &str) -> bool {
        self.permissions.values().any(|permission| {
            matches!(
                permission.action.as_str(),
                "lambda:InvokeFunction" | "lambda:*" | "*"
            ) && permission.principal == principal
                && permission
                    .source_account
                    .as_deref()
                    .is_none_or(|allowed| allowed == account)
                && permission
                    .source_arn
                    .as_deref()
                    .is_none_or(|allowed| names::arn_matches(allowed, source_arn))
        })
    }

    /// Whether everybody may call its address.
    pub(crate) fn is_public(&self) -> bool {
        self.permissions.values().any(|permission| {
            permission.principal == "*" && permission.action == "lambda:InvokeFunctionUrl"
        })
    }

    /// Name of the role.
    pub(crate) fn role(&self) -> &str {
        self.role_arn.rsplit('/').next().unwrap_or_default()
    }
}

/// A function by name or ARN.
pub(crate) fn find(services: &Services, named: &str) -> Result<Option<Function>, Error> {
    services.store.get(Table::Functions, function_name(named))
}

/// Runs an invocation at once and waits for its end.
pub(crate) async fn invoke(
    services: &Arc<Services>,
    function: &Function,
    event: Bytes,
) -> Finished {
    executor::run(services, function, &Request::new(event)).await
}

/// Where packages are unpacked.
pub(crate) fn packages(services: &Services) -> PathBuf {
    services.settings.directory.join("packages")
}

/// Digests of all packages that something refers to; `None` if that cannot be told now.
fn packages_in_use(services: &Services) -> Option<BTreeSet<String>> {
    let store = &services.store;
    let stacks = store.list::<Stack>(Table::Stacks, "").ok()?;
    if stacks.iter().any(|(_, stack)| stack.operation.is_some()) {
        return None;
    }
    let functions = store.list::<Function>(Table::Functions, "").ok()?;
    let layers = store.list::<LayerVersion>(Table::Layers, "").ok()?;
    let of_functions = functions
        .into_iter()
        .map(|(_, function)| function.package.digest);
    let of_layers = layers
        .into_iter()
        .map(|(_, version)| version.package.digest);
    Some(of_functions.chain(of_layers).collect())
}

/// Asynchronous invocations queued or in flight.
pub(crate) fn pending(services: &Services) -> Result<usize, Error> {
    services.store.count(Table::Invocations, "")
}

/// Removes what a killed process left: its sandboxes, and packages that nothing refers to. To be called
/// before anything else runs.
pub(crate) fn sweep(services: &Services) {
    executor::sweep(services);
    if let Some(used) = packages_in_use(services) {
        package::sweep(&packages(services), &used);
    }
}

/// Runs queued invocations until the task is aborted.
pub(crate) async fn run(services: Arc<Services>) {
    asynchronous::run(services).await;
}

/// Kills all sandboxes.
pub(crate) async fn shutdown(services: &Services) {
    services.executor.close().await;
}
