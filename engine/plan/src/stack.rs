//! One stack: old and new template with their functions evaluated, compared resource by resource.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scar_cfn::{Document, Pseudo, Resolver, Resource, Scope, canonical};
use scar_schemas::digest::Digest;
use scar_template::Origin;
use serde_json::{Value, json};

use crate::{
    Action, Basis, ParameterValue, ResourceChange, Snapshot, Stack, StackChange, resource,
};

/// A stack as it should be.
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) template: &'a Arc<Document>,
    pub(crate) parameters: BTreeMap<String, ParameterValue>,
    pub(crate) tags: &'a BTreeMap<String, String>,
    pub(crate) origins: Option<&'a BTreeMap<String, Origin>>,
}

/// Compares a wanted stack with the deployed one. `base_outputs` are those that are known now.
pub(crate) fn compare(
    wanted: &Wanted<'_>,
    old: Option<&Stack>,
    snapshot: &Snapshot,
    base_outputs: &BTreeMap<String, String>,
) -> StackChange {
    let pseudo = pseudo(wanted.name, old, snapshot);
    let parameters = wanted.parameters.iter().map(|(name, value)| {
        let text = match value {
            ParameterValue::Literal(text) => text.clone(),
            ParameterValue::BaseOutput(output) => base_outputs
                .get(output)
                .cloned()
                .unwrap_or_else(|| placeholder(name)),
        };
        (name.clone(), text)
    });
    let parameters = parameters.collect();
    let [old_view, new_view] = views(old, wanted.template, &parameters, &pseudo);
    let resources = resource::compare(&old_view, &new_view, wanted.template, wanted.origins);
    StackChange {
        name: wanted.name.to_owned(),
        action: action(wanted, old, &resources),
        template: Arc::clone(wanted.template),
        text: wanted.template.to_json(),
        parameters: wanted.parameters.clone(),
        tags: wanted.tags.clone(),
        resources,
        based_on: old.map(basis),
    }
}

/// Identity and state of a deployed stack.
pub(crate) fn basis(stack: &Stack) -> Basis {
    let content = json!({
        "template": stack.template.to_json(),
        "parameters": stack.parameters,
        "outputs": stack.outputs,
        "tags": stack.tags,
    });
    Basis {
        stack_id: stack.id.clone(),
        status: settled(&stack.status).to_owned(),
        changed: stack.changed.clone(),
        fingerprint: Digest::of(canonical(&content).as_bytes()),
    }
}

/// The status that a stack has when CloudFormation has cleaned up behind a change: what the stack is does
/// not change by that ("Understand CloudFormation stack creation events" in the user guide).
fn settled(status: &str) -> &str {
    status
        .strip_suffix("_CLEANUP_IN_PROGRESS")
        .unwrap_or(status)
}

/// The resources of a stack whose condition holds.
pub(crate) type View<'a> = BTreeMap<&'a str, Cow<'a, Resource>>;

/// The resources whose condition holds, as they stand in the template.
///
/// Of a deployed template that cannot be evaluated (somebody changed it by hand), all of them.
pub(crate) fn existing<'a>(
    template: &'a Document,
    parameters: &BTreeMap<String, String>,
    pseudo: &Pseudo,
) -> View<'a> {
    evaluated(template, parameters, pseudo, &|_| false).unwrap_or_else(|| as_written(template))
}

/// Both sides, evaluated where they may differ. A side that cannot be evaluated is compared as it stands.
fn views<'a>(
    old: Option<&'a Stack>,
    template: &'a Document,
    parameters: &BTreeMap<String, String>,
    pseudo: &Pseudo,
) -> [View<'a>; 2] {
    let Some(old) = old else {
        return [View::new(), existing(template, parameters, pseudo)];
    };
    let is_same_world = old.parameters == *parameters && declare_the_same(&old.template, template);
    let may_differ = |(id, before): (&'a String, &Resource)| {
        let after = template.resources.get(id)?;
        let may_differ = !is_same_world || before.properties != after.properties;
        may_differ.then_some(id.as_str())
    };
    let may_differ: BTreeSet<&str> = old
        .template
        .resources
        .iter()
        .filter_map(may_differ)
        .collect();
    let sides = [(&*old.template, &old.parameters), (template, parameters)];
    let view = |(template, parameters), is_wanted: &dyn Fn(&str) -> bool| {
        evaluated(template, parameters, pseudo, is_wanted)
    };
    match sides.map(|side| view(side, &|id| may_differ.contains(id))) {
        [Some(before), Some(after)] => [before, after],
        _ => sides.map(|side| view(side, &|_| true).unwrap_or_else(|| as_written(side.0))),
    }
}

