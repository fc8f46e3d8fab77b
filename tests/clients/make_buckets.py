"""Makes buckets that exist before any workflow."""

import sys

from buckets import s3

for name in sys.argv[1:]:
    s3.create_bucket(Bucket=name)
