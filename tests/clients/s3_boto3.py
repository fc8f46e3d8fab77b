#!/usr/bin/env python3
"""S3 of the local cloud as boto3 sees it.

Takes the endpoint and credentials from the usual AWS variables. Exits with 0 if all checks held.
"""

import base64
import concurrent.futures
import hashlib
import io
import os
import time
import urllib.request
import uuid
import zlib

import boto3
import botocore
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

CONFIG = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, max_pool_connections=32)
s3 = boto3.client("s3", config=CONFIG)
BUCKET = "clients-" + uuid.uuid4().hex[:12]
MIB = 1024 * 1024


def refused(code, status, call, **arguments):
    """The call fails with this code and status."""
    try:
        call(**arguments)
    except ClientError as error:
        found = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
        assert found == (code, status), f"{found} instead of {(code, status)}"
        return
    raise AssertionError(f"{call} succeeded instead of {code}")


def body(key, **arguments):
    return s3.get_object(Bucket=BUCKET, Key=key, **arguments)["Body"].read()


def buckets():
    refused("NoSuchBucket", 404, s3.list_objects_v2, Bucket=BUCKET)
    s3.create_bucket(Bucket=BUCKET)
    refused("BucketAlreadyOwnedByYou", 409, s3.create_bucket, Bucket=BUCKET)
    assert s3.head_bucket(Bucket=BUCKET)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert BUCKET in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket=BUCKET)
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=BUCKET)
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={})
    assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket=BUCKET)
    refused("NoSuchTagSet", 404, s3.get_bucket_tagging, Bucket=BUCKET)
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == [{"Key": "a", "Value": "1"}]


