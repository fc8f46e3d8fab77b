"""Functions behind notifications, a queue, a schedule and addresses of their own; faults."""

import base64
import json
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import HTTPClientError

from common import arn, code, deploy, http, own, package, role, storage

BOOTSTRAP = r"""#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while :; do
  curl -sS -D "$TMPDIR/headers" -o "$TMPDIR/event" "$api/invocation/next" || exit 1
  id=$(tr -d '\r' < "$TMPDIR/headers" | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  cat "$TMPDIR/event"; echo
  way=response; echo '{}' > "$TMPDIR/answer"
  case "$(cat "$TMPDIR/event")" in
    *please-fail*) echo '{"errorType":"Asked","errorMessage":"as asked"}' > "$TMPDIR/answer"; way=error ;;
    *one-of-batch*)
      message=$(sed 's/.*"messageId":"\([^"]*\)".*/\1/' "$TMPDIR/event")
      echo "{\"batchItemFailures\":[{\"itemIdentifier\":\"$message\"}]}" > "$TMPDIR/answer" ;;
    *slowly*) sleep 1 ;;
    *three-bytes*)
      echo '{"statusCode":201,"headers":{"x-a":"b"},"isBase64Encoded":true,"body":"AAEC"}' > "$TMPDIR/answer" ;;
  esac
  curl -sS -o /dev/null --data-binary "@$TMPDIR/answer" "$api/invocation/$id/$way" || exit 1
done
"""
TEXT = {"Content-Type": "text/plain"}
s3, sqs, logs = storage(), boto3.client("sqs"), boto3.client("logs")


def permission(action, principal, **more):
    properties = {"Action": action, "FunctionName": {"Ref": "Function"}, "Principal": principal, **more}
    return {"Type": "AWS::Lambda::Permission", "Properties": properties}


def notification(kind, target, prefix, suffix=""):
    rules = [{"Name": "prefix", "Value": prefix}, {"Name": "suffix", "Value": suffix}]
    return {"Event": "s3:ObjectCreated:*", kind: arn(target), "Filter": {"S3Key": {"Rules": rules}}}


def template():
    function = {
        "Runtime": "provided.al2023",
        "Handler": "x",
        "Role": arn("Role"),
        "Timeout": 5,
        "Code": {"S3Bucket": "code", "S3Key": "f.zip"},
        "LoggingConfig": {"LogGroup": {"Ref": "Logs"}},
        "ReservedConcurrentExecutions": 1,
    }
    redrive = {"deadLetterTargetArn": arn("Failed"), "maxReceiveCount": 2}
    send = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn("Inbox"),
    }
    source = {
        "BatchSize": 1,
        "EventSourceArn": arn("Inbox"),
        "FunctionName": {"Ref": "Function"},
        "ScalingConfig": {"MaximumConcurrency": 2},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    notifications = {
        "LambdaConfigurations": [notification("Function", "Function", "in/", ".jpg")],
        "QueueConfigurations": [notification("Queue", "Inbox", "queued/")],
    }
    bucket = {"BucketName": "noticed", "NotificationConfiguration": notifications}
    schedule = {
        "Name": "nightly",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ScheduleExpression": "cron(0 3 * * ? *)",
        "ScheduleExpressionTimezone": "Europe/Madrid",
        "Target": {
            "Arn": arn("Function"),
            "RoleArn": arn("Caller"),
            "Input": '{"scar":"schedule","time":"<aws.scheduler.scheduled-time>"}',
        },
    }
    api = {"ApiId": {"Ref": "Api"}}
    integration = {
        **api,
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": arn("Function"),
        "PayloadFormatVersion": "2.0",
    }
    route = {**api, "RouteKey": "POST /a/{id}", "Target": {"Fn::Sub": "integrations/${Integration}"}}
    of_api = {"Fn::Sub": "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/*/a/*"}
    resources = {
        "Role": role((["logs:*", "sqs:*"], "*")),
        "Caller": role(("lambda:InvokeFunction", arn("Function"))),
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "lg"}},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        "Failed": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "failed"}},
        "Inbox": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "inbox", "RedrivePolicy": redrive}},
        "InboxPolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [{"Ref": "Inbox"}], "PolicyDocument": {"Statement": [send]}},
        },
        "Source": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": source},
        "OfBucket": permission("lambda:InvokeFunction", "s3.amazonaws.com", SourceArn="arn:aws:s3:::noticed"),
        "Bucket": {"Type": "AWS::S3::Bucket", "DependsOn": ["OfBucket", "InboxPolicy"], "Properties": bucket},
        "Schedule": {"Type": "AWS::Scheduler::Schedule", "Properties": schedule},
        "Address": {
            "Type": "AWS::Lambda::Url",
            "Properties": {"AuthType": "NONE", "TargetFunctionArn": arn("Function")},
        },
        "OfAll": permission("lambda:InvokeFunctionUrl", "*", FunctionUrlAuthType="NONE"),
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "a", "ProtocolType": "HTTP"}},
        "Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": integration},
        "Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": route},
        "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {**api, "StageName": "$default"}},
        "OfApi": permission("lambda:InvokeFunction", "apigateway.amazonaws.com", SourceArn=of_api),
        "Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
    }
    outputs = {"Address": {"Value": {"Fn::GetAtt": ["Address", "FunctionUrl"]}},
               "Api": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}}}
    return {"Resources": resources, "Outputs": outputs}


