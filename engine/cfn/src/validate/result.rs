//! What a function gives, against the shape that AWS describes for its place.

use serde_json::Value;

use super::finding::Findings;
use super::node::{Shape, wanted};
use super::scalar::{self, check_form, shown};
use super::schema::{self, Kind, Node};
use super::text::{Text, referred};
use super::trail::Trail;
use super::world::function;
use crate::Document;

/// The form of what a function gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gives {
    Scalar,
    List,
    Anything,
}

/// Checks a function in the place of a value.
pub(super) fn check(
    shape: &mut Shape<'_>,
    node: &Node,
    name: &str,
    argument: &Value,
    value: &Value,
    path: &Trail<'_>,
) {
    let gives = gives(shape.document, name, argument, value);
    let is_wrong = match gives {
        Gives::Scalar => !takes_scalar(node),
        Gives::List => !node.takes(Kind::Array),
        Gives::Anything => false,
    };
    if is_wrong {
        let given = if gives == Gives::List {
            "a list"
        } else {
            "text"
        };
        let message = format!("{name} gives {given} where {} is wanted", wanted(node));
        shape.findings.error(path, message);
        return;
    }
    if node.takes(Kind::Object) && name.starts_with("Fn::ToJsonString") {
        return;
    }
    check_known(shape, node, value, path);
    check_format(shape, node, value, path);
}

/// Whether a function gives a list for certain.
pub(super) fn gives_list(document: &Document, name: &str, value: &Value) -> bool {
    value
        .get(name)
        .is_some_and(|argument| gives(document, name, argument, value) == Gives::List)
}

fn gives(document: &Document, name: &str, argument: &Value, value: &Value) -> Gives {
    match name {
        "Ref" => gives_reference(document, argument.as_str().unwrap_or_default()),
        "Fn::GetAtt" => gives_attribute(document, value),
        "Fn::Sub" | "Fn::Join" | "Fn::Base64" => Gives::Scalar,
        "Fn::Split" | "Fn::GetAZs" | "Fn::Cidr" => Gives::List,
        _ => Gives::Anything,
    }
}

fn gives_reference(document: &Document, name: &str) -> Gives {
    if name == "AWS::NotificationARNs" {
        return Gives::List;
    }
    let kind = document
        .parameters
        .get(name)
        .and_then(|one| one.get("Type")?.as_str());
    match kind {
        Some(kind) if kind == "CommaDelimitedList" || kind.contains("List<") => Gives::List,
        _ => Gives::Scalar,
    }
}

fn gives_attribute(document: &Document, value: &Value) -> Gives {
    let node = attribute(document, value);
    match node.map(|node| node.kinds()) {
        Some([Kind::Array]) => Gives::List,
        Some([Kind::Object | Kind::Any]) | None => Gives::Anything,
        Some(_) => Gives::Scalar,
    }
}

/// The shape of an attribute that is asked for.
fn attribute(document: &Document, value: &Value) -> Option<&'static Node> {
    let name = referred(value)?;
    let (id, attribute) = name.split_once('.')?;
    let kind = &document.resources.get(id)?.kind;
    schema::find(kind)?.attributes.get(attribute)
}

fn takes_scalar(node: &Node) -> bool {
    let is_structured = |kind: &Kind| matches!(kind, Kind::Object | Kind::Array);
    !node.kinds().iter().all(is_structured)
}

/// Values that are known although a function gives them.
fn check_known(shape: &mut Shape<'_>, node: &Node, value: &Value, path: &Trail<'_>) {
    if let Some(text) = Text::of(value).and_then(Text::constant) {
        scalar::check(shape.findings, node, &Value::from(text), path);
    } else if let Some(text) = Text::of(value).and_then(Text::sample) {
        check_form(shape.findings, node, &text, path);
    } else if let Some(("Ref", Value::String(name))) = function(value) {
        check_parameter(shape, node, name, path);
    } else if let Some(("Fn::FindInMap", argument)) = function(value) {
        check_mapped(shape, node, argument, path);
    }
}

