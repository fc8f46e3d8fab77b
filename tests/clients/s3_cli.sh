#!/bin/sh
# S3 of the local cloud as the AWS CLI sees it. Takes the endpoint and credentials from the usual AWS
# variables. Ends with 0 if all checks held.
set -eu

bucket=cli-$$-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

aws s3 mb "s3://$bucket"
mkdir "$work/tree" "$work/tree/sub dir"
head -c 20000000 /dev/urandom > "$work/tree/large"
echo hello > "$work/tree/sub dir/a b+ü.txt"
: > "$work/tree/empty"

aws s3 cp --recursive --only-show-errors "$work/tree" "s3://$bucket/tree"
aws s3 cp --recursive --only-show-errors "s3://$bucket/tree" "$work/back"
diff -r "$work/tree" "$work/back"

aws s3 sync --only-show-errors "s3://$bucket/tree" "s3://$bucket/copy"
aws s3 ls --recursive "s3://$bucket/copy" | awk '{ size += $3 } END { exit size != 20000006 }'
[ "$(aws s3 ls "s3://$bucket/" | awk '{ print $2 }' | tr '\n' ' ')" = "copy/ tree/ " ]
echo streamed | aws s3 cp - "s3://$bucket/stream"
[ "$(aws s3 cp "s3://$bucket/stream" -)" = streamed ]
[ "$(aws s3api head-object --bucket "$bucket" --key stream --query ContentLength)" = 9 ]
url=$(aws s3 presign "s3://$bucket/stream")
[ "$(python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode(), end="")' "$url")" = streamed ]

aws s3 mv --only-show-errors "s3://$bucket/stream" "s3://$bucket/moved"
if aws s3api head-object --bucket "$bucket" --key stream 2> "$work/error"; then exit 1; fi
grep -q '404' "$work/error"
if aws s3api put-object --bucket "$bucket" --key moved --if-none-match '*' 2> "$work/error"; then exit 1; fi
grep -q PreconditionFailed "$work/error"
if aws s3 rb "s3://$bucket" 2> "$work/error"; then exit 1; fi
grep -q BucketNotEmpty "$work/error"
aws s3 rb --force "s3://$bucket" > "$work/out"
echo ok