def objects():
    put = s3.put_object(
        Bucket=BUCKET, Key="plain", Body=b"0123456789", ContentType="text/x", CacheControl="no-cache",
        Metadata={"scar-task": "t1"}, Tagging="x=1&y=a%20b",
    )
    assert put["ETag"] == '"%s"' % hashlib.md5(b"0123456789").hexdigest()
    got = s3.get_object(Bucket=BUCKET, Key="plain", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"0123456789"
    assert got["ContentType"] == "text/x" and got["CacheControl"] == "no-cache"
    assert got["Metadata"] == {"scar-task": "t1"} and got["ETag"] == put["ETag"]
    assert got["ChecksumCRC32"] == put["ChecksumCRC32"] and "ContentEncoding" not in got
    head = s3.head_object(Bucket=BUCKET, Key="plain")
    assert head["ContentLength"] == 10 and head["Metadata"] == {"scar-task": "t1"}
    tags = s3.get_object_tagging(Bucket=BUCKET, Key="plain")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"x": "1", "y": "a b"}
    s3.put_object(Bucket=BUCKET, Key="empty", Body=b"")
    assert body("empty") == b"" and s3.head_object(Bucket=BUCKET, Key="empty")["ContentLength"] == 0
    refused("NoSuchKey", 404, s3.get_object, Bucket=BUCKET, Key="missing")
    refused("404", 404, s3.head_object, Bucket=BUCKET, Key="missing")
    for algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"):
        try:
            s3.put_object(Bucket=BUCKET, Key="sum", Body=b"sum", ChecksumAlgorithm=algorithm)
        except botocore.exceptions.MissingDependencyException:
            continue
        head = s3.head_object(Bucket=BUCKET, Key="sum", ChecksumMode="ENABLED")
        assert f"Checksum{algorithm}" in head, (algorithm, head)
    refused("BadDigest", 400, s3.put_object, Bucket=BUCKET, Key="bad", Body=b"x", ChecksumCRC32="AAAAAA==")
    refused("BadDigest", 400, s3.put_object, Bucket=BUCKET, Key="bad", Body=b"x",
            ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    refused("404", 404, s3.head_object, Bucket=BUCKET, Key="bad")


def ranges():
    assert body("plain", Range="bytes=2-4") == b"234"
    assert body("plain", Range="bytes=7-") == b"789"
    assert body("plain", Range="bytes=-3") == b"789"
    assert body("plain", Range="bytes=5-99") == b"56789"
    got = s3.get_object(Bucket=BUCKET, Key="plain", Range="bytes=2-4")
    assert got["ContentRange"] == "bytes 2-4/10" and got["ResponseMetadata"]["HTTPStatusCode"] == 206
    refused("InvalidRange", 416, s3.get_object, Bucket=BUCKET, Key="plain", Range="bytes=10-")


def conditions():
    etag = s3.head_object(Bucket=BUCKET, Key="plain")["ETag"]
    assert body("plain", IfMatch=etag) == b"0123456789"
    refused("PreconditionFailed", 412, s3.get_object, Bucket=BUCKET, Key="plain", IfMatch='"other"')
    refused("304", 304, s3.get_object, Bucket=BUCKET, Key="plain", IfNoneMatch=etag)
    put = dict(Bucket=BUCKET, Body=b"x")
    s3.put_object(Key="once", IfNoneMatch="*", **put)
    refused("PreconditionFailed", 412, s3.put_object, Key="once", IfNoneMatch="*", **put)
    refused("PreconditionFailed", 412, s3.put_object, Key="once", IfMatch='"other"', **put)
    refused("NoSuchKey", 404, s3.put_object, Key="never", IfMatch='"other"', **put)
    etag = s3.head_object(Bucket=BUCKET, Key="once")["ETag"]
    s3.put_object(Key="once", IfMatch=etag, **put)
    source = {"Bucket": BUCKET, "Key": "plain"}
    refused("PreconditionFailed", 412, s3.copy_object, Bucket=BUCKET, Key="c", CopySource=source,
            CopySourceIfMatch='"other"')

    def race(number):
        try:
            s3.put_object(Bucket=BUCKET, Key="race", Body=str(number).encode(), IfNoneMatch="*")
            return number
        except ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed", error
            return None

    for _ in range(5):
        s3.delete_object(Bucket=BUCKET, Key="race")
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            winners = [one for one in pool.map(race, range(32)) if one is not None]
        assert len(winners) == 1 and body("race") == str(winners[0]).encode(), winners


def keys():
    odd = [
        "a", "a/b", "A", "a//b", "/lead", "tail/", "../../etc/passwd", "./x", "a b+ü.jpg", "new\nline", "tab\t",
        "per%20cent", "q?x=1&y", "hash#tag", "star*", "ünï/çødé/日本", "😀", "a\\b", "'quote\"", "<xml>&amp;", "=",
        "-rf", "x" * 1024, "é" * 512, "..", "%2e%2e/%2f",
    ]
    for key in odd:
        s3.put_object(Bucket=BUCKET, Key="odd/" + key if len(key.encode()) < 1000 else key, Body=key.encode())
    for key in odd:
        name = "odd/" + key if len(key.encode()) < 1000 else key
        assert body(name) == key.encode(), key
    listed = [one["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="odd/")
              for one in page["Contents"]]
    expected = sorted(("odd/" + key for key in odd if len(key.encode()) < 1000), key=lambda key: key.encode())
    assert listed == expected, (listed, expected)
    refused("KeyTooLongError", 400, s3.put_object, Bucket=BUCKET, Key="x" * 1025, Body=b"")


def listing():
    names = [f"list/{folder}/{number:02}" for folder in "abc" for number in range(12)] + ["list/top", "list/z"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: s3.put_object(Bucket=BUCKET, Key=name, Body=b"1"), names))
    for size in (1, 2, 5, 1000):
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix="list/", PaginationConfig={"PageSize": size})
        assert [one["Key"] for page in pages for one in page.get("Contents", [])] == sorted(names), size
        for operation in ("list_objects_v2", "list_objects"):
            found = []
            pages = s3.get_paginator(operation).paginate(
                Bucket=BUCKET, Prefix="list/", Delimiter="/", PaginationConfig={"PageSize": size})
            for page in pages:
                found += [one["Key"] for one in page.get("Contents", [])]
                found += [one["Prefix"] for one in page.get("CommonPrefixes", [])]
            assert sorted(found) == ["list/a/", "list/b/", "list/c/", "list/top", "list/z"], (size, found)
    after = s3.list_objects_v2(Bucket=BUCKET, Prefix="list/", StartAfter="list/c/10")
    assert [one["Key"] for one in after["Contents"]] == ["list/c/11", "list/top", "list/z"]
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="none/")["KeyCount"] == 0


