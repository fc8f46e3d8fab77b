//! [`Document`] → text. The same document always becomes the same bytes: sections and attributes in the
//! order in which people read them, everything below sorted by key.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::indent::indented;
use crate::{Document, Resource};

/// The only version of the template language there is.
pub(crate) const FORMAT_VERSION: &str = "2010-09-09";

impl Document {
    /// The template as JSON, indented, with a closing newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        indented(self) + "\n"
    }

    /// The template as YAML for people, functions in their long form.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(self).unwrap_or_default()
    }
}

/// Deterministic text of a value: keys sorted, no spaces.
#[must_use]
pub fn canonical(value: &Value) -> String {
    serde_json::to_string(&Sorted(value)).unwrap_or_default()
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("AWSTemplateFormatVersion", FORMAT_VERSION)?;
        if let Some(description) = &self.description {
            map.serialize_entry("Description", description)?;
        }
        let before = [
            ("Metadata", &self.metadata),
            ("Parameters", &self.parameters),
            ("Mappings", &self.mappings),
            ("Conditions", &self.conditions),
        ];
        for (name, section) in before {
            section_entry(&mut map, name, section)?;
        }
        map.serialize_entry("Resources", &self.resources)?;
        section_entry(&mut map, "Outputs", &self.outputs)?;
        map.end()
    }
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("Type", &self.kind)?;
        let attributes = [
            ("Condition", &self.condition),
            ("DeletionPolicy", &self.deletion_policy),
            ("UpdateReplacePolicy", &self.update_replace_policy),
        ];
        for (name, value) in attributes {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if !self.depends_on.is_empty() {
            map.serialize_entry("DependsOn", &self.depends_on)?;
        }
        section_entry(&mut map, "Metadata", &self.metadata)?;
        section_entry(&mut map, "Properties", &self.properties)?;
        map.end()
    }
}

fn section_entry<M: SerializeMap>(
    map: &mut M,
    name: &str,
    section: &BTreeMap<String, Value>,
) -> Result<(), M::Error> {
    if section.is_empty() {
        return Ok(());
    }
    map.serialize_entry(name, &Section(section))
}

/// A section, the values of which are sorted below.
struct Section<'a>(&'a BTreeMap<String, Value>);

impl Serialize for Section<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, Sorted(value))))
    }
}

/// Whether `serde_json` keeps or sorts keys depends on features that other crates switch on.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(entries) => {
                let entry = |(key, value)| (key, Sorted(value));
                if entries.keys().is_sorted() {
                    return serializer.collect_map(entries.iter().map(entry));
                }
                let sorted: BTreeMap<&String, &Value> = entries.iter().collect();
                serializer.collect_map(sorted.into_iter().map(entry))
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            scalar => scalar.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"Description": "no", "Resources": {"B": {"Type": "T::T::T", "DependsOn": ["A"],
        "Properties": {"z": "on", "a": {"y": "2012-10-17", "b": ["1.0", 1, true, null, "a: #b\n c", ""]}}},
        "A": {"Type": "T::T::T", "Properties": {"P": {"Fn::Sub": "${B}"}, "E": {}}}}}"#;

    #[test]
    fn both_forms_read_back() {
        let document = Document::parse(TEXT).unwrap();
        assert_eq!(Document::parse(&document.to_json()).unwrap(), document);
        assert_eq!(
            Document::parse(&document.to_yaml()).unwrap(),
            document,
            "{}",
            document.to_yaml()
        );
    }

    #[test]
    fn keys_are_sorted() {
        let value = serde_json::json!({"b": {"d": 1, "c": 2}, "a": []});
        assert_eq!(canonical(&value), r#"{"a":[],"b":{"c":2,"d":1}}"#);
    }
}
