//! Two resources that would be the same thing.

use std::collections::BTreeMap;

use super::super::finding::Findings;
use crate::{Document, canonical};

/// Types and the properties that make out one of them.
const KEYS: &[(&str, &[&str])] = &[
    ("AWS::ApiGatewayV2::Route", &["ApiId", "RouteKey"]),
    ("AWS::ApiGatewayV2::Stage", &["ApiId", "StageName"]),
    (
        "AWS::Batch::ComputeEnvironment",
        &["ComputeEnvironmentName"],
    ),
    ("AWS::Batch::JobQueue", &["JobQueueName"]),
    ("AWS::CloudWatch::Alarm", &["AlarmName"]),
    ("AWS::EC2::LaunchTemplate", &["LaunchTemplateName"]),
    ("AWS::EC2::Route", &["RouteTableId", "DestinationCidrBlock"]),
    ("AWS::EC2::SubnetRouteTableAssociation", &["SubnetId"]),
    ("AWS::ECR::Repository", &["RepositoryName"]),
    ("AWS::Events::Rule", &["Name"]),
    ("AWS::IAM::InstanceProfile", &["InstanceProfileName"]),
    ("AWS::IAM::Role", &["RoleName"]),
    ("AWS::IAM::RolePolicy", &["RoleName", "PolicyName"]),
    ("AWS::Lambda::Alias", &["FunctionName", "Name"]),
    (
        "AWS::Lambda::EventInvokeConfig",
        &["FunctionName", "Qualifier"],
    ),
    (
        "AWS::Lambda::EventSourceMapping",
        &["FunctionName", "EventSourceArn"],
    ),
    ("AWS::Lambda::Function", &["FunctionName"]),
    ("AWS::Lambda::Url", &["TargetFunctionArn", "Qualifier"]),
    ("AWS::Logs::LogGroup", &["LogGroupName"]),
    ("AWS::S3::Bucket", &["BucketName"]),
    ("AWS::S3::BucketPolicy", &["Bucket"]),
    ("AWS::SNS::Topic", &["TopicName"]),
    ("AWS::SQS::Queue", &["QueueName"]),
    ("AWS::Scheduler::Schedule", &["Name"]),
];

/// Checks that no two are the same. Those with conditions may exclude each other.
pub(super) fn check(document: &Document, findings: &mut Findings) {
    let mut seen: BTreeMap<(&str, Vec<String>), &String> = BTreeMap::new();
    let plain = document
        .resources
        .iter()
        .filter(|(_, one)| one.condition.is_none());
    for (id, resource) in plain {
        let Some((kind, keys)) = KEYS.iter().find(|(kind, _)| *kind == resource.kind) else {
            continue;
        };
        let values: Option<Vec<String>> = keys
            .iter()
            .map(|key| resource.properties.get(*key).map(canonical))
            .collect();
        let Some(values) = values.filter(|values| !values.iter().any(|one| one.contains("Fn::If")))
        else {
            continue;
        };
        if let Some(other) = seen.insert((kind, values), id) {
            let path = format!("Resources.{id}.Properties.{}", keys.last().unwrap_or(&""));
            findings.error(
                path,
                format!("{other} is the same {}", kind.trim_start_matches("AWS::")),
            );
        }
    }
}
