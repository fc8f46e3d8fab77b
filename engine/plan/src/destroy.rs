//! What removing a workflow does.

use std::borrow::Cow;
use std::collections::BTreeSet;

use scar_cfn::{Document, Resource};
use scar_schemas::contract::function_variable::BUCKET;
use scar_template::name::Owners;

use crate::{
    Action, Destruction, KeptBucket, Reason, ResourceChange, Snapshot, Stack, StackChange, diff,
    stack,
};

/// The removal of the workflow's stack, or nothing if there is none of scar's.
#[must_use]
pub fn destroy(snapshot: &Snapshot) -> Option<Destruction> {
    let old = snapshot.stack.as_ref()?;
    let deployed = diff::deployed(&old.template.metadata)?;
    let stages: Vec<(String, String)> = deployed
        .stages
        .iter()
        .map(|stage| (stage.id().to_owned(), stage.name.clone()))
        .collect();
    let name = scar_schemas::record::deployment(&deployed.workflow, &deployed.environment);
    Some(Destruction {
        account: snapshot.account.clone(),
        region: snapshot.region.clone(),
        stack: StackChange {
            action: Action::Delete,
            template: old.template.clone(),
            text: old.template.to_json(),
            parameters: std::collections::BTreeMap::new(),
            tags: old.tags.clone(),
            resources: resources(old, &stages, &stack::pseudo(&name, Some(old), snapshot)),
            based_on: Some(stack::basis(old)),
            name,
        },
        kept_buckets: kept_buckets(old),
        foreign_buckets: foreign_buckets(&old.template).into_iter().collect(),
        workflow: deployed.workflow,
        environment: deployed.environment,
    })
}

/// Real names of the buckets that a deployed workflow uses and did not make: its functions are told them
/// as plain text, those of its own as references.
#[must_use]
pub fn foreign_buckets(template: &Document) -> BTreeSet<String> {
    let functions = template.resources.values();
    let functions = functions.filter(|resource| resource.kind == "AWS::Lambda::Function");
    let variables = functions.filter_map(|function| {
        let environment = function.properties.get("Environment")?;
        environment["Variables"].as_object()
    });
    let buckets = variables
        .flatten()
        .filter(|(name, _)| name.starts_with(BUCKET));
    let names = buckets.filter_map(|(_, value)| value.as_str().map(str::to_owned));
    names.collect()
}

fn resources(
    old: &Stack,
    stages: &[(String, String)],
    pseudo: &scar_cfn::Pseudo,
) -> Vec<ResourceChange> {
    let owners = Owners::new(stages.iter().map(|(id, name)| (id.as_str(), name)));
    let change = |(id, resource): (&str, Cow<'_, Resource>)| ResourceChange {
        logical_id: id.to_owned(),
        kind: resource.kind.clone(),
        stage: owners.of(id).map(|name| (*name).clone()),
        action: Action::Delete,
        reason: Reason::Removed,
        retained: is_retained(&resource),
        properties: Vec::new(),
        origin: String::new(),
        consequence: String::new(),
        place: None,
    };
    let existing = stack::existing(&old.template, &old.parameters, pseudo);
    existing.into_iter().map(change).collect()
}

fn kept_buckets(old: &Stack) -> Vec<KeptBucket> {
    let is_kept = |resource: &Resource| resource.kind == "AWS::S3::Bucket" && is_retained(resource);
    let kept = old
        .template
        .resources
        .iter()
        .filter(|(_, resource)| is_kept(resource));
    kept.map(|(id, _)| KeptBucket {
        logical_id: id.clone(),
        name: old
            .outputs
            .get(&format!("{}{id}", scar_template::output::BUCKET))
            .cloned(),
    })
    .collect()
}

fn is_retained(resource: &Resource) -> bool {
    resource.deletion_policy.as_deref() == Some("Retain")
}
