//! [`Manifest`](scar_schemas::manifest::Manifest) → [`Workflow`]: every value resolved, stages linked
//! by where they read and write, and the proof that the graph can work.
//!
//! It deliberately knows nothing of CloudFormation: it is what the user means, not how it is done.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use scar_manifest::{Destination, Diagnostic, Files, Places, Source};
use scar_schemas::construct::{
    Architecture, Cache, Compute, Events, Http, Join, Network, Package, RetryClass, Schedule,
    SecretReference, When,
};
use scar_schemas::contract::{Counted, Mount};
use scar_schemas::glob::Glob;
use scar_schemas::manifest::{Limits, Manifest, Safeguards, Work};

mod checks;
mod choice;
mod cycles;
mod dead;
mod direct;
mod ends;
mod fan_in;
mod graph;
mod key_space;
mod limits;
mod resolve;
mod stage;
mod stem;
mod views;
mod writers;

pub use resolve::OLD_VERSIONS_DAYS;
pub use views::{
    Mark, Marks, dot, dot_marked, mermaid, mermaid_marked, svg, svg_marked, tree, tree_marked,
};

/// A workflow for one environment, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// Name of the workflow.
    pub name: String,
    /// Name of the environment; `dev` if the manifest has none.
    pub environment: String,
    /// Free text for people.
    pub description: Option<String>,
    /// Region the environment asks for.
    pub region: Option<String>,
    /// Whether the environment is protected.
    pub protect: bool,
    /// Tags on everything.
    pub tags: BTreeMap<String, String>,
    /// The only account that it may be applied to.
    pub account: Option<String>,
    /// Name or ARN of the SNS topic that hears of failures.
    pub alarm: Option<String>,
    /// What a plan may not exceed.
    pub limits: Limits,
    /// How what is stored is kept safe.
    pub safeguards: Safeguards,
    /// Buckets by manifest name: the real name of an existing one, `None` for a managed one.
    pub buckets: IndexMap<String, Option<String>>,
    /// What managed buckets have beyond the ordinary, by manifest name.
    pub bucket_settings: BTreeMap<String, BucketSettings>,
    /// Manifest name of the managed bucket that holds scar's own records.
    pub state_bucket: String,
    /// Stages in topological order, ties in file order.
    pub stages: Vec<Stage>,
    /// Which stage feeds which.
    pub links: Vec<Link>,
}

/// What a managed bucket has beyond the ordinary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketSettings {
    /// Days after which objects below a prefix are deleted, by prefix.
    pub expire_days: BTreeMap<String, u32>,
    /// Old versions of objects are kept.
    pub versioned: bool,
    /// Days after which old versions are deleted; `None` keeps them as long as `expire_days` says.
    pub old_versions_days: Option<u32>,
}

/// A stage with every value decided.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Image reference as written.
    pub image: String,
    /// What runs.
    pub work: Work,
    /// Which objects start it.
    pub inputs: Vec<Input>,
    /// Where its files go.
    pub outputs: Vec<Output>,
    /// Of the files of an output, by its number, those that a join by run waits for; all, if it is not here.
    pub counted: BTreeMap<usize, Vec<Counted>>,
    /// Variables of the container.
    pub variables: BTreeMap<String, String>,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Seconds a task may take.
    pub timeout_s: u32,
    /// Scratch disk in MiB.
    pub disk_mib: u32,
    /// Starts of one task at most.
    pub attempts: u32,
    /// Days to keep the log.
    pub log_days: u32,
    /// Name in logical ids, keys and identities: the name it was first deployed under.
    pub id: String,
    /// What runs its tasks, decided.
    pub compute: Compute,
    /// Why `auto` became what it is, for people; `None` if the manifest said it.
    pub compute_reason: Option<String>,
    /// Lambda first, Batch when time, memory or disk is not enough.
    pub fallback: bool,
    /// Processors of a Batch job, in thousandths of a vCPU.
    pub vcpu_milli: u32,
    /// GPUs of a Batch job.
    pub gpu: u32,
    /// Batch jobs run on spare capacity.
    pub spot: bool,
    /// Computers of one Batch job, at least 1.
    pub nodes: u32,
    /// Processor architecture.
    pub arch: Architecture,
    /// Where in the network tasks run.
    pub network: Network,
    /// Tasks at once.
    pub concurrency: Option<u32>,
    /// How events come.
    pub events: Events,
    /// How a Lambda stage gets its image.
    pub package: Package,
    /// Which objects of the inputs are taken.
    pub when: Option<When>,
    /// Waits for several objects.
    pub join: Option<Join>,
    /// Texts of a scatter; empty without one.
    pub items: Vec<String>,
    /// Ids of stages whose finished tasks start it.
    pub after: Vec<String>,
    /// Some stage is `after` it.
    pub announces: bool,
    /// HTTP door.
    pub http: Option<Http>,
    /// Times at which it starts.
    pub schedule: Option<Schedule>,
    /// Variables whose values are fetched when a task starts.
    pub secrets: BTreeMap<String, SecretReference>,
    /// Prefixes that tasks see as folders.
    pub mounts: Vec<Mount>,
    /// Rounds of a cycle that is meant.
    pub loop_max: Option<u32>,
    /// What counts as done already.
    pub cache: Cache,
    /// The only failures that are tried again; `None` is the default.
    pub retry_only: Option<Vec<RetryClass>>,
    /// Tags besides the workflow's.
    pub tags: BTreeMap<String, String>,
}

