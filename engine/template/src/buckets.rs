//! Names and ARNs of buckets and their objects as CloudFormation values.

use std::collections::BTreeSet;

use scar_schemas::construct::Events;
use scar_schemas::contract::ARTIFACTS;
use scar_workflow::Workflow;
use serde_json::{Value, json};

use crate::event;
use crate::{name, parameter};

/// All buckets of a workflow.
pub(crate) struct Buckets<'a> {
    workflow: &'a Workflow,
    /// Managed buckets that notify functions: they refer to functions, so that functions and roles
    /// cannot refer to them and use the name that is known beforehand.
    notifying: BTreeSet<&'a str>,
}

impl<'a> Buckets<'a> {
    pub(crate) fn new(workflow: &'a Workflow) -> Self {
        let direct = workflow
            .stages
            .iter()
            .filter(|stage| stage.events == Events::Direct && event::has_main_events(stage));
        let notifying = direct
            .flat_map(|stage| &stage.inputs)
            .map(|input| input.bucket.as_str())
            .filter(|bucket| workflow.buckets.get(*bucket) == Some(&None))
            .collect();
        Self {
            workflow,
            notifying,
        }
    }

    /// Manifest name of the bucket with scar's own objects.
    pub(crate) fn state(&self) -> &'a str {
        &self.workflow.state_bucket
    }

    /// Real name of a bucket.
    pub(crate) fn name(&self, bucket: &str) -> Value {
        match self.workflow.buckets.get(bucket) {
            _ if bucket == ARTIFACTS => json!({ "Ref": parameter::ARTIFACT_BUCKET }),
            Some(Some(existing)) => json!(existing),
            _ if self.notifying.contains(bucket) => json!({ "Fn::Sub": self.known_name(bucket) }),
            _ => json!({ "Ref": name::bucket_id(bucket) }),
        }
    }

    /// ARN of a bucket.
    pub(crate) fn arn(&self, bucket: &str) -> Value {
        match self.workflow.buckets.get(bucket) {
            Some(None) if !self.notifying.contains(bucket) => {
                json!({ "Fn::GetAtt": [name::bucket_id(bucket), "Arn"] })
            }
            _ => json!({ "Fn::Sub": self.arn_text(bucket) }),
        }
    }

    /// ARN of objects of a bucket.
    pub(crate) fn objects(&self, bucket: &str, keys: &str) -> Value {
        json!({ "Fn::Sub": format!("{}/{keys}", self.arn_text(bucket)) })
    }

    /// ARN of objects of scar's own.
    pub(crate) fn own_objects(&self, prefix: &str) -> Value {
        self.objects(self.state(), &format!("{prefix}*"))
    }

    fn arn_text(&self, bucket: &str) -> String {
        let s3 = "arn:${AWS::Partition}:s3:::";
        match self.workflow.buckets.get(bucket) {
            _ if bucket == ARTIFACTS => format!("{s3}${{{}}}", parameter::ARTIFACT_BUCKET),
            Some(Some(existing)) => format!("{s3}{existing}"),
            _ if self.notifying.contains(bucket) => format!("{s3}{}", self.known_name(bucket)),
            _ => format!("${{{}.Arn}}", name::bucket_id(bucket)),
        }
    }

    /// What the service makes of prefix and namespace ("Account regional namespaces for general purpose
    /// buckets" of S3).
    fn known_name(&self, bucket: &str) -> String {
        let Workflow {
            name, environment, ..
        } = self.workflow;
        let prefix = name::bucket_prefix(name, environment, bucket);
        format!("{prefix}-${{AWS::AccountId}}-${{AWS::Region}}-an")
    }
}
