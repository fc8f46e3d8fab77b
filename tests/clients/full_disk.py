#!/usr/bin/env python3
"""Fills the disk that a local cloud keeps its state on, and checks that it says so and recovers.

Usage: full_disk.py SERVE_PROGRAM, where the program is the example `serve` of scar-local. The disk is a
small tmpfs in namespaces of the script's own, so no privileges are needed.
"""

import os
import subprocess
import sys
import tempfile

INSIDE = "SCAR_TEST_INSIDE"
if INSIDE not in os.environ:
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--user", "--map-root-user", "--mount", sys.executable, *sys.argv])

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

disk = tempfile.mkdtemp()
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], check=True)


def start():
    process = subprocess.Popen([sys.argv[1], f"{disk}/state"], stdout=subprocess.PIPE, text=True)
    words = " ".join(process.stdout.readline() for _ in range(3)).split()
    given = dict(word.split("=", 1) for word in words if "=" in word)

    def client(service):
        return boto3.client(
            service, endpoint_url=given["AWS_ENDPOINT_URL"], region_name="us-east-1",
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"], aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
        )

    return process, client("s3"), client("cloudformation")


def fill():
    with open(f"{disk}/filler", "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass


def status_of(call):
    try:
        call()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    return 200


process, s3, formation = start()
s3.create_bucket(Bucket="kept")
acknowledged = {}


def put(size, count):
    """Puts objects and returns the statuses."""
    statuses = []
    for _ in range(count):
        key = str(len(acknowledged)) + f"-{size}"
        body = os.urandom(size)
        statuses.append(status_of(lambda: s3.put_object(Bucket="kept", Key=key, Body=body)))
        if statuses[-1] == 200:
            acknowledged[key] = body
    return statuses


def check():
    listed = {one["Key"] for one in s3.list_objects_v2(Bucket="kept").get("Contents", [])}
    assert set(acknowledged) <= listed, set(acknowledged) - listed
    for key, body in acknowledged.items():
        assert s3.get_object(Bucket="kept", Key=key)["Body"].read() == body, key


assert put(20_000, 5) + put(200_000, 5) == [200] * 10
for round in range(3):
    fill()
    small, large = put(20_000, 60), put(200_000, 3)
    assert 500 in small and 200 not in large, (small, large)
    template = '{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}'
    full = status_of(lambda: formation.create_stack(StackName=f"full-{round}", TemplateBody=template))
    assert full in (200, 500), full  # What is small may find room in the database's file.
    check()
    os.remove(f"{disk}/filler")
    assert put(20_000, 3) + put(200_000, 3) == [200] * 6
    formation.create_stack(StackName=f"stack-{round}", TemplateBody=template)
    for name in [f"stack-{round}"] + [f"full-{round}"] * (full == 200):
        formation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )
    check()
process.kill()
process.wait()
process, s3, formation = start()
check()
left = set(os.listdir(f"{disk}/state/objects"))
large = sum(len(body) > 32_768 for body in acknowledged.values())
assert len(left) == large, (len(left), large)
process.kill()
print(f"full disk: {len(acknowledged)} acknowledged objects are whole")
