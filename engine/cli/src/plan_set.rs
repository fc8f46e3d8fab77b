//! Several plans for one environment: made side by side, shown as one table, saved into one directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use scar_apply::DeployedWorkflow;
use scar_plan::{Action, Assumptions, Plan, Request};
use scar_template::DeployedBase;
use serde_json::{Value, json};

use crate::args::Global;
use crate::assets::Assets;
use crate::deployment::{Prepared, folder_of};
use crate::error::{CliError, Kind};
use crate::policy;
use crate::project::Project;
use crate::session;
use crate::verb::Packaging;
use crate::verb::plan::{read, save, text};
use crate::view::Screen;
use crate::view::table::table;
use crate::view::text::clean;

/// The file that says which plans a directory holds, and in which order they are carried out.
const INDEX: &str = "plans.json";
/// Workflows that are planned at once, unless somebody says otherwise.
pub(crate) const JOBS: usize = 4;
const FORMAT_VERSION: &str = "1.0";

/// What a person asks of planning.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Wishes {
    /// What the cost is computed with, for instance objects=1000,size=10MiB,duration.resize=30s.
    #[arg(long, value_name = "LIST", value_parser = assumptions)]
    pub(crate) assume: Option<Assumptions>,
}

fn assumptions(list: &str) -> Result<Assumptions, String> {
    let mut assumptions = Assumptions::default();
    let set = assumptions.set(list);
    set.map(|()| assumptions).map_err(|error| error.to_string())
}

impl Wishes {
    /// What the planner is asked for, with the policy of the project's repository.
    pub(crate) fn request(
        &self,
        project: &Project,
        screen: &Screen,
    ) -> Result<Request<'static>, CliError> {
        Ok(Request {
            assumptions: self.assume.clone().unwrap_or_default(),
            policy: policy::load(&project.folder, screen)?,
            ..Request::default()
        })
    }
}

/// A plan and where it came from.
pub(crate) struct Planned {
    /// The plan.
    pub(crate) plan: Plan,
    /// The manifest as the user named it.
    pub(crate) manifest: String,
    /// What it uploads, unless it is only to be looked at.
    pub(crate) assets: Option<Assets>,
}

/// Several plans, in the order in which they are carried out.
pub(crate) struct PlanSet {
    /// The plans, empty ones too.
    pub(crate) plans: Vec<Planned>,
    /// Deployed workflows of the same environments without a manifest.
    pub(crate) orphans: Vec<DeployedWorkflow>,
    /// Whether several were asked for, however many there are.
    pub(crate) is_several: bool,
}

/// How to plan.
pub(crate) struct Asked<'a> {
    /// How to pack.
    pub(crate) packaging: &'a Packaging,
    /// What else is wished.
    pub(crate) wishes: &'a Wishes,
    /// Plans that are made at once.
    pub(crate) jobs: usize,
    /// Names of all deployments with a manifest, if others are to be reported.
    pub(crate) orphans: Option<BTreeSet<String>>,
}

/// Plans projects against what is deployed; those of one region over one connection.
pub(crate) fn observed(
    projects: Vec<Project>,
    asked: &Asked<'_>,
    global: &Global,
    screen: &Screen,
) -> Result<PlanSet, CliError> {
    let mut by_region: BTreeMap<Option<String>, Vec<(usize, &Project)>> = BTreeMap::new();
    for (number, project) in projects.iter().enumerate() {
        let region = project.workflow.region.clone();
        by_region.entry(region).or_default().push((number, project));
    }
    let (mut plans, mut orphans) = (BTreeMap::new(), Vec::new());
    for (region, projects) in &by_region {
        let hint = session::UNCHANGED;
        let (made, found) =
            session::on_cloud(global, region.as_deref(), screen, hint, async |session| {
                let made = plan_all(projects, asked, session, global, screen).await?;
                let found = match &asked.orphans {
                    Some(known) => strays(session, projects, known).await?,
                    None => Vec::new(),
                };
                Ok((made, found))
            })?;
        plans.extend(made);
        orphans.extend(found);
    }
    Ok(PlanSet {
        plans: plans.into_values().collect(),
        orphans,
        is_several: asked.orphans.is_some(),
    })
}

