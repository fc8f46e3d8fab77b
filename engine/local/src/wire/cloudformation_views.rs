//! CloudFormation: looking at stacks and change sets.

use std::collections::BTreeMap;

use super::Fault;
use super::query::{Parameters, Xml};
use crate::clock;
use crate::services::Services;
use crate::stack::{self, Change, ChangeSet, Definition, Event, OnFailure, Resource, Stack};
use crate::store::Table;

/// Items per page.
const PAGE: usize = 100;

/// Answers one request.
pub(super) fn handle(
    services: &Services,
    action: &str,
    parameters: &Parameters,
) -> Result<Xml, Fault> {
    match action {
        "DescribeStacks" => describe_stacks(services, parameters),
        "ListStacks" => list_stacks(services, parameters),
        "DescribeStackEvents" => describe_events(services, parameters),
        "ListStackResources" => list_resources(services, parameters),
        "DescribeStackResources" => describe_resources(services, parameters),
        "DescribeStackResource" => describe_resource(services, parameters),
        "GetTemplate" => get_template(services, parameters),
        "GetTemplateSummary" => template_summary(services, parameters),
        "DescribeChangeSet" => describe_change_set(services, parameters),
        "ListChangeSets" => list_change_sets(services, parameters),
        other => Err(Fault::new(
            "InvalidAction",
            format!("Could not find operation {other} for version 2010-05-15"),
        )),
    }
}

/// What is said of a stack that does not exist.
pub(super) fn missing(named: &str) -> Fault {
    Fault::validation(format!("Stack with id {named} does not exist"))
}

/// The change set that a request names, by ARN or by its name and its stack's.
pub(super) fn find_change_set(
    services: &Services,
    parameters: &Parameters,
) -> Result<ChangeSet, Fault> {
    let named = parameters.required("ChangeSetName")?;
    let unknown = || {
        Fault::new(
            "ChangeSetNotFound",
            format!("ChangeSet [{named}] does not exist"),
        )
    };
    if named.starts_with("arn:") {
        let all = services.store.list::<ChangeSet>(Table::ChangeSets, "")?;
        return all
            .into_iter()
            .map(|(_, one)| one)
            .find(|one| one.id == named)
            .ok_or_else(unknown);
    }
    let stack = find(services, parameters)?;
    services
        .store
        .get(Table::ChangeSets, &format!("{}\n{named}", stack.id))?
        .ok_or_else(unknown)
}

fn find(services: &Services, parameters: &Parameters) -> Result<Stack, Fault> {
    let named = parameters.required("StackName")?;
    stack::find(services, named)?.ok_or_else(|| missing(named))
}

/// One page of items, and the token of the next one.
fn page<T>(parameters: &Parameters, items: Vec<T>) -> (Vec<T>, Option<String>) {
    let start = parameters
        .text("NextToken")
        .and_then(|token| token.parse::<usize>().ok())
        .unwrap_or(0);
    let next = (items.len() > start + PAGE).then(|| (start + PAGE).to_string());
    (items.into_iter().skip(start).take(PAGE).collect(), next)
}

fn describe_stacks(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let stacks = match parameters.text("StackName") {
        Some(_) => vec![find(services, parameters)?],
        None => stacks(services)?
            .into_iter()
            .filter(|stack| stack.deleted_ms.is_none())
            .collect(),
    };
    let (stacks, next) = page(parameters, stacks);
    let mut result = Xml::default();
    result.list("Stacks", &stacks, write_stack);
    result.optional("NextToken", next.as_deref());
    Ok(result)
}

fn write_stack(xml: &mut Xml, stack: &Stack) {
    write_summary(xml, stack);
    let document = scar_cfn::Document::parse(&stack.definition.template).unwrap_or_default();
    xml.optional("Description", document.description.as_deref());
    xml.text("DisableRollback", "false");
    xml.text(
        "EnableTerminationProtection",
        if stack.is_protected { "true" } else { "false" },
    );
    xml.optional("ChangeSetId", stack.change_set.as_deref());
    xml.element("RollbackConfiguration", |_| {});
    write_definition(xml, &stack.definition, &document);
    xml.list("Outputs", &stack.outputs, |xml, (name, value)| {
        xml.text("OutputKey", name);
        xml.text("OutputValue", value);
        let description = document
            .outputs
            .get(name)
            .and_then(|output| output.get("Description"));
        xml.optional("Description", description.and_then(|text| text.as_str()));
    });
}

