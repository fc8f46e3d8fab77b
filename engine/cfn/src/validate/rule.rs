//! What AWS refuses although every value has the right shape: combinations, texts with a grammar of their own,
//! and resources that do not fit to each other.

mod alarm;
mod api;
mod compute_environment;
mod container;
mod event_rule;
mod event_source;
mod fargate;
mod form;
mod function;
mod identity;
mod job_definition;
mod job_queue;
mod lifecycle;
mod network;
mod notification;
mod permission;
mod queue;
mod same_name;
mod security_group;
mod storage;
mod timetable;
mod topic;

use super::finding::Findings;
use super::item::Item;
use crate::Document;

/// Checks one resource.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    form::check(item, findings);
    match item.kind() {
        "AWS::ApiGatewayV2::Api" => api::check_api(item, findings),
        "AWS::ApiGatewayV2::Authorizer" => api::check_authorizer(item, findings),
        "AWS::ApiGatewayV2::Integration" => api::check_integration(item, findings),
        "AWS::ApiGatewayV2::Route" => api::check_route(item, findings),
        "AWS::ApiGatewayV2::Stage" => api::check_stage(item, findings),
        "AWS::Batch::ComputeEnvironment" => compute_environment::check(item, findings),
        "AWS::Batch::JobDefinition" => job_definition::check(item, findings),
        "AWS::Batch::JobQueue" => job_queue::check(item, findings),
        "AWS::CloudWatch::Alarm" => alarm::check(item, findings),
        "AWS::EC2::LaunchTemplate" => network::check_launch_template(item, findings),
        "AWS::EC2::Route" => network::check_route(item, findings),
        "AWS::EC2::SecurityGroup" => security_group::check(item, findings),
        "AWS::EC2::Subnet" => network::check_subnet(item, findings),
        "AWS::EC2::VPC" => network::check_vpc(item, findings),
        "AWS::EC2::VPCEndpoint" => network::check_endpoint(item, findings),
        "AWS::EC2::VPCGatewayAttachment" => network::check_attachment(item, findings),
        "AWS::ECR::Repository" => storage::check_repository(item, findings),
        "AWS::Events::Rule" => event_rule::check(item, findings),
        "AWS::IAM::InstanceProfile" => identity::check_profile(item, findings),
        "AWS::IAM::Role" => identity::check_role(item, findings),
        "AWS::IAM::RolePolicy" => identity::check_role_policy(item, findings),
        "AWS::Lambda::EventInvokeConfig" => event_source::check_invoke(item, findings),
        "AWS::Lambda::EventSourceMapping" => event_source::check_mapping(item, findings),
        "AWS::Lambda::Function" => function::check(item, findings),
        "AWS::Lambda::LayerVersion" => function::check_layer(item, findings),
        "AWS::Lambda::Permission" => permission::check(item, findings),
        "AWS::Lambda::Url" => permission::check_url(item, findings),
        "AWS::Logs::LogGroup" => storage::check_log_group(item, findings),
        "AWS::S3::Bucket" => storage::check_bucket(item, findings),
        "AWS::S3::BucketPolicy" => identity::check_bucket_policy(item, findings),
        "AWS::SNS::Topic" => topic::check(item, findings),
        "AWS::SQS::Queue" => queue::check(item, findings),
        "AWS::SQS::QueuePolicy" => identity::check_queue_policy(item, findings),
        "AWS::Scheduler::Schedule" => timetable::check(item, findings),
        "AWS::CloudFormation::CustomResource" => check_custom(item, findings),
        kind if kind.starts_with("Custom::") => check_custom(item, findings),
        _ => {}
    }
}

/// Checks what only the template as a whole shows.
pub(super) fn check_stack(document: &Document, findings: &mut Findings) {
    same_name::check(document, findings);
}

fn check_custom(item: &Item<'_>, findings: &mut Findings) {
    if !item.has("ServiceToken") {
        findings
            .error(item.place(""), "ServiceToken is missing")
            .fix("name the function or topic that does the work");
    }
}