/// Renders all first: the base stack that they share has what any of them needs.
async fn plan_all(
    projects: &[(usize, &Project)],
    asked: &Asked<'_>,
    session: &session::Session,
    global: &Global,
    screen: &Screen,
) -> Result<Vec<(usize, Planned)>, CliError> {
    let mut preparing = Vec::new();
    for (_, project) in projects {
        preparing.push(Prepared::prepare(project, asked.packaging, session, global));
    }
    let prepared: Vec<Prepared> = stream::iter(preparing)
        .buffered(asked.jobs)
        .try_collect()
        .await?;
    let base = shared_base(projects, &prepared);
    let one = async |(number, project): &(usize, &Project), prepared: Prepared| {
        let prepared = prepared.with_base(&project.workflow, &base)?;
        let request = asked.wishes.request(project, screen)?;
        let planned = Planned {
            plan: prepared.plan(project, session, request).await?,
            manifest: project.source.name.clone(),
            assets: Some(prepared.assets),
        };
        Ok::<_, CliError>((*number, planned))
    };
    let planning: Vec<_> = projects
        .iter()
        .zip(prepared)
        .map(|(project, prepared)| one(project, prepared))
        .collect();
    stream::iter(planning)
        .buffered(asked.jobs)
        .try_collect()
        .await
}

/// The base stack that has what any of them needs; what a manifest says stands before what is deployed.
fn shared_base(projects: &[(usize, &Project)], prepared: &[Prepared]) -> DeployedBase {
    let mut base = DeployedBase::default();
    for one in prepared {
        base.add(&one.base());
    }
    for (_, project) in projects {
        base.add(&DeployedBase {
            safeguards: project.workflow.safeguards.clone(),
            ..DeployedBase::default()
        });
    }
    base
}

/// Deployed workflows of the projects' environments that no manifest names.
async fn strays(
    session: &session::Session,
    projects: &[(usize, &Project)],
    known: &BTreeSet<String>,
) -> Result<Vec<DeployedWorkflow>, CliError> {
    let environments: BTreeSet<&str> = projects
        .iter()
        .map(|(_, project)| project.workflow.environment.as_str())
        .collect();
    let mut found = scar_apply::list_workflows(&session.cloud).await?;
    found.retain(|one| {
        one.workflow.is_some()
            && environments.contains(one.environment.as_str())
            && !known.contains(&one.stack)
    });
    Ok(found)
}

impl PlanSet {
    /// Of plans that no cloud was asked for.
    pub(crate) fn offline(plans: Vec<Planned>, is_several: bool) -> Self {
        Self {
            plans,
            orphans: Vec::new(),
            is_several,
        }
    }

    /// Of one plan that was saved.
    pub(crate) fn one(planned: Planned) -> Self {
        Self::offline(vec![planned], false)
    }

