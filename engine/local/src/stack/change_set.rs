//! Change sets: what an update would do, found without doing it.

use std::collections::{BTreeMap, BTreeSet};

use scar_cfn::{Replacement, Resolver, replacement};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Checked, Definition, DefinitionError, OnFailure, Resource, Stack};

/// A change set, in `Table::ChangeSets` under `<stack id>\n<name>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ChangeSet {
    /// Its ARN.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Free text.
    pub(crate) description: Option<String>,
    /// ARN of the stack.
    pub(crate) stack_id: String,
    /// Name of the stack.
    pub(crate) stack_name: String,
    /// Whether it is to make the stack.
    pub(crate) is_creation: bool,
    /// `CREATE_COMPLETE` or `FAILED`.
    pub(crate) status: String,
    /// Why it failed.
    pub(crate) reason: Option<String>,
    /// `AVAILABLE`, `UNAVAILABLE`, `OBSOLETE`, `EXECUTE_IN_PROGRESS`.
    pub(crate) execution_status: String,
    /// What the stack would be made of.
    pub(crate) definition: Definition,
    /// What would happen.
    pub(crate) changes: Vec<Change>,
    /// What happens if executing it fails.
    pub(crate) on_failure: OnFailure,
    /// Whether a bucket that exists already may become the stack's.
    pub(crate) imports: bool,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
}

/// What would happen to a resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Change {
    /// `Add`, `Modify` or `Remove`.
    pub(crate) action: String,
    /// Its name in the template.
    pub(crate) logical_id: String,
    /// What exists now.
    pub(crate) physical_id: Option<String>,
    /// For instance `AWS::S3::Bucket`.
    pub(crate) kind: String,
    /// `True`, `False` or `Conditional`, for modified ones.
    pub(crate) replacement: Option<String>,
    /// Which properties change, and what each needs: `Always`, `Conditionally`, `Never`.
    pub(crate) properties: BTreeMap<String, String>,
}

/// The paths at which two sets of properties differ, for instance `Code.S3Key`.
pub(super) fn differences(
    before: &BTreeMap<String, Value>,
    after: &BTreeMap<String, Value>,
) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        collect(name, before.get(name), after.get(name), &mut paths);
    }
    paths
}

fn collect(
    path: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    paths: &mut BTreeSet<String>,
) {
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                collect(
                    &format!("{path}.{name}"),
                    before.get(name),
                    after.get(name),
                    paths,
                );
            }
        }
        (before, after) if before == after => {}
        _ => {
            paths.insert(path.to_owned());
        }
    }
}

/// The strongest need of some changed paths.
pub(super) fn need(kind: &str, paths: &BTreeSet<String>) -> Replacement {
    paths
        .iter()
        .map(|path| replacement(kind, path))
        .max()
        .unwrap_or(Replacement::Never)
}

/// What applying a checked definition would change.
pub(crate) fn foresee(stack: &Stack, checked: &Checked) -> Result<Vec<Change>, DefinitionError> {
    let scope = checked.scope()?;
    let present = checked.present(&scope)?;
    let mut future = Future {
        stack,
        renewed: BTreeSet::new(),
    };
    let mut changes = Vec::new();
    for id in &present {
        let Some(wanted) = checked.document.resources.get(id) else {
            continue;
        };
        let Some(existing) = stack.resources.get(id) else {
            future.renewed.insert(id.clone());
            changes.push(plain("Add", id, &wanted.kind, None));
            continue;
        };
        let properties = scope.properties(wanted, &future)?;
        let paths = differences(&existing.properties, &properties);
        let replaces =
            existing.kind != wanted.kind || need(&wanted.kind, &paths) == Replacement::Always;
        // A changed job definition is another revision, which has an id of its own.
        let is_revised = wanted.kind == "AWS::Batch::JobDefinition" && !paths.is_empty();
        if replaces || is_revised {
            future.renewed.insert(id.clone());
        }
        let keeps_policies = existing.deletion_policy == wanted.deletion_policy
            && existing.replace_policy == wanted.update_replace_policy;
        if replaces || !paths.is_empty() || !keeps_policies {
            changes.push(modification(existing, &wanted.kind, &paths, replaces));
        }
    }
    for (id, existing) in stack
        .resources
        .iter()
        .filter(|(id, _)| !present.contains(id))
    {
        changes.push(plain(
            "Remove",
            id,
            &existing.kind,
            Some(&existing.physical_id),
        ));
    }
    Ok(changes)
}

/// Resources as they will be; what is not known yet is a text that equals nothing else.
struct Future<'a> {
    stack: &'a Stack,
    renewed: BTreeSet<String>,
}

impl Resolver for Future<'_> {
    fn reference(&self, logical_id: &str) -> Option<Value> {
        match self.renewed.contains(logical_id) {
            true => Some(json!(format!(
                "{{{{changeSet:KNOWN_AFTER_APPLY:{logical_id}}}}}"
            ))),
            false => self.stack.reference(logical_id),
        }
    }

    fn attribute(&self, logical_id: &str, attribute: &str) -> Option<Value> {
        match self.renewed.contains(logical_id) {
            true => Some(json!(format!(
                "{{{{changeSet:KNOWN_AFTER_APPLY:{logical_id}.{attribute}}}}}"
            ))),
            false => self.stack.attribute(logical_id, attribute),
        }
    }
}

fn plain(action: &str, id: &str, kind: &str, physical_id: Option<&str>) -> Change {
    Change {
        action: action.to_owned(),
        logical_id: id.to_owned(),
        physical_id: physical_id.map(str::to_owned),
        kind: kind.to_owned(),
        replacement: None,
        properties: BTreeMap::new(),
    }
}

fn modification(
    existing: &Resource,
    kind: &str,
    paths: &BTreeSet<String>,
    replaces: bool,
) -> Change {
    let mut properties = BTreeMap::new();
    for path in paths {
        let name = path.split('.').next().unwrap_or(path).to_owned();
        let need = match replacement(kind, path) {
            Replacement::Always => "Always",
            Replacement::Maybe => "Conditionally",
            Replacement::Never => "Never",
        };
        let strongest = properties.entry(name).or_insert_with(|| need.to_owned());
        if need == "Always" || strongest == "Never" {
            need.clone_into(strongest);
        }
    }
    let replacement = match (replaces, need(kind, paths)) {
        (true, _) => "True",
        (false, Replacement::Maybe) => "Conditional",
        (false, _) => "False",
    };
    Change {
        replacement: Some(replacement.to_owned()),
        properties,
        ..plain(
            "Modify",
            &existing.logical_id,
            kind,
            Some(&existing.physical_id),
        )
    }
}
