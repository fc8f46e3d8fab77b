//! Several manifests of a repository: found below directories, and put in the order in which they are
//! deployed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use scar_workflow::Workflow;

use crate::args::Global;
use crate::error::CliError;
use crate::project::{self, Project};
use crate::view::Screen;

/// Folders below each other that are looked into; deeper ones are somebody's mistake.
const DEPTH_MAX: usize = 16;

/// All workflows of some manifests and directories, in the order in which they are deployed.
pub(crate) fn load(
    paths: &[PathBuf],
    global: &Global,
    screen: &Screen,
) -> Result<Vec<Project>, CliError> {
    let manifests = manifests(paths)?;
    let mut projects = Vec::new();
    let mut invalid: Option<CliError> = None;
    for manifest in &manifests {
        match Project::load(Some(manifest), global, screen) {
            Ok(project) => projects.push(project),
            // Every mistake of every manifest is told before the verb ends.
            Err(error) => match &mut invalid {
                None => invalid = Some(error),
                Some(first) if screen.json => first.diagnostics.extend(error.diagnostics),
                Some(_) => screen.complain(&error.human()),
            },
        }
    }
    if let Some(error) = invalid {
        return Err(error);
    }
    refuse_same_names(&projects)?;
    Ok(in_order(projects))
}

/// The manifests that are named, and those below the directories that are named.
pub(crate) fn manifests(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut found = BTreeSet::new();
    for path in paths {
        if !path.is_dir() {
            found.insert(path.clone());
            continue;
        }
        let before = found.len();
        collect(path, DEPTH_MAX, &mut found)?;
        if found.len() == before {
            let nothing = format!("there is no manifest below {}", path.display());
            return Err(CliError::failure(nothing)
                .hint("a manifest is a file workflow.yaml, workflow.yml or workflow.toml"));
        }
    }
    Ok(found.into_iter().collect())
}

fn collect(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) -> Result<(), CliError> {
    if let Some(manifest) = project::find_in(folder)? {
        found.insert(manifest);
    }
    let unreadable = |error: std::io::Error| {
        CliError::caused(format!("cannot list {}", folder.display()), &error)
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        // A link could lead round in a circle, or out of the repository.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !is_hidden && depth > 0 {
            collect(&entry.path(), depth - 1, found)?;
        }
    }
    Ok(())
}

fn refuse_same_names(projects: &[Project]) -> Result<(), CliError> {
    let mut seen = BTreeMap::new();
    for project in projects {
        if let Some(other) = seen.insert(project.deployment(), &project.source.name) {
            let (a, b) = (other, &project.source.name);
            let name = &project.workflow.name;
            return Err(
                CliError::failure(format!("{a} and {b} are both the workflow {name}"))
                    .hint("two manifests would fight for one stack; give one another name"),
            );
        }
    }
    Ok(())
}

/// A bucket's owner comes before those who use it, and who reads a shared bucket before who writes to
/// it, so that no file comes before its reader. Otherwise, and in circles, by name.
fn in_order(mut projects: Vec<Project>) -> Vec<Project> {
    projects.sort_by(|a, b| a.workflow.name.cmp(&b.workflow.name));
    let before: Vec<BTreeSet<usize>> = projects
        .iter()
        .map(|later| {
            let comes_first =
                |(_, earlier): &(usize, &Project)| is_before(&earlier.workflow, &later.workflow);
            let numbered = projects.iter().enumerate();
            numbered
                .filter(comes_first)
                .map(|(number, _)| number)
                .collect()
        })
        .collect();
    let mut order = Vec::new();
    while order.len() < projects.len() {
        let is_left = |number: &usize| !order.contains(number);
        let is_free = |number: &usize| before[*number].iter().all(|one| order.contains(one));
        let mut left = (0..projects.len()).filter(is_left);
        let first = left.clone().next();
        let Some(next) = left.find(is_free).or(first) else {
            break;
        };
        order.push(next);
    }
    let mut all: Vec<Option<Project>> = projects.into_iter().map(Some).collect();
    order
        .into_iter()
        .filter_map(|number| all[number].take())
        .collect()
}

fn is_before(earlier: &Workflow, later: &Workflow) -> bool {
    earlier.name != later.name
        && (owns_for(earlier, later) || !owns_for(later, earlier) && reads_for(earlier, later))
}

/// Whether a bucket that one makes is an existing one to the other.
fn owns_for(owner: &Workflow, user: &Workflow) -> bool {
    let managed = owner.buckets.iter().filter(|(_, real)| real.is_none());
    let mut starts = managed
        .map(|(name, _)| scar_template::name::bucket_prefix(&owner.name, &owner.environment, name));
    let existing: Vec<&String> = user.buckets.values().flatten().collect();
    starts.any(|start| existing.iter().any(|real| is_managed_name(real, &start)))
}

/// `<start>-<account>-<region>-an`, the name that a managed bucket gets.
fn is_managed_name(real: &str, start: &str) -> bool {
    let rest = real
        .strip_prefix(start)
        .and_then(|rest| rest.strip_prefix('-'));
    rest.and_then(|rest| rest.split_once('-'))
        .is_some_and(|(account, _)| {
            account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// Whether one reads an existing bucket that the other writes to.
fn reads_for(reader: &Workflow, writer: &Workflow) -> bool {
    let real = |workflow: &Workflow, bucket: &str| workflow.buckets.get(bucket).cloned().flatten();
    let written: BTreeSet<String> = writer
        .stages
        .iter()
        .flat_map(|stage| &stage.outputs)
        .filter_map(|output| real(writer, &output.bucket))
        .collect();
    let mut inputs = reader.stages.iter().flat_map(|stage| &stage.inputs);
    inputs.any(|input| real(reader, &input.bucket).is_some_and(|name| written.contains(&name)))
}

#[cfg(test)]
mod tests {
    use super::is_managed_name;

    #[test]
    fn names_of_managed_buckets_are_known() {
        let start = "thumbs-prod";
        assert!(is_managed_name(
            "thumbs-prod-123456789012-eu-west-1-an",
            start
        ));
        assert!(!is_managed_name(
            "thumbs-prod-archive-123456789012-eu-west-1-an",
            start
        ));
        assert!(!is_managed_name("thumbs-production", start));
    }
}
