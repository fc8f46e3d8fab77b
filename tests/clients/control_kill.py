"""Kills a local cloud again and again while it deploys a stack and while it runs invocations, and
checks that every operation ends, every event is delivered, and no sandbox outlives its cloud.

Usage: control_kill.py SERVE_PROGRAM [ROUNDS], where the program runs a cloud in the directory given to
it and prints `export NAME=value` lines.
"""

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import boto3
import control_boto3 as control


# The log is written behind the invocation, so the function itself notes what it has got.
NOTING = control.BOOTSTRAP.replace('  case "$event" in', """  mkdir -p "$SCAR_IMAGE_CACHE" && echo "$event" >> "$SCAR_IMAGE_CACHE/events"
  case "$event" in""")


class Cloud:
    """A cloud in its own process."""

    def __init__(self, program, directory):
        self.process = subprocess.Popen([program, directory], stdout=subprocess.PIPE, text=True)
        values = {}
        while "AWS_DEFAULT_REGION" not in values:
            line = self.process.stdout.readline()
            assert line, "the cloud did not start"
            values.update(re.findall(r"([A-Z_]+)=(\S+)", line))
        self.session = boto3.session.Session(
            values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"], region_name=values["AWS_DEFAULT_REGION"])
        self.endpoint = values["AWS_ENDPOINT_URL"]

    def client(self, name):
        return self.session.client(name, endpoint_url=self.endpoint)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def sandboxes(directory):
    """Ids of processes that run in sandboxes of this directory."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                if f"LAMBDA_TASK_ROOT={directory}/".encode() in file.read():
                    found.append(entry)
        except OSError:
            pass
    return found


def delivered(directory):
    """Keys of the events that the function has got."""
    with open(f"{directory}/images/events", encoding="utf-8") as file:
        return set(re.findall(r'"key":"([^"]*)"', file.read()))


def main():
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10
    directory = tempfile.mkdtemp()
    cloud = Cloud(program, directory)
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="artifacts")
    s3.put_object(Bucket="artifacts", Key="layer.zip", Body=control.packed("bootstrap", NOTING))
    s3.put_object(Bucket="artifacts", Key="stage.zip", Body=control.packed("stage.json", "{}"))

    for number in range(rounds):
        cloudformation = cloud.client("cloudformation")
        name = f"round{number}"
        seen = control.change(cloudformation, name, "CREATE", control.template(), "artifacts")
        cloudformation.execute_change_set(ChangeSetName=seen["ChangeSetId"])
        time.sleep(random.uniform(0, 0.1))
        cloud.kill()
        cloud = Cloud(program, directory)
        status = control.settled(cloud.client("cloudformation"), name)
        assert status == "CREATE_COMPLETE", status
    print(f"{rounds} killed deployments: all complete")

    stack = cloud.client("cloudformation").describe_stacks(StackName="round0")["Stacks"][0]
    bucket = stack["Outputs"][0]["OutputValue"]
    acknowledged = set()
    for number in range(rounds):
        s3 = cloud.client("s3")
        for index in range(5):
            key = f"in/{number}-{index}.txt"
            s3.put_object(Bucket=bucket, Key=key, Body=b"x")
            acknowledged.add(key)
        time.sleep(random.uniform(0, 0.15))
        cloud.kill()
        control.until("end of sandboxes", lambda: not sandboxes(directory), 5)
        cloud = Cloud(program, directory)
    control.until("every event", lambda: acknowledged <= delivered(directory), 60)
    print(f"{len(acknowledged)} events through {rounds} kills: all delivered")
    cloud.kill()
    control.until("end of sandboxes", lambda: not sandboxes(directory), 5)


if __name__ == "__main__":
    main()
