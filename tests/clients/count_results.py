"""Every file of the imagemagick workflow went through once: no loss, no double, nothing left over."""

import json
import sys
import time
from collections import Counter

from buckets import data, keys, s3

expected = int(sys.argv[1])
bucket = data()

folders = Counter(key.split("/")[0] for key in keys(bucket) if not key.startswith(".scar/"))
assert folders == {"pictures": expected, "grey": expected, "thumbnails": expected, "index": 2 * expected}, folders

records = [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys(bucket, ".scar/tasks/")]
states = Counter((record["stage"], record["state"]) for record in records)
assert states == {("index", "published"): expected}, states

outputs = Counter(output["key"] for record in records for output in record["outputs"])
assert len(outputs) == 2 * expected and set(outputs.values()) == {1}, outputs

tasks = Counter()
for key in keys(bucket, "thumbnails/"):
    tasks[s3.head_object(Bucket=bucket, Key=key)["Metadata"]["scar-task"]] += 1
assert len(tasks) == expected, tasks

# A task is published a moment before it is tidy, and a sweep takes its time.
deadline = time.monotonic() + 10
while (left := list(keys(bucket, ".scar/staged/"))) and time.monotonic() < deadline:
    time.sleep(0.1)
assert not left, left
