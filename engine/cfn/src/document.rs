//! The document and its parts, in the JSON data model with ordered maps.

use std::collections::BTreeMap;

use serde_json::Value;

/// A template. Intrinsic functions are kept in their long form (`{"Ref": …}`, `{"Fn::Sub": …}`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// `Description`.
    pub description: Option<String>,
    /// `Metadata`.
    pub metadata: BTreeMap<String, Value>,
    /// `Parameters`, each as written.
    pub parameters: BTreeMap<String, Value>,
    /// `Mappings`, each as written.
    pub mappings: BTreeMap<String, Value>,
    /// `Conditions`, each as written.
    pub conditions: BTreeMap<String, Value>,
    /// `Resources` by logical id.
    pub resources: BTreeMap<String, Resource>,
    /// `Outputs`, each as written.
    pub outputs: BTreeMap<String, Value>,
}

/// A resource of a template.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resource {
    /// `Type`, for instance `AWS::S3::Bucket`.
    pub kind: String,
    /// `Properties`.
    pub properties: BTreeMap<String, Value>,
    /// `DependsOn`, always as a list.
    pub depends_on: Vec<String>,
    /// `Condition`.
    pub condition: Option<String>,
    /// `DeletionPolicy`.
    pub deletion_policy: Option<String>,
    /// `UpdateReplacePolicy`.
    pub update_replace_policy: Option<String>,
    /// `Metadata`.
    pub metadata: BTreeMap<String, Value>,
}
