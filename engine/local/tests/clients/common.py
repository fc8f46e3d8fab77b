"""What the scripts share."""

import base64
import io
import json
import os
import time
import urllib.error
import urllib.request
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
PATH_STYLE = Config(signature_version="s3v4", s3={"addressing_style": "path"})


def storage():
    return boto3.client("s3", config=PATH_STYLE)


def code(call, **arguments):
    """Error code of a call, None if it succeeds."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]


def http(method, address, body=None, headers=None):
    """Status, headers and body of a request."""
    request = urllib.request.Request(address, method=method, data=body, headers=headers or {})
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, dict(answer.headers), answer.read()


def own(method, path, document=None):
    """A call of the cloud's own."""
    key = f"{os.environ['AWS_ACCESS_KEY_ID']}:{os.environ['AWS_SECRET_ACCESS_KEY']}"
    headers = {"Authorization": "Basic " + base64.b64encode(key.encode()).decode()}
    body = None if document is None else json.dumps(document).encode()
    status, _, said = http(method, f"{ENDPOINT}/_local/{path}", body, headers)
    assert status in (200, 204), (status, said)


def package(bootstrap):
    """A function's package with this program."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, bootstrap)
    return buffer.getvalue()


def arn(name):
    return {"Fn::GetAtt": [name, "Arn"]}


def role(*statements):
    """A role that may do what the statements say, each an action or several and a resource."""
    allowed = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in statements]
    document = {"Version": "2012-10-17", "Statement": allowed}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
            "Policies": [{"PolicyName": "own", "PolicyDocument": document}] if allowed else [],
        },
    }


def settled(name):
    """Status of a stack as soon as nothing is under way."""
    formation = boto3.client("cloudformation")
    while True:
        status = formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if "PROGRESS" not in status:
            return status
        time.sleep(0.05)


def deploy(name, template, **arguments):
    """Makes or changes a stack and returns its outputs."""
    formation = boto3.client("cloudformation")
    exists = any(one["StackName"] == name for one in formation.describe_stacks()["Stacks"])
    call = formation.update_stack if exists else formation.create_stack
    call(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"], **arguments)
    status = settled(name)
    events = formation.describe_stack_events(StackName=name)["StackEvents"]
    reasons = [event.get("ResourceStatusReason") for event in events if "FAILED" in event["ResourceStatus"]]
    assert status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), (status, reasons)
    outputs = formation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}
