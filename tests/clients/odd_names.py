"""Puts objects under odd keys; the stage writes the key it saw into out/<content>. Compares byte for byte."""

import sys
import time

from buckets import data, s3

ODD = [
    "plain.txt",
    "with space.txt",
    "quotes ' and \".txt",
    "plus+percent%41.txt",
    "new\nline.txt",
    "dollar $(reboot) `id` ;.txt",
    "--dash",
    "ünïcödé 漢字 🦀.txt",
    "e\u0301-not-é.txt",
    "back\\slash.txt",
    "*star?.txt",
    "deep/er/and/deeper.txt",
    "long/" + "/".join(["x" * 200] * 4) + "/" + "y" * 180,
    "name-of-a-thousand-bytes-" + "z" * 973,
]

bucket = data()
expected = {}
for number, name in enumerate(ODD):
    key = "in/" + name
    assert len(key.encode()) <= 1024, len(key.encode())
    s3.put_object(Bucket=bucket, Key=key, Body=f"result-{number}".encode())
    expected[f"out/result-{number}"] = key.encode()

deadline = time.time() + 120
while expected and time.time() < deadline:
    for result, key in list(expected.items()):
        try:
            seen = s3.get_object(Bucket=bucket, Key=result)["Body"].read()
        except s3.exceptions.NoSuchKey:
            continue
        assert seen == key, f"{seen!r} is not {key!r}"
        del expected[result]
    time.sleep(0.2)

if expected:
    sys.exit(f"no result for {list(expected.values())!r}")