def copies():
    source = {"Bucket": BUCKET, "Key": "plain"}
    s3.copy_object(Bucket=BUCKET, Key="copy ü", CopySource=source)
    head = s3.head_object(Bucket=BUCKET, Key="copy ü")
    assert body("copy ü") == b"0123456789" and head["Metadata"] == {"scar-task": "t1"}
    s3.copy_object(Bucket=BUCKET, Key="copy ü", CopySource={"Bucket": BUCKET, "Key": "copy ü"},
                   MetadataDirective="REPLACE", Metadata={"new": "1"})
    assert s3.head_object(Bucket=BUCKET, Key="copy ü")["Metadata"] == {"new": "1"}
    refused("InvalidRequest", 400, s3.copy_object, Bucket=BUCKET, Key="plain", CopySource=source)
    refused("NoSuchKey", 404, s3.copy_object, Bucket=BUCKET, Key="x",
            CopySource={"Bucket": BUCKET, "Key": "missing"})


def multipart():
    data = os.urandom(5 * MIB) + os.urandom(5 * MIB) + b"end"
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(data), BUCKET, "big", Config=config)
    head = s3.head_object(Bucket=BUCKET, Key="big", ChecksumMode="ENABLED")
    digests = [hashlib.md5(data[at:at + 5 * MIB]).digest() for at in range(0, len(data), 5 * MIB)]
    assert head["ETag"] == '"%s-3"' % hashlib.md5(b"".join(digests)).hexdigest()
    assert body("big") == data
    assert body("big", Range=f"bytes={5 * MIB - 2}-{5 * MIB + 1}") == data[5 * MIB - 2:5 * MIB + 2]
    part = s3.get_object(Bucket=BUCKET, Key="big", PartNumber=3)
    assert part["Body"].read() == b"end" and part["PartsCount"] == 3
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    where = dict(Bucket=BUCKET, Key="parts", UploadId=upload)
    copied = s3.upload_part_copy(CopySource={"Bucket": BUCKET, "Key": "big"}, PartNumber=1,
                                 CopySourceRange=f"bytes=0-{5 * MIB - 1}", **where)["CopyPartResult"]
    etag = s3.upload_part(PartNumber=2, Body=b"tail", **where)["ETag"]
    assert [one["PartNumber"] for one in s3.list_parts(**where)["Parts"]] == [1, 2]
    uploads = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    assert [one["UploadId"] for one in uploads] == [upload]
    parts = [{"PartNumber": 1, "ETag": copied["ETag"]}, {"PartNumber": 2, "ETag": etag}]
    wrong = {"Parts": [{"PartNumber": 1, "ETag": '"00"'}]}
    refused("InvalidPart", 400, s3.complete_multipart_upload, MultipartUpload=wrong, **where)
    refused("InvalidPartOrder", 400, s3.complete_multipart_upload, MultipartUpload={"Parts": parts[::-1]}, **where)
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, IfNoneMatch="*", **where)
    assert body("parts") == data[:5 * MIB] + b"tail"
    refused("NoSuchUpload", 404, s3.complete_multipart_upload, MultipartUpload={"Parts": parts}, **where)
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    where["UploadId"] = upload
    small = [{"PartNumber": n, "ETag": s3.upload_part(PartNumber=n, Body=b"s", **where)["ETag"]} for n in (1, 2)]
    refused("EntityTooSmall", 400, s3.complete_multipart_upload, MultipartUpload={"Parts": small}, **where)
    one = {"Parts": small[:1]}
    refused("PreconditionFailed", 412, s3.complete_multipart_upload, MultipartUpload=one, IfNoneMatch="*", **where)
    s3.abort_multipart_upload(**where)
    refused("NoSuchUpload", 404, s3.list_parts, **where)
    for kind in ("COMPOSITE", "FULL_OBJECT"):
        made = s3.create_multipart_upload(Bucket=BUCKET, Key=kind, ChecksumAlgorithm="CRC32", ChecksumType=kind)
        where = dict(Bucket=BUCKET, Key=kind, UploadId=made["UploadId"])
        chunks = [data[:5 * MIB], b"last"]
        parts = []
        for number, chunk in enumerate(chunks, 1):
            got = s3.upload_part(PartNumber=number, Body=chunk, ChecksumAlgorithm="CRC32", **where)
            parts.append({"PartNumber": number, "ETag": got["ETag"], "ChecksumCRC32": got["ChecksumCRC32"]})
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **where)
        s3.put_object(Bucket=BUCKET, Key="whole", Body=b"".join(chunks), ChecksumAlgorithm="CRC32")
        whole = s3.head_object(Bucket=BUCKET, Key="whole", ChecksumMode="ENABLED")["ChecksumCRC32"]
        found = s3.head_object(Bucket=BUCKET, Key=kind, ChecksumMode="ENABLED")
        assert found["ChecksumType"] == kind
        assert (found["ChecksumCRC32"] == whole) == (kind == "FULL_OBJECT"), (found, whole)