/// An input of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Manifest name of the bucket.
    pub bucket: String,
    /// Which keys.
    pub pattern: Glob,
}

/// An output of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Manifest name of the bucket.
    pub bucket: String,
    /// How its keys are made.
    pub key: scar_schemas::contract::OutputKey,
}

/// One stage's output feeds another's input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Writing stage.
    pub from: String,
    /// Reading stage.
    pub to: String,
    /// Where they meet, as the reader means it, the bucket always named: `data:grey/*.png`.
    pub via: String,
}

/// What the whole front came to: text read, checked and linked.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The workflow; `None` if there was any error.
    pub workflow: Option<Workflow>,
    /// The manifest it came from; `None` if there was any error in reading it.
    pub manifest: Option<Manifest>,
    /// Name of the environment it was read for.
    pub environment: String,
    /// Region that the manifest itself wants for the environment.
    pub region: Option<String>,
    /// `{{ region }}` or `{{ account }}` stands somewhere: in another place it is another manifest.
    pub depends_on_place: bool,
    /// Where each value stands.
    pub places: Places,
    /// All errors and warnings of both steps, in file order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Text → workflow in one step: [`scar_manifest::parse`], then [`link`] even over what could only be
/// read in part, so that mistakes in values and mistakes in the graph are told together.
#[must_use]
pub fn load<'a>(
    source: &Source,
    destination: impl Into<Destination<'a>>,
    files: &dyn Files,
) -> Loaded {
    let outcome = scar_manifest::parse(source, destination, files);
    let mut diagnostics = outcome.diagnostics;
    let linked = outcome.draft.and_then(|draft| {
        let (workflow, found) = link(&draft, &outcome.environment, &outcome.places);
        diagnostics.extend(found);
        workflow
    });
    diagnostics.sort_by_key(Diagnostic::order);
    Loaded {
        // A draft may link well and still be wrong elsewhere.
        workflow: linked.filter(|_| outcome.manifest.is_some()),
        manifest: outcome.manifest,
        environment: outcome.environment,
        region: outcome.region,
        depends_on_place: outcome.depends_on_place,
        places: outcome.places,
        diagnostics,
    }
}

/// Resolves every value and links the stages. No workflow if there was an error.
#[must_use]
pub fn link(
    manifest: &Manifest,
    environment: &str,
    places: &Places,
) -> (Option<Workflow>, Vec<Diagnostic>) {
    let mut report = Vec::new();
    let resolved = resolve::workflow(manifest, environment, places, &mut report);
    if let Some(workflow) = &resolved {
        let look = checks::Look {
            manifest,
            workflow,
            places,
        };
        checks::check(&look, &mut report);
    }
    let workflow =
        resolved.and_then(|resolved| graph::link(resolved, manifest, places, &mut report));
    let is_good = !report.iter().any(Diagnostic::is_error);
    (workflow.filter(|_| is_good), report)
}
