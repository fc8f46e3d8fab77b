"""Buckets of the only workflow in the cloud that the environment names."""

import boto3
from botocore.config import Config

s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))


def names():
    return [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def data():
    """The workflow's bucket."""
    (name,) = [name for name in names() if not name.startswith("scar-base")]
    return name


def artifacts():
    """The bucket of packages, layers and images."""
    (name,) = [name for name in names() if name.startswith("scar-base")]
    return name


def keys(bucket, prefix=""):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]
