"""Drives the control plane of a cloud at AWS_ENDPOINT_URL with boto3: stacks by change set, updates in
place and by replacement, rollback, events, invocations, retries, failed-event queues, logs, deletion.

The function is a real Lambda runtime: a shell script that speaks the Runtime API with curl.
"""

import io
import json
import time
import uuid
import zipfile

import boto3
from botocore.exceptions import ClientError

BOOTSTRAP = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while :; do
  curl -sS -D "$TMPDIR/headers" -o "$TMPDIR/event" "$api/invocation/next" || exit 1
  id=$(tr -d '\\r' < "$TMPDIR/headers" | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  echo "hello from $SCAR_STAGE"
  event=$(cat "$TMPDIR/event")
  case "$event" in
    *please-fail*) echo '{"errorType":"Asked","errorMessage":"as asked"}' > "$TMPDIR/answer"; way=error ;;
    *please-crash*) exit 3 ;;
    *please-hang*) sleep 60 ;;
    *) printf '{"stage":"%s","root":"%s"}' "$SCAR_STAGE" "$LAMBDA_TASK_ROOT" > "$TMPDIR/answer"; way=response ;;
  esac
  curl -sS -o /dev/null --data-binary "@$TMPDIR/answer" "$api/invocation/$id/$way" || exit 1
