//! JSON Schema of the manifest, made of the tables that the reader uses.

use scar_schemas::manifest::VERSION;
use serde_json::{Map, Value, json};

use crate::keys::{Key, Shape, Table};
use crate::language::MANIFEST_TABLE;
use crate::limits;
use crate::text_rule::TextRule;

const SIZE: &str = "^[0-9]+(\\.[0-9]+)?(MiB|GiB)$";
const DURATION: &str = "^[0-9]+(s|m|h|d)$";

/// JSON Schema (2020-12) of the manifest, for editors.
#[must_use]
pub fn schema() -> Value {
    let mut schema = table(&MANIFEST_TABLE);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("scar workflow manifest");
    schema
}

fn table(table: &Table) -> Value {
    let properties: Map<String, Value> = table
        .keys
        .iter()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let required: Vec<&str> = table
        .keys
        .iter()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if let Some(exclusive) = exclusive(table) {
        schema["not"] = exclusive;
    }
    schema
}

/// Pairs of keys of which only one may be there.
fn exclusive(table: &Table) -> Option<Value> {
    let pairs = match table.name {
        "manifest" => json!([{"required": ["bucket", "buckets"]}]),
        "stage" => json!([
            {"required": ["run", "script"]},
            {"required": ["run", "command"]},
            {"required": ["script", "command"]},
            {"required": ["in", "after"]},
            {"required": ["schedule", "after"]},
            {"required": ["http", "after"]},
        ]),
        "schedule" => json!([{"required": ["cron", "every"]}]),
        "scatter" => json!([{"required": ["lines", "list"]}]),
        _ => return None,
    };
    Some(json!({"anyOf": pairs}))
}

fn property(key: &Key) -> Value {
    let mut schema = shape(&key.shape);
    schema["description"] = json!(key.meaning);
    if !key.default.is_empty() {
        schema["default"] =
            serde_json::from_str(key.default).unwrap_or_else(|_| json!(key.default));
    }
    schema
}

fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Version => json!({"const": VERSION}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Integer(least, most) => {
            json!({"type": "integer", "minimum": least, "maximum": most})
        }
        Shape::Size(..) => json!({"type": "string", "pattern": SIZE}),
        Shape::Duration(..) => json!({"type": "string", "pattern": DURATION}),
        Shape::LogDays => {
            let days: Vec<String> = limits::LOG_DAYS
                .iter()
                .map(|days| format!("{days}d"))
                .collect();
            json!({"enum": days})
        }
        Shape::Choice(words, _) => json!({"enum": words}),
        Shape::Text(rule) => text(*rule),
        Shape::Arguments => {
            json!({"type": "array", "minItems": 1, "items": {"type": ["string", "number"]}})
        }
        Shape::TextList(rule) => {
            let one = text(*rule);
            json!({"anyOf": [one, {"type": "array", "minItems": 1, "items": one}]})
        }
        Shape::WordOr(words, inner) => json!({"anyOf": [{"enum": words}, table(inner)]}),
        Shape::Texts(names, _) => texts(*names),
        Shape::Inputs => inputs(),
        Shape::Outputs => outputs(),
        Shape::Table(inner) => table(inner),
        Shape::Named(inner, what, most) => named(inner, what, *most),
    }
}

fn text(rule: TextRule) -> Value {
    if matches!(rule, TextRule::Money | TextRule::Processors) {
        return json!({"type": ["number", "string"]});
    }
    match rule.pattern() {
        Some(pattern) => json!({"type": "string", "pattern": pattern}),
        None => json!({"type": "string"}),
    }
}

fn texts(names: TextRule) -> Value {
    let mut schema =
        json!({"type": "object", "additionalProperties": {"type": ["string", "number"]}});
    if names.pattern().is_some() {
        schema["propertyNames"] = text(names);
    }
    schema
}

fn inputs() -> Value {
    let one = json!({"anyOf": [
        {"type": "string", "minLength": 1},
        {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "path": {"type": "string", "minLength": 1},
                "from": {"enum": ["outside", "stage"]},
            },
            "required": ["path"],
        },
    ]});
    json!({"anyOf": [one, {"type": "array", "minItems": 1, "items": one}]})
}

fn outputs() -> Value {
    let one = json!({"type": "string", "minLength": 1});
    json!({"anyOf": [
        one,
        {"type": "array", "minItems": 1, "items": one},
        {"type": "object", "minProperties": 1, "additionalProperties": one},
    ]})
}

fn named(inner: &'static Table, what: &'static str, most: usize) -> Value {
    let mut schema = json!({
        "type": "object",
        "maxProperties": most,
        "propertyNames": text(TextRule::Name(what)),
        // An empty value is an empty table, where nothing in it is required.
        "additionalProperties": table(inner),
    });
    if what == "stage" {
        schema["minProperties"] = json!(1);
    } else {
        schema["additionalProperties"]["type"] = json!(["object", "null"]);
    }
    schema
}
