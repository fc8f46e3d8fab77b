"""Does to a deployed stack what nobody should: `lose-bucket` deletes the workflow's bucket behind its back,
`add-bucket` adds one with an object, which then cannot be deleted.

Usage: break_stack.py STACK lose-bucket|add-bucket
"""

import json
import sys

import boto3

stack, what = sys.argv[1:]
formation, storage = boto3.client("cloudformation"), boto3.client("s3")


def lose_bucket():
    resources = formation.describe_stack_resources(StackName=stack)["StackResources"]
    for resource in resources:
        if resource["ResourceType"] == "AWS::S3::Bucket":
            storage.delete_bucket(Bucket=resource["PhysicalResourceId"])


def add_bucket():
    template = formation.get_template(StackName=stack)["TemplateBody"]
    template = json.loads(template) if isinstance(template, str) else template
    template["Resources"]["Extra"] = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "extra-of-the-stack"}}
    now = formation.describe_stacks(StackName=stack)["Stacks"][0]
    kept = [{"ParameterKey": one["ParameterKey"], "UsePreviousValue": True} for one in now["Parameters"]]
    formation.update_stack(
        StackName=stack, TemplateBody=json.dumps(template), Parameters=kept, Tags=now["Tags"],
        Capabilities=["CAPABILITY_NAMED_IAM"])
    formation.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    storage.put_object(Bucket="extra-of-the-stack", Key="kept", Body=b"kept")


{"lose-bucket": lose_bucket, "add-bucket": add_bucket}[what]()
