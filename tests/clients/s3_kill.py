#!/usr/bin/env python3
"""Kills a local cloud while it takes objects, opens it again, and checks what it acknowledged.

Usage: s3_kill.py ROUNDS SERVE_PROGRAM, where the program is the example `serve` of scar-local.
An acknowledged object must be there and whole; one that was not acknowledged is whole or absent.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ROUNDS, PROGRAM = int(sys.argv[1]), sys.argv[2]
SIZES = (10, 1000, 30_000, 200_000, 2_000_000)


def start(directory):
    process = subprocess.Popen([PROGRAM, directory], stdout=subprocess.PIPE, text=True)
    words = " ".join(process.stdout.readline() for _ in range(3)).split()
    given = dict(word.split("=", 1) for word in words if "=" in word)
    client = boto3.client(
        "s3", endpoint_url=given["AWS_ENDPOINT_URL"], region_name="us-east-1",
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"], aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}, read_timeout=10),
    )
    return process, client


def content(key, size):
    seed = hashlib.sha256(key.encode()).digest()
    return (seed * (size // 32 + 1))[:size]


def write(client, worker, attempt, tried, acknowledged):
    number = 0
    while True:
        key = f"{attempt}/{worker}/{number}"
        tried[key] = random.choice(SIZES)
        try:
            client.put_object(Bucket="kept", Key=key, Body=content(key, tried[key]))
        except (BotoCoreError, ClientError):
            return
        acknowledged.append(key)
        number += 1


def check(client, tried, acknowledged):
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="kept"):
        found.update({one["Key"]: one["Size"] for one in page.get("Contents", [])})
    lost = [key for key in acknowledged if key not in found]
    assert not lost, f"acknowledged and lost: {lost}"
    for key in found:
        body = client.get_object(Bucket="kept", Key=key)["Body"].read()
        assert body == content(key, tried[key]), f"not whole: {key}"
    return len(found)


def main():
    with tempfile.TemporaryDirectory() as directory:
        tried, acknowledged = {}, []
        process, client = start(directory)
        client.create_bucket(Bucket="kept")
        for attempt in range(ROUNDS):
            threads = [threading.Thread(target=write, args=(client, worker, attempt, tried, acknowledged))
                       for worker in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(random.uniform(0.1, 0.8))
            process.send_signal(signal.SIGKILL)
            process.wait()
            for thread in threads:
                thread.join()
            begin = time.monotonic()
            process, client = start(directory)
            opened_s = time.monotonic() - begin
            present = check(client, tried, acknowledged)
            files = len(os.listdir(os.path.join(directory, "objects")))
            print(f"round {attempt}: {len(acknowledged)} acknowledged of {len(tried)}, {present} present, "
                  f"{files} files, opened in {opened_s:.2f} s", flush=True)
        process.kill()
        process.wait()


main()
