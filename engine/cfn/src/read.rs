//! Text → [`Document`]. JSON and YAML are one data model; YAML's short tags become long forms.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::{Map, Value, json};
use serde_yaml::value::TaggedValue;

use crate::write::FORMAT_VERSION;
use crate::{Document, Resource, json};

/// Largest template that `CloudFormation` takes, in bytes ("`CloudFormation` quotas" in its user guide).
const MAX_TEMPLATE_BYTES: usize = 1024 * 1024;

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 100;

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Neither JSON nor YAML.
    #[error("not a template, line {line} column {column}: {message}")]
    Syntax {
        /// Line, from 1; 0 if unknown.
        line: usize,
        /// Column, from 1; 0 if unknown.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// Larger than the service takes.
    #[error("template of {bytes} bytes, at most {MAX_TEMPLATE_BYTES} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// A value has the wrong kind.
    #[error("{path} must be {wanted}")]
    Kind {
        /// Where.
        path: String,
        /// For instance `a mapping`.
        wanted: &'static str,
    },
    /// A section that does not exist or is not supported.
    #[error("invalid template property or properties [{name}]")]
    UnknownSection {
        /// Its name.
        name: String,
    },
    /// A version of the format that there never was.
    #[error("template format version {found} is unknown, 2010-09-09 is the only one")]
    FormatVersion {
        /// What stands there.
        found: String,
    },
    /// An attribute of a resource that does not exist or is not supported.
    #[error("invalid template resource property {name} of {logical_id}")]
    UnknownAttribute {
        /// The resource.
        logical_id: String,
        /// The attribute.
        name: String,
    },
    /// A resource without a type.
    #[error("resource {logical_id} has no Type")]
    MissingType {
        /// The resource.
        logical_id: String,
    },
    /// A template without resources.
    #[error("at least one resource must be defined")]
    NoResources,
    /// A YAML tag that is no intrinsic function.
    #[error("unknown tag {tag}")]
    UnknownTag {
        /// The tag with its `!`.
        tag: String,
    },
}

impl Document {
    /// Reads a template from JSON or YAML text.
    ///
    /// # Errors
    /// The first thing that is wrong with its form; [`crate::validate`] looks at its sense.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(ReadError::TooLarge { bytes: text.len() });
        }
        let value = if text.trim_start().starts_with('{') {
            read_json(text)
        } else {
            read_yaml(text)
        };
        Self::from_value(value?)
    }

    /// Reads a template from a value in the JSON data model.
    ///
    /// # Errors
    /// The first thing that is wrong with its form.
    pub fn from_value(value: Value) -> Result<Self, ReadError> {
        let mut document = Self::default();
        for (name, section) in mapping(value, "the template")? {
            document.read_section(&name, section)?;
        }
        if document.resources.is_empty() {
            return Err(ReadError::NoResources);
        }
        Ok(document)
    }

    fn read_section(&mut self, name: &str, section: Value) -> Result<(), ReadError> {
        match name {
            "AWSTemplateFormatVersion" if section == FORMAT_VERSION => {}
            "AWSTemplateFormatVersion" => {
                return Err(ReadError::FormatVersion {
                    found: section
                        .as_str()
                        .map_or_else(|| section.to_string(), str::to_owned),
                });
            }
            "Description" => self.description = Some(text(section, name)?),
            "Metadata" => self.metadata = mapping(section, name)?,
            "Parameters" => self.parameters = mapping(section, name)?,
            "Mappings" => self.mappings = mapping(section, name)?,
            "Conditions" => self.conditions = mapping(section, name)?,
            "Outputs" => self.outputs = mapping(section, name)?,
            "Resources" => {
                for (logical_id, value) in mapping(section, name)? {
                    let resource = read_resource(&logical_id, value)?;
                    self.resources.insert(logical_id, resource);
                }
            }
            _ => {
                return Err(ReadError::UnknownSection {
                    name: name.to_owned(),
                });
            }
        }
        Ok(())
    }
}

fn read_resource(logical_id: &str, value: Value) -> Result<Resource, ReadError> {
    let mut resource = Resource::default();
    for (name, value) in mapping(value, logical_id)? {
        let path = format_args!("{logical_id}.{name}");
        match name.as_str() {
            "Type" => resource.kind = text(value, path)?,
            "Properties" => resource.properties = mapping(value, path)?,
            "DependsOn" => resource.depends_on = names(value, path)?,
            "Condition" => resource.condition = Some(text(value, path)?),
            "DeletionPolicy" => resource.deletion_policy = Some(text(value, path)?),
            "UpdateReplacePolicy" => resource.update_replace_policy = Some(text(value, path)?),
            "Metadata" => resource.metadata = mapping(value, path)?,
            _ => {
                return Err(ReadError::UnknownAttribute {
                    logical_id: logical_id.to_owned(),
                    name,
                });
            }
        }
    }
    if resource.kind.is_empty() {
        return Err(ReadError::MissingType {
            logical_id: logical_id.to_owned(),
        });
    }
    Ok(resource)
}

fn mapping(value: Value, path: impl Display) -> Result<BTreeMap<String, Value>, ReadError> {
    match value {
        Value::Object(map) => Ok(map.into_iter().collect()),
        _ => Err(ReadError::Kind {
            path: path.to_string(),
            wanted: "a mapping",
        }),
    }
}

fn text(value: Value, path: impl Display) -> Result<String, ReadError> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(ReadError::Kind {
            path: path.to_string(),
            wanted: "text",
        }),
    }
}

fn names(value: Value, path: impl Display + Copy) -> Result<Vec<String>, ReadError> {
    match value {
        Value::Array(items) => items.into_iter().map(|item| text(item, path)).collect(),
        single => Ok(vec![text(single, path)?]),
    }
}