def events(count):
    """The events that the function was given, as soon as there are so many."""
    for _ in range(100):
        lines = logs.filter_log_events(logGroupName="lg")["events"]
        found = [json.loads(line["message"]) for line in lines if line["message"].startswith("{")]
        if len(found) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(found)


s3.create_bucket(Bucket="code")
s3.put_object(Bucket="code", Key="f.zip", Body=package(BOOTSTRAP))
outputs = deploy("s", template())

# Notifications, direct and by a queue.
s3.put_object(Bucket="noticed", Key="in/a b+ü.jpg", Body=b"x")
s3.put_object(Bucket="noticed", Key="in/no.png", Body=b"x")
own("GET", "idle")
first = events(1)[0]["Records"][0]
assert first["s3"]["object"]["key"] == "in/a+b%2B%C3%BC.jpg", first
s3.put_object(Bucket="noticed", Key="queued/x", Body=b"x")
own("GET", "idle")
second = events(2)[1]["Records"][0]
assert json.loads(second["body"])["Records"][0]["s3"]["object"]["key"] == "queued/x"

# A message that fails twice, by an error or by a report, ends in the other queue.
inbox, failed = (sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in ("inbox", "failed"))
for text in ("please-fail", "one-of-batch"):
    sqs.send_message(QueueUrl=inbox, MessageBody=text)
    own("GET", "idle")
    message = sqs.receive_message(QueueUrl=failed)["Messages"][0]
    assert message["Body"] == text
    sqs.delete_message(QueueUrl=failed, ReceiptHandle=message["ReceiptHandle"])

# A schedule is fired without waiting for the night.
own("POST", "schedules/default/nightly/fire")
own("GET", "idle")
fired = events(7)[-1]
assert fired["scar"] == "schedule" and fired["time"].endswith("Z"), fired

# The function's own address: bytes in, bytes out, and no more at once than is reserved.
address, binary = outputs["Address"], {"Content-Type": "application/octet-stream"}
assert http("POST", address + "p/q?a=1&a=2&b=%20x", b"\x00\xff", binary)[0] == 200
event = events(8)[-1]
assert base64.b64decode(event["body"]) == b"\x00\xff" and event["isBase64Encoded"]
assert event["queryStringParameters"] == {"a": "1,2", "b": " x"} and event["rawPath"] == "/p/q"
status, headers, body = http("POST", address, b"three-bytes", TEXT)
assert (status, headers["x-a"], body) == (201, "b", b"\0\1\2")
statuses = []
calls = [
    threading.Thread(target=lambda: statuses.append(http("POST", address, b"slowly", TEXT)[0])) for _ in range(3)
]
[call.start() for call in calls]
[call.join() for call in calls]
assert sorted(statuses) == [200, 429, 429], statuses

# An HTTP API.
assert http("POST", outputs["Api"] + "/a/1", b"x", TEXT)[0] == 200
assert events(11)[-1]["pathParameters"] == {"id": "1"}
assert http("GET", outputs["Api"] + "/a/1")[0] == 404

# Faults: deliveries twice, requests refused, and answers lost after the effect.
before = len(events(0))
own("PUT", "faults", {"seed": 3, "events": {"duplicate": 1}})
s3.put_object(Bucket="noticed", Key="in/twice.jpg", Body=b"x")
own("GET", "idle")
assert len(events(before + 2)) == before + 2
once = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}))
where = {"Bucket": "code", "Key": "k"}
own("PUT", "faults", {"s3": {"unavailable": 1, "root": True}})
assert code(once.put_object, **where, Body=b"1") == "SlowDown"
own("PUT", "faults", {"s3": {"reset_after": 1, "root": True}})
try:
    once.put_object(**where, Body=b"1")
    raise AssertionError("an answer came")
except HTTPClientError:
    pass
own("PUT", "faults", {})
assert s3.get_object(**where)["Body"].read() == b"1"