def presigned(client=s3):
    url = client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "copy ü"}, ExpiresIn=60)
    assert urllib.request.urlopen(url).read() == b"0123456789"
    url = client.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "presigned"}, ExpiresIn=60)
    # Version 2 signs the content type, and urllib would add one.
    headers = {"Content-Type": ""}
    urllib.request.urlopen(urllib.request.Request(url, data=b"by url", method="PUT", headers=headers))
    assert body("presigned") == b"by url"
    status(403, urllib.request.Request(url[:-4] + "0000", data=b"x", method="PUT"))
    late = client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "plain"}, ExpiresIn=1)
    time.sleep(2.1)
    status(403, urllib.request.Request(late))


def presigned_version_4():
    presigned(boto3.client("s3", config=CONFIG.merge(Config(signature_version="s3v4"))))


def trailers():
    """A body in chunks with its checksum behind it, unsigned, as SDKs send streams over TLS."""
    good = base64.b64encode(zlib.crc32(b"hello world").to_bytes(4, "big")).decode()
    for checksum, expected in ((good, 200), ("AAAAAA==", 400)):
        chunks = b"6\r\nhello \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:" + checksum.encode() + b"\r\n\r\n"
        key = f"trailer-{expected}"
        request = AWSRequest("PUT", f"{os.environ['AWS_ENDPOINT_URL']}/{BUCKET}/{key}", data=chunks, headers={
            "Content-Encoding": "aws-chunked", "X-Amz-Trailer": "x-amz-checksum-crc32",
            "X-Amz-Decoded-Content-Length": "11", "Content-Length": str(len(chunks)),
            "Content-Type": "text/plain", "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        })
        request.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
        S3SigV4Auth(boto3.Session().get_credentials(), "s3", "us-east-1").add_auth(request)
        headers = dict(request.headers.items())
        status(expected, urllib.request.Request(request.url, data=chunks, method="PUT", headers=headers))
    head = s3.head_object(Bucket=BUCKET, Key="trailer-200", ChecksumMode="ENABLED")
    assert body("trailer-200") == b"hello world" and head["ChecksumCRC32"] == good
    assert "ContentEncoding" not in head
    refused("404", 404, s3.head_object, Bucket=BUCKET, Key="trailer-400")


def status(expected, request):
    try:
        found = urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        found = error.code
    assert found == expected, f"{found} instead of {expected} for {request.full_url}"


def doors():
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    status(403, urllib.request.Request(f"{endpoint}/{BUCKET}/plain"))
    status(403, urllib.request.Request(endpoint, headers={"Host": "evil.example"}))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "plain"}, ExpiresIn=60)
    status(200, urllib.request.Request(url))
    status(403, urllib.request.Request(url, headers={"Origin": "http://evil.example"}))
    status(403, urllib.request.Request(url, headers={"Sec-Fetch-Site": "cross-site"}))
    stranger = boto3.client("s3", aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="x", config=CONFIG)
    refused("InvalidAccessKeyId", 403, stranger.list_buckets)
    thief = boto3.client("s3", aws_secret_access_key="x", config=CONFIG,
                         aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"])
    refused("SignatureDoesNotMatch", 403, thief.list_buckets)


def speed():
    for name, call in (
        ("put", lambda n: s3.put_object(Bucket=BUCKET, Key=f"speed/{n}", Body=b"x" * 1000)),
        ("get", lambda n: s3.get_object(Bucket=BUCKET, Key=f"speed/{n}")["Body"].read()),
    ):
        start = time.monotonic()
        for number in range(300):
            call(number)
        print(f"{name}: {300 / (time.monotonic() - start):.0f} per second on one connection")


def cleaning():
    refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket=BUCKET)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        names = [{"Key": one["Key"]} for one in page["Contents"]]
        deleted = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": names})
        assert len(deleted["Deleted"]) == len(names)
    s3.delete_object(Bucket=BUCKET, Key="gone already")
    s3.delete_bucket(Bucket=BUCKET)
    refused("404", 404, s3.head_bucket, Bucket=BUCKET)


CHECKS = (buckets, objects, ranges, conditions, keys, listing, copies, multipart, presigned, presigned_version_4,
          trailers, doors, speed, cleaning)
for check in CHECKS:
    check()
    print(f"ok {check.__name__}")
