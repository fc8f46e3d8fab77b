//! What the stages' roles gain and lose, in names that people know.

use std::collections::{BTreeMap, BTreeSet};

use scar_cfn::{Document, Pseudo, Resource, Scope};
use scar_schemas::contract::ARTIFACTS;
use scar_schemas::deployed::Deployed;
use scar_template::name::{self, Owners};
use scar_template::{Rendered, parameter};
use scar_workflow::Workflow;
use serde_json::Value;

use crate::stack::{self, Placeholders};
use crate::{PermissionChange, PermissionEffect, Snapshot, Stack};

/// Compares the roles of the old and the new template.
pub(crate) fn compare(
    rendered: &Rendered,
    workflow: &Workflow,
    old: Option<&Stack>,
    old_graph: Option<&Deployed>,
    snapshot: &Snapshot,
) -> Vec<PermissionChange> {
    let pseudo = stack::pseudo(&rendered.stack_name, old, snapshot);
    let names = Names::of(workflow, &pseudo);
    let current = workflow.stages.iter();
    let current: BTreeMap<&str, &str> = current
        .map(|stage| (stage.id.as_str(), stage.name.as_str()))
        .collect();
    let new_stages = Owners::new(current.iter().map(|(id, name)| (*id, *name)));
    let old_stages = old_graph.map(|graph| graph.stages.as_slice());
    // A renamed stage is told by its new name on both sides.
    let old_stages = Owners::new(old_stages.unwrap_or_default().iter().map(|stage| {
        let name = current.get(stage.id()).copied();
        (stage.id(), name.unwrap_or(&stage.name))
    }));
    let after = Roles::of(&rendered.stack, &new_stages);
    let before = old.map(|old| Roles::of(&old.template, &old_stages));
    let before = before.unwrap_or_default();
    let (after, before) = (
        after.grants(&before, &names, &pseudo),
        before.grants(&after, &names, &pseudo),
    );
    let added = after
        .difference(&before)
        .map(|grant| grant.change(PermissionEffect::Added, &names));
    let removed = before
        .difference(&after)
        .map(|grant| grant.change(PermissionEffect::Removed, &names));
    let mut changes: Vec<PermissionChange> = added.chain(removed).collect();
    changes.sort();
    changes
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    stage: String,
    action: String,
    resource: String,
}

impl Grant {
    fn change(&self, effect: PermissionEffect, names: &Names) -> PermissionChange {
        let bucket = self.resource.split_once(':').map(|(bucket, _)| bucket);
        let is_bucket = bucket.is_some_and(|bucket| names.existing.contains(bucket));
        // What the stacks make is a placeholder here; an ARN that is known already is somebody else's.
        let is_known = self.resource.starts_with("arn:") && !self.resource.contains("${");
        // A key opens nothing without a right to what it encrypts.
        let is_key = names.key.as_ref() == Some(&self.resource);
        let is_foreign = is_bucket || (is_known && !is_key) || self.resource == "*";
        PermissionChange {
            stage: self.stage.clone(),
            effect,
            action: self.action.clone(),
            resource: self.resource.clone(),
            widens: effect == PermissionEffect::Added && is_foreign,
        }
    }
}

/// ARNs and what people call them.
struct Names {
    arns: Vec<(String, String)>,
    existing: BTreeSet<String>,
    /// The environment's KMS key.
    key: Option<String>,
}

impl Names {
    fn of(workflow: &Workflow, pseudo: &Pseudo) -> Self {
        let s3 = format!("arn:{}:s3:::", pseudo.partition);
        let mut arns = vec![(
            format!("{s3}${{{}}}", parameter::ARTIFACT_BUCKET),
            ARTIFACTS.to_owned(),
        )];
        let mut existing = BTreeSet::new();
        for (bucket, real) in &workflow.buckets {
            let arn = match real {
                Some(real) => format!("{s3}{real}"),
                None => format!("${{{}.Arn}}", name::bucket_id(bucket)),
            };
            if real.is_some() {
                existing.insert(bucket.clone());
            }
            arns.push((arn, bucket.clone()));
        }
        Self {
            arns,
            existing,
            key: workflow.safeguards.kms_key.clone(),
        }
    }

    /// `data:in/*` for objects, `data:` for a bucket, else the logical id or the ARN.
    fn readable(&self, arn: &str) -> String {
        for (known, bucket) in &self.arns {
            match arn.strip_prefix(known.as_str()) {
                Some("") => return format!("{bucket}:"),
                Some(rest) if rest.starts_with('/') => return format!("{bucket}:{}", &rest[1..]),
                _ => {}
            }
        }
        let own = arn
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix(".Arn}"));
        own.unwrap_or(arn).to_owned()
    }
}

/// The roles of a template.
#[derive(Default)]
struct Roles<'a> {
    template: Option<&'a Document>,
    of_stage: BTreeMap<&'a str, Vec<(&'a String, &'a Resource)>>,
}

impl<'a> Roles<'a> {
    fn of(template: &'a Document, stages: &Owners<&'a str>) -> Self {
        let mut of_stage: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        let roles = template.resources.iter();
        for (id, role) in roles.filter(|(_, one)| one.kind == "AWS::IAM::Role") {
            if let Some(stage) = stages.of(id) {
                of_stage.entry(stage).or_default().push((id, role));
            }
        }
        Self {
            template: Some(template),
            of_stage,
        }
    }

    /// What the roles allow; stages whose roles are the very same in the other template are left out.
    fn grants(&self, other: &Self, names: &Names, pseudo: &Pseudo) -> BTreeSet<Grant> {
        let Some(template) = self.template else {
            return BTreeSet::new();
        };
        let is_same_world = other
            .template
            .is_some_and(|other| stack::declare_the_same(template, other));
        let is_same = |(stage, roles): &(&&str, &Vec<_>)| {
            is_same_world && other.of_stage.get(**stage) == Some(*roles)
        };
        let symbolic = |name: &String| (name.clone(), format!("${{{name}}}"));
        let parameters = template.parameters.keys().map(symbolic).collect();
        let scope = Scope::new(template, &parameters, pseudo.clone()).ok();
        let mut grants = BTreeSet::new();
        for (stage, roles) in self.of_stage.iter().filter(|one| !is_same(one)) {
            for policies in roles
                .iter()
                .filter_map(|(_, role)| policies(scope.as_ref(), role))
            {
                collect(&policies, stage, names, &mut grants);
            }
        }
        grants
    }
}

/// The policies of a role that is there, evaluated as far as they can be.
fn policies(scope: Option<&Scope<'_>>, role: &Resource) -> Option<Value> {
    let written = role.properties.get("Policies")?;
    let Some(scope) = scope else {
        return Some(written.clone());
    };
    if scope.holds(role.condition.as_deref()) == Ok(false) {
        return None;
    }
    let evaluated = scope.evaluate(written, &Placeholders);
    evaluated.unwrap_or_else(|_| Some(written.clone()))
}

fn collect(policies: &Value, stage: &str, names: &Names, grants: &mut BTreeSet<Grant>) {
    for policy in policies.as_array().into_iter().flatten() {
        for statement in one_or_many(&policy["PolicyDocument"]["Statement"]) {
            if statement["Effect"] != "Allow" {
                continue;
            }
            for action in texts(&statement["Action"]) {
                for resource in texts(&statement["Resource"]) {
                    let resource = names.readable(&resource);
                    grants.insert(Grant {
                        stage: stage.to_owned(),
                        action: action.clone(),
                        resource,
                    });
                }
            }
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    one_or_many(value)
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn one_or_many(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}