/// Whether all that functions may ask for besides resources is the same in two templates.
pub(crate) fn declare_the_same(one: &Document, other: &Document) -> bool {
    one.parameters == other.parameters
        && one.mappings == other.mappings
        && one.conditions == other.conditions
}

/// Values of the pseudo parameters. Those of the stack itself stay placeholders until it exists.
pub(crate) fn pseudo(name: &str, old: Option<&Stack>, snapshot: &Snapshot) -> Pseudo {
    let (partition, url_suffix) = match snapshot.region.as_str() {
        region if region.starts_with("cn-") => ("aws-cn", "amazonaws.com.cn"),
        region if region.starts_with("us-gov-") => ("aws-us-gov", "amazonaws.com"),
        _ => ("aws", "amazonaws.com"),
    };
    Pseudo {
        account: snapshot.account.clone(),
        region: snapshot.region.clone(),
        partition: partition.to_owned(),
        url_suffix: url_suffix.to_owned(),
        stack_name: name.to_owned(),
        stack_id: old.map_or_else(|| placeholder("AWS::StackId"), |old| old.id.clone()),
    }
}

/// The resources whose condition holds, the properties of those that are wanted evaluated as far as anybody
/// can before they exist: what only the cloud knows is a placeholder such as `${DataStore.Arn}`.
fn evaluated<'a>(
    template: &'a Document,
    parameters: &BTreeMap<String, String>,
    pseudo: &Pseudo,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Option<View<'a>> {
    let scope = Scope::new(template, parameters, pseudo.clone()).ok()?;
    let mut view = View::new();
    for (id, resource) in &template.resources {
        if scope.holds(resource.condition.as_deref()).ok()? {
            let resource = match is_wanted(id) {
                true => Cow::Owned(with(
                    resource,
                    scope.properties(resource, &Placeholders).ok()?,
                )),
                false => Cow::Borrowed(resource),
            };
            view.insert(id, resource);
        }
    }
    Some(view)
}

fn as_written(template: &Document) -> View<'_> {
    let resources = template.resources.iter();
    resources
        .map(|(id, one)| (id.as_str(), Cow::Borrowed(one)))
        .collect()
}

/// A resource with other properties.
fn with(resource: &Resource, properties: BTreeMap<String, Value>) -> Resource {
    Resource {
        kind: resource.kind.clone(),
        properties,
        metadata: resource.metadata.clone(),
        condition: resource.condition.clone(),
        depends_on: resource.depends_on.clone(),
        deletion_policy: resource.deletion_policy.clone(),
        update_replace_policy: resource.update_replace_policy.clone(),
    }
}

/// A change of nothing but metadata is none: the service would refuse it.
fn action(wanted: &Wanted<'_>, old: Option<&Stack>, resources: &[ResourceChange]) -> Action {
    let Some(old) = old else {
        return Action::Create;
    };
    let is_same = resources.iter().all(|change| change.action == Action::Keep)
        && old.template.outputs == wanted.template.outputs
        && old.tags == *wanted.tags;
    if is_same {
        Action::Keep
    } else {
        Action::Update
    }
}

fn placeholder(name: &str) -> String {
    format!("${{{name}}}")
}

/// Stands in for what only the cloud knows.
pub(crate) struct Placeholders;

impl Resolver for Placeholders {
    fn reference(&self, logical_id: &str) -> Option<Value> {
        Some(json!(placeholder(logical_id)))
    }

    fn attribute(&self, logical_id: &str, attribute: &str) -> Option<Value> {
        Some(json!(placeholder(&format!("{logical_id}.{attribute}"))))
    }
}
