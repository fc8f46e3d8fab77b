//! A stage → its resources.

use std::collections::BTreeMap;

use scar_schemas::contract::{ARTIFACTS, bucket_variable, function_variable};
use scar_workflow::{Stage, Workflow};
use serde_json::{Value, json};

use crate::fragment::Fragments;
use crate::{Error, Materials, access, event, name};

/// All resources of a stage by logical id. `package` is the key of its package.
pub(crate) fn resources(
    fragments: &Fragments,
    workflow: &Workflow,
    stage: &Stage,
    materials: &Materials,
    package: &str,
) -> Result<Vec<(String, Value)>, Error> {
    let function = name::function_id(&stage.name);
    let queue = name::queue_id(&stage.name);
    let invoke = json!({"function": function, "queue": queue, "retries": stage.attempts.saturating_sub(1).min(2)});
    let days = json!({"days": stage.log_days});
    let mut resources = vec![
        (
            name::role_id(&stage.name),
            role(fragments, workflow, stage, materials)?,
        ),
        (
            name::log_group_id(&stage.name),
            fragments.render("log_group", days)?,
        ),
        (queue, fragments.render("queue", json!({}))?),
        (
            function,
            function_resource(fragments, workflow, stage, materials, package)?,
        ),
        (
            name::async_id(&stage.name),
            fragments.render("async", invoke)?,
        ),
    ];
    resources.extend(rules(fragments, workflow, stage)?);
    Ok(resources)
}

fn role(
    fragments: &Fragments,
    workflow: &Workflow,
    stage: &Stage,
    materials: &Materials,
) -> Result<Value, Error> {
    let image = materials.image(stage)?;
    let buckets = access::buckets(workflow, stage, image);
    let buckets: Vec<Value> = buckets
        .iter()
        .map(|bucket| access::bucket_arn(workflow, bucket))
        .collect();
    let values = json!({
        "inputs": access::inputs(workflow, stage)?,
        "outputs": access::outputs(workflow, stage)?,
        "records": access::records(workflow, stage),
        "image": access::image(workflow, image),
        "buckets": buckets,
        "log_group": name::log_group_id(&stage.name),
        "queue": name::queue_id(&stage.name),
    });
    fragments.render("role", values)
}

fn function_resource(
    fragments: &Fragments,
    workflow: &Workflow,
    stage: &Stage,
    materials: &Materials,
    package: &str,
) -> Result<Value, Error> {
    let mut buckets = access::buckets(workflow, stage, materials.image(stage)?);
    buckets.insert(ARTIFACTS.to_owned());
    let mut variables: BTreeMap<String, Value> = buckets
        .iter()
        .map(|bucket| {
            (
                bucket_variable(bucket),
                access::bucket_name(workflow, bucket),
            )
        })
        .collect();
    variables.insert(function_variable::STAGE.to_owned(), json!(stage.name));
    let values = json!({
        "description": describe(workflow, stage),
        "package": package,
        "variables": variables,
        "disk_mib": stage.disk_mib,
        "memory_mib": stage.memory_mib,
        "timeout_s": stage.timeout_s,
        "role": name::role_id(&stage.name),
        "log_group": name::log_group_id(&stage.name),
    });
    fragments.render("function", values)
}

fn rules(
    fragments: &Fragments,
    workflow: &Workflow,
    stage: &Stage,
) -> Result<Vec<(String, Value)>, Error> {
    let function = name::function_id(&stage.name);
    let mut resources = Vec::new();
    for (index, rule) in event::rules(workflow, stage)?.into_iter().enumerate() {
        let rule_id = name::rule_id(&stage.name, index);
        let values = json!({
            "description": describe(workflow, stage),
            "bucket": access::bucket_name(workflow, &rule.bucket),
            "keys": rule.keys,
            "target": stage.name,
            "function": function,
        });
        let permission =
            fragments.render("permission", json!({"function": function, "rule": rule_id}))?;
        resources.push((rule_id, fragments.render("rule", values)?));
        resources.push((name::permission_id(&stage.name, index), permission));
    }
    Ok(resources)
}

fn describe(workflow: &Workflow, stage: &Stage) -> String {
    format!(
        "scar: stage {} of workflow {} ({})",
        stage.name, workflow.name, workflow.environment
    )
}