/// What a list of stacks says of each, too.
fn write_summary(xml: &mut Xml, stack: &Stack) {
    xml.text("StackId", &stack.id);
    xml.text("StackName", &stack.name);
    xml.text("CreationTime", &clock::rfc3339(stack.created_ms));
    xml.optional(
        "LastUpdatedTime",
        stack.updated_ms.map(clock::rfc3339).as_deref(),
    );
    xml.optional(
        "DeletionTime",
        stack.deleted_ms.map(clock::rfc3339).as_deref(),
    );
    xml.text("StackStatus", &stack.status);
    xml.optional("StackStatusReason", stack.reason.as_deref());
    xml.element("DriftInformation", |xml| {
        xml.text("StackDriftStatus", "NOT_CHECKED")
    });
}

/// Parameters with their defaults, capabilities and tags.
fn write_definition(xml: &mut Xml, definition: &Definition, document: &scar_cfn::Document) {
    let default = |declared: &serde_json::Value| match declared.get("Default") {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut values: BTreeMap<String, String> = document
        .parameters
        .iter()
        .map(|(name, declared)| (name.clone(), default(declared)))
        .collect();
    values.extend(definition.parameters.clone());
    xml.list("Parameters", &values, |xml, (name, value)| {
        xml.text("ParameterKey", name);
        xml.text("ParameterValue", value);
    });
    xml.list("Capabilities", &definition.capabilities, |xml, name| {
        xml.content(name)
    });
    xml.list("Tags", &definition.tags, |xml, (key, value)| {
        xml.text("Key", key);
        xml.text("Value", value);
    });
}

fn stacks(services: &Services) -> Result<Vec<Stack>, Fault> {
    let stacks = services.store.list::<Stack>(Table::Stacks, "")?;
    Ok(stacks.into_iter().map(|(_, stack)| stack).collect())
}

fn list_stacks(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let wanted = parameters.list("StackStatusFilter");
    let mut stacks = stacks(services)?;
    stacks.retain(|stack| wanted.is_empty() || wanted.contains(&stack.status));
    let (stacks, next) = page(parameters, stacks);
    let mut result = Xml::default();
    result.list("StackSummaries", &stacks, write_summary);
    result.optional("NextToken", next.as_deref());
    Ok(result)
}

fn describe_events(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let stack = find(services, parameters)?;
    let (events, next) = page(parameters, stack::events(services, &stack)?);
    let mut result = Xml::default();
    result.list("StackEvents", &events, |xml, event: &Event| {
        xml.text("StackId", &stack.id);
        xml.text("StackName", &stack.name);
        xml.text("EventId", &event.id);
        xml.text("LogicalResourceId", &event.logical_id);
        xml.text("PhysicalResourceId", &event.physical_id);
        xml.text("ResourceType", &event.kind);
        xml.text("Timestamp", &clock::rfc3339(event.time_ms));
        xml.text("ResourceStatus", &event.status);
        xml.optional("ResourceStatusReason", event.reason.as_deref());
    });
    result.optional("NextToken", next.as_deref());
    Ok(result)
}

fn list_resources(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let stack = find(services, parameters)?;
    let (resources, next) = page(parameters, stack.resources.into_values().collect());
    let mut result = Xml::default();
    result.list("StackResourceSummaries", &resources, |xml, resource| {
        write_resource(xml, resource);
        xml.text("LastUpdatedTimestamp", &clock::rfc3339(resource.time_ms));
        xml.element("DriftInformation", |xml| {
            xml.text("StackResourceDriftStatus", "NOT_CHECKED")
        });
    });
    result.optional("NextToken", next.as_deref());
    Ok(result)
}

fn write_resource(xml: &mut Xml, resource: &Resource) {
    xml.text("LogicalResourceId", &resource.logical_id);
    xml.text("PhysicalResourceId", &resource.physical_id);
    xml.text("ResourceType", &resource.kind);
    xml.text("ResourceStatus", &resource.status);
}

fn describe_resources(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let stack = find(services, parameters)?;
    let wanted = parameters.text("LogicalResourceId");
    let resources = stack
        .resources
        .values()
        .filter(|one| wanted.is_none_or(|wanted| one.logical_id == wanted));
    let mut result = Xml::default();
    result.list("StackResources", resources, |xml, resource| {
        xml.text("StackId", &stack.id);
        xml.text("StackName", &stack.name);
        write_resource(xml, resource);
        xml.text("Timestamp", &clock::rfc3339(resource.time_ms));
    });
    Ok(result)
}

fn describe_resource(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let stack = find(services, parameters)?;
    let id = parameters.required("LogicalResourceId")?;
    let unknown = || {
        Fault::validation(format!(
            "Resource {id} does not exist for stack {}",
            stack.name
        ))
    };
    let resource = stack.resources.get(id).ok_or_else(unknown)?;
    let mut result = Xml::default();
    result.element("StackResourceDetail", |xml| {
        xml.text("StackId", &stack.id);
        xml.text("StackName", &stack.name);
        write_resource(xml, resource);
        xml.text("LastUpdatedTimestamp", &clock::rfc3339(resource.time_ms));
    });
    Ok(result)
}

fn get_template(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let template = match parameters.text("ChangeSetName") {
        Some(_) => find_change_set(services, parameters)?.definition.template,
        None => find(services, parameters)?.definition.template,
    };
    let mut result = Xml::default();
    result.text("TemplateBody", &template);
    result.list(
        "StagesAvailable",
        ["Original", "Processed"],
        |xml, stage| xml.content(stage),
    );
    Ok(result)
}

fn template_summary(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let template = match parameters.text("TemplateBody") {
        Some(body) => body.to_owned(),
        None => find(services, parameters)?.definition.template,
    };
    let document = scar_cfn::Document::parse(&template)
        .map_err(|error| Fault::validation(format!("Template format error: {error}")))?;
    let mut result = Xml::default();
    result.list(
        "Parameters",
        &document.parameters,
        |xml, (name, declared)| {
            write_declared(xml, name, declared);
            xml.optional(
                "ParameterType",
                declared.get("Type").and_then(|kind| kind.as_str()),
            );
        },
    );
    result.optional("Description", document.description.as_deref());
    let kinds: std::collections::BTreeSet<&String> =
        document.resources.values().map(|one| &one.kind).collect();
    result.list("ResourceTypes", kinds, |xml, kind| xml.content(kind));
    Ok(result)
}

/// Name and default of a declared parameter.
pub(super) fn write_declared(xml: &mut Xml, name: &str, declared: &serde_json::Value) {
    xml.text("ParameterKey", name);
    let default = declared.get("Default").and_then(|default| default.as_str());
    xml.optional("DefaultValue", default);
}

fn describe_change_set(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let change_set = find_change_set(services, parameters)?;
    let document = scar_cfn::Document::parse(&change_set.definition.template).unwrap_or_default();
    let (changes, next) = page(parameters, change_set.changes.clone());
    let mut result = Xml::default();
    write_change_set(&mut result, &change_set);
    write_definition(&mut result, &change_set.definition, &document);
    result.text(
        "OnStackFailure",
        match change_set.on_failure {
            OnFailure::Rollback => "ROLLBACK",
            OnFailure::Delete => "DELETE",
            OnFailure::DoNothing => "DO_NOTHING",
        },
    );
    result.list("Changes", &changes, |xml, change| {
        xml.text("Type", "Resource");
        xml.element("ResourceChange", |xml| write_change(xml, change));
    });
    result.optional("NextToken", next.as_deref());
    Ok(result)
}

fn write_change_set(xml: &mut Xml, change_set: &ChangeSet) {
    xml.text("ChangeSetName", &change_set.name);
    xml.text("ChangeSetId", &change_set.id);
    xml.text("StackId", &change_set.stack_id);
    xml.text("StackName", &change_set.stack_name);
    xml.optional("Description", change_set.description.as_deref());
    xml.text("CreationTime", &clock::rfc3339(change_set.created_ms));
    xml.text("ExecutionStatus", &change_set.execution_status);
    xml.text("Status", &change_set.status);
    xml.optional("StatusReason", change_set.reason.as_deref());
}

fn write_change(xml: &mut Xml, change: &Change) {
    xml.text("Action", &change.action);
    xml.text("LogicalResourceId", &change.logical_id);
    xml.optional("PhysicalResourceId", change.physical_id.as_deref());
    xml.text("ResourceType", &change.kind);
    xml.optional("Replacement", change.replacement.as_deref());
    let scope = (!change.properties.is_empty()).then_some("Properties");
    xml.list("Scope", scope, |xml, scope| xml.content(scope));
    xml.list("Details", &change.properties, |xml, (name, recreation)| {
        xml.element("Target", |xml| {
            xml.text("Attribute", "Properties");
            xml.text("Name", name);
            xml.text("RequiresRecreation", recreation);
        });
        xml.text("Evaluation", "Static");
        xml.text("ChangeSource", "DirectModification");
    });
}

fn list_change_sets(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let stack = find(services, parameters)?;
    let change_sets = services
        .store
        .list::<ChangeSet>(Table::ChangeSets, &format!("{}\n", stack.id))?;
    let (change_sets, next) = page(parameters, change_sets);
    let mut result = Xml::default();
    result.list("Summaries", &change_sets, |xml, (_, change_set)| {
        write_change_set(xml, change_set)
    });
    result.optional("NextToken", next.as_deref());
    Ok(result)
}