done
"""


def template(memory=256, queue_name=None, broken=False, output=False, kept=False):
    stage = {
        "Data": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketNamePrefix": {"Fn::Sub": "${AWS::StackName}"},
                "BucketNamespace": "account-regional",
                "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
            },
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
                },
                "Policies": [{
                    "PolicyName": "stage",
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": {"Fn::GetAtt": ["Logs", "Arn"]}},
                        ],
                    },
                }],
            },
        },
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}},
        "Layer": {
            "Type": "AWS::Lambda::LayerVersion",
            "Properties": {"Content": {"S3Bucket": {"Ref": "Artifacts"}, "S3Key": "layer.zip"}, "CompatibleRuntimes": ["provided.al2023"]},
        },
        "Shrink": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "provided.al2023",
                "Handler": "scar",
                "MemorySize": memory,
                "Timeout": 2,
                "Role": {"Fn::GetAtt": "Role.Arn"},
                "Layers": [{"Ref": "Layer"}],
                "LoggingConfig": {"LogGroup": {"Ref": "Logs"}},
                "Code": {"S3Bucket": {"Ref": "Artifacts"}, "S3Key": "missing.zip" if broken else "stage.zip"},
                "Environment": {"Variables": {"SCAR_STAGE": "shrink"}},
            },
        },
        "Failed": {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 1209600, **({"QueueName": queue_name} if queue_name else {})}},
        "Async": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Shrink"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 1,
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": "Failed.Arn"}}},
            },
        },
        "FailedWrite": {
            "Type": "AWS::IAM::RolePolicy",
            "Properties": {
                "RoleName": {"Ref": "Role"},
                "PolicyName": "failed",
                "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": "Failed.Arn"}}]},
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {
                    "source": ["aws.s3"],
                    "detail-type": ["Object Created"],
                    "detail": {"bucket": {"name": [{"Ref": "Data"}]}, "object": {"key": [{"wildcard": "in/*.txt"}]}},
                },
                "Targets": [{"Id": "shrink", "Arn": {"Fn::GetAtt": "Shrink.Arn"}}],
            },
        },
        "Invoke": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "Shrink"}, "Principal": "events.amazonaws.com", "SourceArn": {"Fn::GetAtt": "Rule.Arn"}},
        },
    }
    if kept:
        stage["Data"]["DeletionPolicy"] = "Retain"
    return json.dumps({
        "Parameters": {"Artifacts": {"Type": "String"}},
        "Resources": stage,
        "Outputs": {"BucketData": {"Value": {"Ref": "Data"}}, **({"More": {"Value": "x"}} if output else {})},
    })


def packed(name, text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o755 << 16
        archive.writestr(info, text)
    return out.getvalue()


def until(what, check, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        found = check()
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit(f"time ran out: {what}")


def change(cloudformation, stack, kind, body, artifacts, **more):
    name = "c" + uuid.uuid4().hex[:8]
    made = cloudformation.create_change_set(
        StackName=stack, ChangeSetName=name, ChangeSetType=kind, TemplateBody=body, Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": "Artifacts", "ParameterValue": artifacts}], Tags=[{"Key": "a", "Value": "b"}], **more,
    )
    return cloudformation.describe_change_set(ChangeSetName=made["Id"])


def settled(cloudformation, stack):
    def look():
        status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return None if status.endswith("_IN_PROGRESS") else status
    return until("stack", look)


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return
    raise SystemExit(f"{code} was expected")


def main():
    s3, cloudformation, functions, logs, sqs, sts = (
        boto3.client(name) for name in ("s3", "cloudformation", "lambda", "logs", "sqs", "sts")
    )
    identity = sts.get_caller_identity()
    stack = "t" + uuid.uuid4().hex[:8]
    artifacts = f"{stack}-artifacts"
    s3.create_bucket(Bucket=artifacts)
    s3.put_object(Bucket=artifacts, Key="layer.zip", Body=packed("bootstrap", BOOTSTRAP))
    s3.put_object(Bucket=artifacts, Key="stage.zip", Body=packed("stage.json", "{}"))

    refused("ValidationError", cloudformation.describe_stacks, StackName=stack)
    refused("InsufficientCapabilitiesException", cloudformation.create_stack, StackName=stack, TemplateBody=template(),
            Parameters=[{"ParameterKey": "Artifacts", "ParameterValue": artifacts}])
    refused("ValidationError", cloudformation.create_stack, StackName=stack, TemplateBody='{"Resources":{"X":{"Type":"AWS::No::Such"}}}')

    seen = change(cloudformation, stack, "CREATE", template(broken=True), artifacts)
    cloudformation.execute_change_set(ChangeSetName=seen["ChangeSetId"])
    assert settled(cloudformation, stack) == "ROLLBACK_COMPLETE"
    assert cloudformation.list_stack_resources(StackName=stack)["StackResourceSummaries"] == []
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    assert any(event["ResourceStatus"] == "CREATE_FAILED" and "NoSuchKey" in event["ResourceStatusReason"] for event in events)
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=seen["StackId"], WaiterConfig={"Delay": 1})

    seen = change(cloudformation, stack, "CREATE", template(), artifacts)
    assert seen["Status"] == "CREATE_COMPLETE" and len(seen["Changes"]) == 10, seen
    cloudformation.execute_change_set(ChangeSetName=seen["ChangeSetName"], StackName=stack)
    assert settled(cloudformation, stack) == "CREATE_COMPLETE", cloudformation.describe_stack_events(StackName=stack)
    described = cloudformation.describe_stacks(StackName=seen["StackId"])["Stacks"][0]
    bucket = described["Outputs"][0]["OutputValue"]
    assert bucket == f"{stack}-{identity['Account']}-{boto3.session.Session().region_name}-an", bucket
    got = cloudformation.get_template(StackName=stack)["TemplateBody"]
    assert json.loads(got if isinstance(got, str) else json.dumps(got)) == json.loads(template())
    resources = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in cloudformation.list_stack_resources(StackName=stack)["StackResourceSummaries"]}
    function, group, queue = resources["Shrink"], resources["Logs"], resources["Failed"]

    assert change(cloudformation, stack, "UPDATE", template(), artifacts)["Status"] == "FAILED"
    assert change(cloudformation, stack, "UPDATE", template(output=True), artifacts)["Status"] == "CREATE_COMPLETE"
    seen = change(cloudformation, stack, "UPDATE", template(memory=512), artifacts)
    [only] = seen["Changes"]
    assert (only["ResourceChange"]["LogicalResourceId"], only["ResourceChange"]["Replacement"]) == ("Shrink", "False"), only
    cloudformation.execute_change_set(ChangeSetName=seen["ChangeSetId"])
    assert settled(cloudformation, stack) == "UPDATE_COMPLETE"
    assert functions.get_function_configuration(FunctionName=function)["MemorySize"] == 512

    seen = change(cloudformation, stack, "UPDATE", template(memory=1024, broken=True), artifacts)
    cloudformation.execute_change_set(ChangeSetName=seen["ChangeSetId"])
    assert settled(cloudformation, stack) == "UPDATE_ROLLBACK_COMPLETE"
    assert functions.get_function_configuration(FunctionName=function)["MemorySize"] == 512

    answer = functions.invoke(FunctionName=function, Payload=b"{}", LogType="Tail")
    body = json.loads(answer["Payload"].read())
    assert body["stage"] == "shrink" and answer["StatusCode"] == 200 and "FunctionError" not in answer, body
    warm = json.loads(functions.invoke(FunctionName=function, Payload=b"{}")["Payload"].read())
    assert warm["root"] == body["root"], "the sandbox was not used again"
    for word, kind in (("please-fail", "Asked"), ("please-crash", "Runtime.ExitError"), ("please-hang", "Sandbox.Timedout")):
        answer = functions.invoke(FunctionName=function, Payload=json.dumps({"x": word}))
        assert answer["FunctionError"] == "Unhandled" and json.loads(answer["Payload"].read())["errorType"] == kind, word
    refused("ResourceNotFoundException", functions.invoke, FunctionName="no-such-function")

    begun = time.time()
    s3.put_object(Bucket=bucket, Key="in/a b.txt", Body=b"x")
    s3.put_object(Bucket=bucket, Key="other/a.txt", Body=b"x")
    until("log of the event's invocation", lambda: len(logs.filter_log_events(
        logGroupName=group, startTime=int(begun * 1000), filterPattern='"hello from shrink"')["events"]) == 1)
    stream = logs.describe_log_streams(logGroupName=group)["logStreams"][0]["logStreamName"]
    assert logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]

    s3.put_object(Bucket=bucket, Key="in/please-fail.txt", Body=b"x")
    [message] = until("failed event", lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted" and record["requestContext"]["approximateInvokeCount"] == 2, record
    assert record["requestPayload"]["detail"]["object"]["key"] == "in/please-fail.txt"
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "0"

    seen = change(cloudformation, stack, "UPDATE", template(memory=512, queue_name=f"{stack}-renamed"), artifacts)
    replaced = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"].get("Replacement") for one in seen["Changes"]}
    assert replaced == {"Failed": "True", "Async": "False", "FailedWrite": "False"}, replaced
    cloudformation.execute_change_set(ChangeSetName=seen["ChangeSetId"])
    assert settled(cloudformation, stack) == "UPDATE_COMPLETE"
    refused("AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_url, QueueName=queue.rsplit("/", 1)[1])

    cloudformation.delete_stack(StackName=stack)
    until("deletion", lambda: cloudformation.describe_stacks(StackName=seen["StackId"])["Stacks"][0]["StackStatus"] == "DELETE_FAILED")
    page = s3.list_objects_v2(Bucket=bucket)
    for one in page["Contents"]:
        s3.delete_object(Bucket=bucket, Key=one["Key"])
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=seen["StackId"], WaiterConfig={"Delay": 1})
    assert functions.list_functions()["Functions"] == []

    # A bucket that was kept comes back to the stack, and a failed creation leaves it alone.
    for broken, status in ((False, "CREATE_COMPLETE"), (True, "DELETE_COMPLETE"), (False, "CREATE_COMPLETE")):
        seen = change(cloudformation, stack, "CREATE", template(broken=broken, kept=True), artifacts,
                      ImportExistingResources=True, OnStackFailure="DELETE")
        cloudformation.execute_change_set(ChangeSetName=seen["ChangeSetId"], RetainExceptOnCreate=True)
        assert settled(cloudformation, seen["StackId"]) == status
        s3.put_object(Bucket=bucket, Key="kept", Body=b"x")
        if not broken:
            cloudformation.delete_stack(StackName=stack)
            cloudformation.get_waiter("stack_delete_complete").wait(StackName=seen["StackId"], WaiterConfig={"Delay": 1})
    seen = change(cloudformation, stack, "CREATE", template(kept=True), artifacts)
    cloudformation.execute_change_set(ChangeSetName=seen["ChangeSetId"])
    assert settled(cloudformation, stack) == "ROLLBACK_COMPLETE", "an existing bucket was taken without being asked"
    cloudformation.delete_stack(StackName=stack)
    print("control plane: ok")


if __name__ == "__main__":
    main()