/// What a parameter could be by its declaration. The person who deploys may give better values, so these are warnings.
fn check_parameter(shape: &mut Shape<'_>, node: &Node, name: &str, path: &Trail<'_>) {
    let Some(declared) = shape.document.parameters.get(name) else {
        return;
    };
    let allowed = declared.get("AllowedValues").and_then(Value::as_array);
    let default = declared.get("Default");
    let is_text = gives_reference(shape.document, name) == Gives::Scalar;
    let is_stored = declared
        .get("Type")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.starts_with("AWS::SSM"));
    let values = allowed.into_iter().flatten().chain(default);
    for value in values.filter(|value| is_text && !is_stored && value.as_str() != Some("")) {
        let mut found = Findings::default();
        scalar::check(&mut found, node, value, path);
        for finding in found.into_sorted() {
            let message = format!("parameter {name} may be {value}: {}", finding.message);
            shape.findings.warning(path, message);
        }
    }
}

/// What a mapping has for the keys that are known.
fn check_mapped(shape: &mut Shape<'_>, node: &Node, argument: &Value, path: &Trail<'_>) {
    let part = |index: usize| argument.get(index).and_then(Value::as_str);
    let Some(mapping) = part(0).and_then(|name| shape.document.mappings.get(name)) else {
        return;
    };
    for (key, entries) in mapping.as_object().into_iter().flatten() {
        let is_asked = part(1).is_none_or(|asked| asked == key);
        let value = part(2).and_then(|name| entries.get(name));
        match value.filter(|_| is_asked) {
            Some(Value::Array(_)) if !node.takes(Kind::Array) => {
                shape
                    .findings
                    .error(path, format!("a list where {} is wanted", wanted(node)));
            }
            Some(Value::Array(_)) | None => {}
            Some(value) => scalar::check(shape.findings, node, value, path),
        }
    }
}

/// Names, ids and ARNs of one thing are not the same, nor are those of two things.
fn check_format(shape: &mut Shape<'_>, node: &Node, value: &Value, path: &Trail<'_>) {
    let Some(wanted) = node
        .format
        .as_deref()
        .filter(|format| format.starts_with("AWS::"))
    else {
        return;
    };
    let Some(name) = referred(value) else { return };
    let given = match source(shape.document, &name) {
        Source::Unknown => return,
        Source::Format(format) => format,
    };
    let fits = given == wanted
        || (given.starts_with("AWS::EC2::SecurityGroup")
            && wanted.starts_with("AWS::EC2::SecurityGroup"));
    if !fits {
        let message = format!("{} is not {}", shown(&name), in_words(wanted));
        shape.findings.error(path, message).fix(advice(wanted));
    }
}

enum Source {
    Unknown,
    Format(String),
}

fn source(document: &Document, name: &str) -> Source {
    let (id, attribute) = name
        .split_once('.')
        .map_or((name, None), |(id, rest)| (id, Some(rest)));
    if let Some(declared) = document.parameters.get(id) {
        let kind = declared
            .get("Type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        return match kind
            .strip_suffix("::Id")
            .filter(|kind| kind.starts_with("AWS::EC2::"))
        {
            Some(kind) => Source::Format(format!("{kind}.Id")),
            None => Source::Unknown,
        };
    }
    let Some(resource) = document.resources.get(id) else {
        return Source::Unknown;
    };
    if resource.kind == "AWS::EC2::SecurityGroup"
        && attribute.is_none_or(|name| name.ends_with("Id"))
    {
        return Source::Format("AWS::EC2::SecurityGroup.Id".to_owned());
    }
    let Some(shape) = schema::find(&resource.kind) else {
        return Source::Unknown;
    };
    let node = match attribute {
        None => Some(&shape.reference),
        Some(name) => shape.attributes.get(name),
    };
    let format = node.and_then(|node| node.format.clone());
    let own = || match attribute {
        None => resource.kind.clone(),
        Some(name) => format!("{}.{name}", resource.kind),
    };
    node.map_or(Source::Unknown, |_| {
        Source::Format(format.unwrap_or_else(own))
    })
}

fn in_words(format: &str) -> String {
    let short = format.trim_start_matches("AWS::").replace("::", " ");
    match short.rsplit_once('.') {
        Some((thing, what)) => format!("the {} of {thing}", what.to_lowercase()),
        None => short,
    }
}

fn advice(format: &str) -> String {
    match format.rsplit_once('.') {
        Some((kind, "Arn")) if kind != "AWS::SNS::Topic" => {
            format!("use Fn::GetAtt with Arn of an {kind}")
        }
        Some((kind, _)) => format!("use Ref of an {kind}"),
        None => "refer to a resource that gives it".to_owned(),
    }
}
