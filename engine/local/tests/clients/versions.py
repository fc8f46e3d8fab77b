"""Versions, delete markers, conditional copies, lifecycle, policies and notifications of buckets."""

import json
import urllib.request

from common import code, storage

s3 = storage()
s3.create_bucket(Bucket="data")
WHERE = {"Bucket": "data", "Key": "a/x"}


def body(**arguments):
    return s3.get_object(**WHERE, **arguments)["Body"].read()


# Versions and delete markers.
assert "Status" not in s3.get_bucket_versioning(Bucket="data")
s3.put_object(**WHERE, Body=b"zero")
s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
first = s3.put_object(**WHERE, Body=b"one")["VersionId"]
second = s3.put_object(**WHERE, Body=b"two")["VersionId"]
assert body() == b"two" and body(VersionId=first) == b"one" and body(VersionId="null") == b"zero"
assert s3.head_object(**WHERE, VersionId=first)["ContentLength"] == 3
marker = s3.delete_object(**WHERE)
assert marker["DeleteMarker"]
assert code(s3.get_object, **WHERE) == "NoSuchKey"
assert code(s3.get_object, **WHERE, VersionId=marker["VersionId"]) == "MethodNotAllowed"
listed = s3.list_object_versions(Bucket="data")
assert [version["VersionId"] for version in listed["Versions"]] == [second, first, "null"]
assert listed["DeleteMarkers"][0]["IsLatest"] and not listed["Versions"][0]["IsLatest"]
assert s3.list_objects_v2(Bucket="data")["KeyCount"] == 0
assert code(s3.delete_bucket, Bucket="data") == "BucketNotEmpty"
s3.delete_object(**WHERE, VersionId=marker["VersionId"])
assert body() == b"two"
s3.delete_object(**WHERE, VersionId=second)
assert body() == b"one"

# Copies of versions, and copies under a condition.
source = {"Bucket": "data", "Key": "a/x"}
assert s3.copy_object(Bucket="data", Key="c", CopySource={**source, "VersionId": "null"})["VersionId"]
assert s3.get_object(Bucket="data", Key="c")["Body"].read() == b"zero"
assert code(s3.copy_object, Bucket="data", Key="c", CopySource=source, IfNoneMatch="*") == "PreconditionFailed"

# Pages.
count, markers = 0, {}
while True:
    page = s3.list_object_versions(Bucket="data", MaxKeys=1, **markers)
    count += len(page.get("Versions", []))
    if not page["IsTruncated"]:
        break
    markers = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
assert count == 3, count

# Suspended versioning replaces the version without an id.
s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Suspended"})
s3.put_object(**WHERE, Body=b"suspended")
versions = s3.list_object_versions(Bucket="data", Prefix="a/")["Versions"]
assert [version["VersionId"] for version in versions] == ["null", first]

# Settings come back as they were given.
rules = [{
    "ID": "r",
    "Status": "Enabled",
    "Filter": {"Prefix": "tmp/"},
    "Expiration": {"Days": 3},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
}]
assert code(s3.get_bucket_lifecycle_configuration, Bucket="data") == "NoSuchLifecycleConfiguration"
s3.put_bucket_lifecycle_configuration(Bucket="data", LifecycleConfiguration={"Rules": rules})
assert s3.get_bucket_lifecycle_configuration(Bucket="data")["Rules"] == rules
s3.delete_bucket_lifecycle(Bucket="data")
statement = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
policy = {"Version": "2012-10-17", "Statement": [statement]}
s3.put_bucket_policy(Bucket="data", Policy=json.dumps(policy))
assert json.loads(s3.get_bucket_policy(Bucket="data")["Policy"]) == policy
s3.put_object(Bucket="data", Key="b", Body=b"loopback counts as the encrypted way")

# Notifications are replaced as a whole, and their targets must let the bucket in.
queue = {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:none", "Events": ["s3:ObjectCreated:*"]}
refused = code(
    s3.put_bucket_notification_configuration,
    Bucket="data",
    NotificationConfiguration={"QueueConfigurations": [queue]},
)
assert refused == "InvalidArgument"
s3.put_bucket_notification_configuration(
    Bucket="data", NotificationConfiguration={"EventBridgeConfiguration": {}}
)
assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket="data")

# Presigned addresses.
where = {"Bucket": "data", "Key": "p"}
address = s3.generate_presigned_url("put_object", Params=where)
urllib.request.urlopen(urllib.request.Request(address, data=b"hello", method="PUT"))
address = s3.generate_presigned_url("get_object", Params=where)
assert urllib.request.urlopen(address).read() == b"hello"