fn read_json(text: &str) -> Result<Value, ReadError> {
    json::parse(text).map_err(|error| ReadError::Syntax {
        line: error.line(),
        column: error.column(),
        message: error.to_string(),
    })
}

fn read_yaml(text: &str) -> Result<Value, ReadError> {
    check_depth(text)?;
    let value: serde_yaml::Value = serde_yaml::from_str(text).map_err(|error| {
        let place = error.location();
        ReadError::Syntax {
            line: place.as_ref().map_or(0, serde_yaml::Location::line),
            column: place.as_ref().map_or(0, serde_yaml::Location::column),
            message: error.to_string(),
        }
    })?;
    from_yaml(value)
}

/// The parser takes quadratic time for deep nesting before it refuses it. This counts roughly, also within
/// texts, but no real template comes near the limit.
fn check_depth(text: &str) -> Result<(), ReadError> {
    let mut depth = 0_usize;
    for (index, line) in text.lines().enumerate() {
        let indicators = line
            .split(' ')
            .filter(|part| matches!(*part, "-" | "?"))
            .count();
        let mut deepest = depth;
        for byte in line.bytes() {
            match byte {
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(depth);
        }
        if deepest > MAX_DEPTH || indicators > MAX_DEPTH {
            let message = "nested too deeply".to_owned();
            return Err(ReadError::Syntax {
                line: index + 1,
                column: 0,
                message,
            });
        }
    }
    Ok(())
}

fn from_yaml(value: serde_yaml::Value) -> Result<Value, ReadError> {
    use serde_yaml::Value as Yaml;
    match value {
        Yaml::Null => Ok(Value::Null),
        Yaml::Bool(value) => Ok(Value::Bool(value)),
        Yaml::Number(number) => Ok(number_from_yaml(&number)),
        Yaml::String(text) => Ok(Value::String(text)),
        Yaml::Sequence(items) => Ok(Value::Array(
            items.into_iter().map(from_yaml).collect::<Result<_, _>>()?,
        )),
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                map.insert(key_from_yaml(key)?, from_yaml(value)?);
            }
            Ok(Value::Object(map))
        }
        Yaml::Tagged(tagged) => from_tagged(*tagged),
    }
}

fn number_from_yaml(number: &serde_yaml::Number) -> Value {
    if let Some(number) = number.as_u64() {
        return json!(number);
    }
    number
        .as_i64()
        .map_or_else(|| json!(number.as_f64()), |number| json!(number))
}

fn key_from_yaml(key: serde_yaml::Value) -> Result<String, ReadError> {
    match from_yaml(key)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        _ => Err(ReadError::Kind {
            path: "a key".to_owned(),
            wanted: "text",
        }),
    }
}

/// `!GetAtt A.B` has its own shape, every other tag is its function's name without `Fn::`.
fn from_tagged(tagged: TaggedValue) -> Result<Value, ReadError> {
    const FUNCTIONS: &[&str] = &[
        "And",
        "Base64",
        "Cidr",
        "Equals",
        "FindInMap",
        "GetAZs",
        "If",
        "ImportValue",
        "Join",
        "Not",
        "Or",
        "Select",
        "Split",
        "Sub",
    ];
    let tag = tagged.tag.to_string();
    let value = from_yaml(tagged.value)?;
    let name = tag.trim_start_matches('!');
    let key = match name {
        "Ref" | "Condition" => name.to_owned(),
        "GetAtt" => return Ok(json!({ "Fn::GetAtt": attribute_path(value) })),
        _ if FUNCTIONS.contains(&name) => format!("Fn::{name}"),
        _ => return Err(ReadError::UnknownTag { tag }),
    };
    Ok(json!({ key: value }))
}

fn attribute_path(value: Value) -> Value {
    match value.as_str().and_then(|text| text.split_once('.')) {
        Some((logical_id, attribute)) => json!([logical_id, attribute]),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_are_one() {
        let yaml = "
AWSTemplateFormatVersion: '2010-09-09'
Resources:
  Data: {Type: 'AWS::S3::Bucket', DependsOn: Log}
  Log:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Sub '${AWS::StackName}-x', Tags: [!GetAtt Data.Arn, !Join ['', [!Ref Data, 1]]]}
";
        let json = r#"{"Resources": {
            "Data": {"Type": "AWS::S3::Bucket", "DependsOn": ["Log"]},
            "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {
                "LogGroupName": {"Fn::Sub": "${AWS::StackName}-x"},
                "Tags": [{"Fn::GetAtt": ["Data", "Arn"]}, {"Fn::Join": ["", [{"Ref": "Data"}, 1]]}]}}}}"#;
        assert_eq!(Document::parse(yaml), Document::parse(json));
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| Document::parse(text).unwrap_err().to_string();
        assert_eq!(error("{}"), "at least one resource must be defined");
        assert_eq!(error("Resources: {A: {}}"), "resource A has no Type");
        assert_eq!(error("Resources: []"), "Resources must be a mapping");
        assert_eq!(
            error("Reources: {}"),
            "invalid template property or properties [Reources]"
        );
        assert_eq!(error("Description: !Foo x"), "unknown tag !Foo");
        assert_eq!(
            error("{\"Resources\": {\"A\": 1, \"A\": 2}}"),
            "not a template, line 1 column 26: the key A is there twice at line 1 column 26"
        );
        assert!(error("Resources: {A: {Type: T}, A: {Type: T}}").contains("duplicate"));
        assert!(matches!(
            Document::parse("{"),
            Err(ReadError::Syntax { line: 1, .. })
        ));
        for unit in ["[", "- ", "? ", "{a: ", "[\n"] {
            assert!(Document::parse(&unit.repeat(100_000)).is_err(), "{unit:?}");
        }
    }
}
