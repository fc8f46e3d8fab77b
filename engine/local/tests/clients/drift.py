"""Drift, stack policies and termination protection; parameters and secrets."""

import json

import boto3

from common import arn, code, deploy, package, role, settled, storage

formation, sqs, ssm = (boto3.client(name) for name in ("cloudformation", "sqs", "ssm"))
secrets, s3 = boto3.client("secretsmanager"), storage()
s3.create_bucket(Bucket="code")
s3.put_object(Bucket="code", Key="f.zip", Body=package("#!/bin/sh\n"))
function = {
    "FunctionName": "f",
    "Runtime": "provided.al2023",
    "Handler": "x",
    "Role": arn("Role"),
    "MemorySize": 256,
    "Code": {"S3Bucket": "code", "S3Key": "f.zip"},
    "Environment": {"Variables": {"A": "1"}},
}
lifecycle = {"Rules": [{"Id": "a", "Status": "Enabled", "ExpirationInDays": 3, "Prefix": "t/"}]}
bucket = {
    "BucketName": "drifting-bucket",
    "VersioningConfiguration": {"Status": "Enabled"},
    "LifecycleConfiguration": lifecycle,
}
rule = {"Name": "r", "EventPattern": {"source": ["aws.s3"]}, "State": "ENABLED"}
queue = {"QueueName": "q", "VisibilityTimeout": "60"}
template = {"Resources": {
    "Role": role(),
    "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
    "Queue": {"Type": "AWS::SQS::Queue", "Properties": queue},
    "Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
    "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "lg", "RetentionInDays": 30}},
    "Bucket": {"Type": "AWS::S3::Bucket", "Properties": bucket},
}}
deploy("s", template, EnableTerminationProtection=True)


def drift():
    """How many resources drifted, and the paths that differ."""
    detection = formation.detect_stack_drift(StackName="s")["StackDriftDetectionId"]
    status = formation.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
    drifts = formation.describe_stack_resource_drifts(
        StackName="s", StackResourceDriftStatusFilters=["MODIFIED"]
    )["StackResourceDrifts"]
    paths = {
        one["LogicalResourceId"]: {difference["PropertyPath"] for difference in one["PropertyDifferences"]}
        for one in drifts
    }
    return status["DriftedStackResourceCount"], paths


assert drift() == (0, {})
boto3.client("lambda").update_function_configuration(
    FunctionName="f", MemorySize=512, Environment={"Variables": {"A": "2"}}
)
address = sqs.get_queue_url(QueueName="q")["QueueUrl"]
sqs.set_queue_attributes(QueueUrl=address, Attributes={"VisibilityTimeout": "61"})
boto3.client("events").disable_rule(Name="r")
boto3.client("logs").put_retention_policy(logGroupName="lg", retentionInDays=7)
s3.put_bucket_versioning(Bucket="drifting-bucket", VersioningConfiguration={"Status": "Suspended"})
s3.delete_bucket_lifecycle(Bucket="drifting-bucket")
assert drift() == (5, {
    "Function": {"/MemorySize", "/Environment/Variables/A"},
    "Queue": {"/VisibilityTimeout"},
    "Rule": {"/State"},
    "Logs": {"/RetentionInDays"},
    "Bucket": {"/VersioningConfiguration/Status", "/LifecycleConfiguration"},
}), drift()

# What must not be changed or deleted.
assert code(formation.delete_stack, StackName="s") == "ValidationError"
allow = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
deny = {**allow, "Effect": "Deny", "Resource": "LogicalResourceId/Queue"}
formation.set_stack_policy(StackName="s", StackPolicyBody=json.dumps({"Statement": [allow, deny]}))
queue["VisibilityTimeout"] = 90
formation.update_stack(StackName="s", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
assert settled("s") == "UPDATE_ROLLBACK_COMPLETE"

# Parameters and secrets.
ssm.put_parameter(Name="/a/b", Value="v", Type="SecureString")
assert ssm.get_parameter(Name="/a/b")["Parameter"]["Value"] != "v"
parameter = ssm.get_parameter(Name="/a/b", WithDecryption=True)["Parameter"]
assert parameter["Value"] == "v"
assert ssm.get_parameter(Name=parameter["ARN"], WithDecryption=True)["Parameter"]["Value"] == "v"
assert ssm.get_parameters(Names=["/a/b", "x"])["InvalidParameters"] == ["x"]
assert code(ssm.get_parameter, Name="n") == "ParameterNotFound"
secret = secrets.create_secret(Name="db", SecretString="one")["ARN"]
assert secrets.get_secret_value(SecretId="db")["SecretString"] == "one"
secrets.put_secret_value(SecretId=secret, SecretString="two")
assert secrets.get_secret_value(SecretId=secret)["SecretString"] == "two"
assert code(secrets.get_secret_value, SecretId="none") == "ResourceNotFoundException"
