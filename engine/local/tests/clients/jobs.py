"""Images into the registry, and jobs that run them: retries, arrays, nodes, limits, ends."""

import base64
import hashlib
import io
import json
import shutil
import tarfile
import time
from pathlib import Path

import boto3

from common import arn, deploy, http, own, role

batch, logs, ecr = boto3.client("batch"), boto3.client("logs"), boto3.client("ecr")


def image():
    """Layer, configuration and manifest of an image with busybox."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        layer.add(shutil.which("busybox"), "bin/busybox")
        for name in ("sh", "sleep", "head", "tail", "wget"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            layer.addfile(link)
    layer = buffer.getvalue()
    root = {"type": "layers", "diff_ids": [digest(layer)]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": root}).encode()
    kind = "application/vnd.oci.image"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": described(f"{kind}.config.v1+json", config),
        "layers": [described(f"{kind}.layer.v1.tar", layer)],
    }
    return layer, config, json.dumps(manifest).encode()


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def described(kind, content):
    return {"mediaType": kind, "digest": digest(content), "size": len(content)}


def push(repository, tag):
    """Pushes the image, the layer in two pieces."""
    login = ecr.get_authorization_token()["authorizationData"][0]
    headers = {"Authorization": "Basic " + login["authorizationToken"]}
    host, (layer, config, manifest) = login["proxyEndpoint"], image()
    base = f"{host}/v2/{repository}"
    assert http("GET", f"{host}/v2/")[0] == 401
    assert http("PUT", f"{base}/manifests/{tag}", manifest, headers)[0] == 400, "blobs are missing"
    for content in (layer, config):
        place = http("POST", f"{base}/blobs/uploads/", b"", headers)[1]["location"]
        half = len(content) // 2
        assert http("PATCH", host + place, content[:half], headers)[0] == 202
        wrong = http("PUT", f"{host}{place}?digest={digest(b'other')}", b"", headers)[0]
        assert wrong == 400, wrong
        place = http("POST", f"{base}/blobs/uploads/", b"", headers)[1]["location"]
        http("PATCH", host + place, content[:half], headers)
        status = http("PUT", f"{host}{place}?digest={digest(content)}", content[half:], headers)[0]
        assert status == 201, status
        assert http("GET", f"{base}/blobs/{digest(content)}", None, headers)[2] == content
    kind = {**headers, "Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    assert http("PUT", f"{base}/manifests/{tag}", manifest, kind)[0] == 201
    assert http("PUT", f"{base}/manifests/{tag}", manifest + b" ", kind)[0] == 400, "tags are for ever"
    assert http("GET", f"{base}/manifests/{tag}", None, headers)[2] == manifest
    assert ecr.describe_images(repositoryName=repository)["imageDetails"][0]["imageTags"] == [tag]


def container(command, **more):
    return {
        "Image": {"Fn::Sub": "${Repository.RepositoryUri}:1"},
        "Command": ["/bin/sh", "-c", command],
        "ResourceRequirements": [{"Type": "VCPU", "Value": "1"}, {"Type": "MEMORY", "Value": 64}],
        **more,
    }


def template(timeout_s):
    options = {"awslogs-group": {"Ref": "Logs"}, "awslogs-stream-prefix": "job"}
    said = "echo hello $NAME attempt $AWS_BATCH_JOB_ATTEMPT index $AWS_BATCH_JOB_ARRAY_INDEX; exit ${CODE:-0}"
    plain = container(
        said, JobRoleArn=arn("Role"), LogConfiguration={"LogDriver": "awslogs", "Options": options}
    )
    rules = [
        {"OnStatusReason": "Host EC2*", "Action": "RETRY"},
        {"OnExitCode": "75", "Action": "RETRY"},
        {"OnReason": "*", "Action": "EXIT"},
    ]
    node = "echo $AWS_BATCH_JOB_NODE_INDEX of $AWS_BATCH_JOB_NUM_NODES at $AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"
    nodes = container(f"{node}; [ $AWS_BATCH_JOB_NODE_INDEX = 0 ] && exec sleep 1; exec sleep 50")
    many = {"MainNode": 0, "NumNodes": 3, "NodeRangeProperties": [{"TargetNodes": "0:", "Container": nodes}]}
    resources = {
        "Repository": ("ECR::Repository", {
            "RepositoryName": "scar-dev", "ImageTagMutability": "IMMUTABLE", "EmptyOnDelete": True,
        }),
        "Compute": ("Batch::ComputeEnvironment", {
            "Type": "MANAGED", "ComputeResources": {"Type": "FARGATE", "MaxvCpus": 16, "Subnets": ["s"]},
        }),
        "Queue": ("Batch::JobQueue", {
            "ComputeEnvironmentOrder": [{"ComputeEnvironment": {"Ref": "Compute"}, "Order": 1}], "Priority": 1,
        }),
        "Logs": ("Logs::LogGroup", {}),
        "Plain": ("Batch::JobDefinition", {
            "Type": "container",
            "ContainerProperties": plain,
            "RetryStrategy": {"Attempts": 3, "EvaluateOnExit": rules},
            "Timeout": {"AttemptDurationSeconds": timeout_s},
        }),
        "Many": ("Batch::JobDefinition", {"Type": "multinode", "NodeProperties": many}),
    }
    resources = {
        name: {"Type": f"AWS::{kind}", "Properties": properties} for name, (kind, properties) in resources.items()
    }
    resources["Role"] = role(("s3:GetObject", "arn:aws:s3:::data/in/*"))
    outputs = {name: {"Value": {"Ref": name}} for name in ("Plain", "Many", "Queue", "Logs")}
    return {"Resources": resources, "Outputs": outputs}


def submit(definition="Plain", **arguments):
    names = {"jobName": "j", "jobQueue": outputs["Queue"], "jobDefinition": outputs[definition]}
    return batch.submit_job(**names, **arguments)["jobId"]


def with_variables(**variables):
    environment = [{"name": name, "value": value} for name, value in variables.items()]
    return {"containerOverrides": {"environment": environment}}


def with_command(text):
    return {"containerOverrides": {"command": ["/bin/sh", "-c", text]}}


def described_job(job):
    return batch.describe_jobs(jobs=[job])["jobs"][0]


def wait_for(job, *states):
    for _ in range(800):
        found = described_job(job)
        if found["status"] in states:
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def ended(job):
    return wait_for(job, "SUCCEEDED", "FAILED")


def lines(job, group=None):
    stream = job["container"]["logStreamName"]
    try:
        found = logs.get_log_events(logGroupName=group or outputs["Logs"], logStreamName=stream)
    except logs.exceptions.ResourceNotFoundException:
        return []  # It begins with its first line.
    return [event["message"] for event in found["events"]]


outputs = deploy("s", template(60))
push("scar-dev", "1")

# One job, retries by exit code, an array, several nodes.
job = ended(submit(**with_variables(NAME="x")))
assert job["status"] == "SUCCEEDED" and lines(job) == ["hello x attempt 1 index"], (job, lines(job))
job = ended(submit(**with_variables(CODE="75")))
assert job["status"] == "FAILED" and len(job["attempts"]) == 3 and job["container"]["exitCode"] == 75, job
job = ended(submit(**with_variables(CODE="1")))
assert len(job["attempts"]) == 1 and job["statusReason"] == "Essential container in task exited", job
job = ended(submit(arrayProperties={"size": 4}))
assert job["arrayProperties"]["statusSummary"] == {"SUCCEEDED": 4}, job
assert lines(described_job(job["jobId"] + ":3")) == ["hello attempt 1 index 3"]
job = ended(submit("Many"))
said = [lines(described_job(f"{job['jobId']}#{node}"), "/aws/batch/job") for node in range(3)]
assert said == [["0 of 3 at"], ["1 of 3 at 127.0.0.1"], ["2 of 3 at 127.0.0.1"]], said

# Ends from outside, too much memory, credentials.
job = submit(**with_command("trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.1; done"))
wait_for(job, "RUNNING")
while lines(described_job(job)) != ["up"]:
    time.sleep(0.05)
batch.terminate_job(jobId=job, reason="enough")
job = ended(job)
assert job["statusReason"] == "enough" and lines(job) == ["up", "asked"], (job, lines(job))
job = ended(submit(**with_command("head -c 150000000 /dev/zero | tail -c 140000000 | sleep 5")))
assert job["container"]["reason"].startswith("OutOfMemoryError"), job
fetch = 'wget -q -O - --header "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" $AWS_CONTAINER_CREDENTIALS_FULL_URI'
assert "ASIA" in lines(ended(submit(**with_command(fetch))))[0]

# Dependencies, what this machine does not have, and a machine that goes away.
failing = submit(**with_variables(CODE="1"))
assert ended(submit(dependsOn=[{"jobId": failing}]))["statusReason"] == "Dependent Job failed"
gpu = {"resourceRequirements": [{"type": "GPU", "value": "1"}]}
job = submit(containerOverrides=gpu)
assert "GPU" in wait_for(job, "RUNNABLE")["statusReason"]
batch.cancel_job(jobId=job, reason="no GPU")
assert ended(job)["statusReason"] == "no GPU"
second_time = with_command("[ $AWS_BATCH_JOB_ATTEMPT = 2 ] || exec sleep 300")
job = submit(**second_time)
wait_for(job, "RUNNING")
own("POST", f"jobs/{job}/interrupt")
job = ended(job)
assert job["status"] == "SUCCEEDED" and job["attempts"][0]["statusReason"].startswith("Host EC2"), job

# A change is another revision; the job that runs stays for the next cloud.
Path("running").write_text(submit(**second_time))
wait_for(Path("running").read_text(), "RUNNING")
outputs = deploy("s", template(61))
assert outputs["Plain"].endswith(":2"), outputs