    /// Whether carrying all of them out would change nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.plans.iter().all(|one| one.plan.is_empty())
    }

    /// A line for each workflow, and what has no manifest any more.
    pub(crate) fn table(&self) -> String {
        let heads = [
            "workflow", "add", "change", "replace", "delete", "widens", "$/month",
        ];
        let mut rows = vec![heads.map(str::to_owned).to_vec()];
        rows.extend(self.plans.iter().map(|one| row(&one.plan)));
        let mut out = table(&rows, &[1, 2, 3, 4, 5, 6]);
        for orphan in &self.orphans {
            let (stack, changed) = (clean(&orphan.stack), clean(&orphan.changed));
            out.push_str(&format!(
                "\n{stack} of {changed} has no manifest any more: `scar list --orphans --prune` removes it, never its buckets\n"
            ));
        }
        out
    }

    /// All plans as one document.
    pub(crate) fn document(&self) -> Result<Value, CliError> {
        let parse = |one: &Planned| {
            serde_json::from_str::<Value>(&text(&one.plan))
                .map_err(|error| CliError::caused("cannot print a plan", &error))
        };
        let plans = self
            .plans
            .iter()
            .map(parse)
            .collect::<Result<Vec<_>, _>>()?;
        let orphans: Vec<&str> = self.orphans.iter().map(|one| one.stack.as_str()).collect();
        Ok(json!({ "format_version": FORMAT_VERSION, "plans": plans, "orphans": orphans }))
    }

    /// Writes the one plan to a file, or those of several that change anything into a directory.
    pub(crate) fn save(&self, path: &Path, screen: &Screen) -> Result<(), CliError> {
        if let ([one], false) = (self.plans.as_slice(), self.is_several) {
            save(&one.plan, path)?;
        } else {
            self.save_all(path)?;
        }
        let path = path.display();
        screen.note(&format!(
            "saved; carry out exactly this with `scar apply {path}`"
        ));
        Ok(())
    }

    fn save_all(&self, folder: &Path) -> Result<(), CliError> {
        let failed = |error: std::io::Error| {
            CliError::caused(
                format!("cannot write plans to {}", folder.display()),
                &error,
            )
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let mut entries = Vec::new();
        for one in self.plans.iter().filter(|one| !one.plan.is_empty()) {
            let name = format!("{}.{}.plan", one.plan.workflow, one.plan.environment);
            save(&one.plan, &folder.join(&name))?;
            entries.push(json!({ "file": name, "manifest": one.manifest }));
        }
        let index = json!({ "format_version": FORMAT_VERSION, "plans": entries });
        // Written last: a directory without it holds no set.
        fs::write(folder.join(INDEX), format!("{index:#}\n")).map_err(failed)
    }

    /// Reads the plans of a directory; `None` if it holds none.
    pub(crate) fn load(folder: &Path, global: &Global) -> Result<Option<Self>, CliError> {
        let index = folder.join(INDEX);
        let text = match fs::read_to_string(&index) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(damaged(&index).because(&error)),
        };
        let document: Value =
            serde_json::from_str(&text).map_err(|error| damaged(&index).because(&error))?;
        let entries = document["plans"]
            .as_array()
            .ok_or_else(|| damaged(&index))?;
        let mut plans = Vec::new();
        for entry in entries {
            let name = entry["file"].as_str().filter(|name| is_plain(name));
            let name = name.ok_or_else(|| damaged(&index))?;
            let manifest = PathBuf::from(entry["manifest"].as_str().unwrap_or_default());
            let plan = read(&folder.join(name))?;
            let assets = Some(Assets::of_plan(&plan, folder_of(&manifest), global)?);
            let manifest = manifest.display().to_string();
            plans.push(Planned {
                plan,
                manifest,
                assets,
            });
        }
        let (orphans, is_several) = (Vec::new(), true);
        Ok(Some(Self {
            plans,
            orphans,
            is_several,
        }))
    }
}

/// A name that leads to no other directory.
fn is_plain(name: &str) -> bool {
    name.ends_with(".plan") && !name.contains('/') && !name.starts_with('.')
}

fn damaged(index: &Path) -> CliError {
    let what = format!("{} is no list of plans", index.display());
    CliError::new(Kind::Stale, what).hint("plan again: `scar plan DIR --out PLANS`")
}

fn row(plan: &Plan) -> Vec<String> {
    let name = clean(&plan.workflow).into_owned();
    if plan.is_empty() {
        return vec![name, "no change".to_owned()];
    }
    let (summary, cost) = (&plan.summary, &plan.cost);
    let number = |count: usize| count.to_string();
    let before = cost.before.map(|was| format!("{:.2} → ", was.dollars()));
    let after = format!("{:.2}", cost.after.dollars());
    vec![
        name,
        number(summary.create),
        number(summary.update),
        number(summary.replace),
        number(summary.delete),
        number(summary.widens),
        before.unwrap_or_default() + &after,
    ]
}

/// The mark of an action for plain text.
pub(crate) fn mark(action: Action) -> &'static str {
    match action {
        Action::Create => "+",
        Action::Update => "~",
        Action::Replace => "±",
        Action::Delete => "-",
        Action::Keep => "",
    }
}
