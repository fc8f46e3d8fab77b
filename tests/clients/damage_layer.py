"""Changes one byte in the middle of the largest image blob."""

from buckets import artifacts, keys, s3

bucket = artifacts()
blobs = keys(bucket, "images/blobs/")
sizes = {key: s3.head_object(Bucket=bucket, Key=key)["ContentLength"] for key in blobs}
layer = max(sizes, key=sizes.get)
body = bytearray(s3.get_object(Bucket=bucket, Key=layer)["Body"].read())
body[len(body) // 2] ^= 0xFF
s3.put_object(Bucket=bucket, Key=layer, Body=bytes(body))
