#!/bin/sh
# Drives the control plane of a cloud at AWS_ENDPOINT_URL with the AWS CLI: deploy, deploy again,
# invoke, logs, delete.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat > template.yaml <<'YAML'
Parameters:
  Keep: {Type: Number, Default: 7}
Resources:
  Data:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      NotificationConfiguration: {EventBridgeConfiguration: {EventBridgeEnabled: true}}
      PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {RetentionInDays: !Ref Keep}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]
      Policies:
        - PolicyName: stage
          PolicyDocument:
            Version: '2012-10-17'
            Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: !Sub '${Data.Arn}/in/*'}]
Outputs:
  Bucket: {Value: !Ref Data}
YAML

stack="cli-$$"
aws cloudformation validate-template --template-body file://template.yaml > /dev/null
aws cloudformation deploy --stack-name "$stack" --template-file template.yaml --capabilities CAPABILITY_IAM
aws cloudformation deploy --stack-name "$stack" --template-file template.yaml --capabilities CAPABILITY_IAM \
  --no-fail-on-empty-changeset | grep 'No changes to deploy' > /dev/null
# The CLI names change sets by the second.
sleep 1
aws cloudformation deploy --stack-name "$stack" --template-file template.yaml --capabilities CAPABILITY_IAM \
  --parameter-overrides Keep=30
group=$(aws cloudformation describe-stack-resource --stack-name "$stack" --logical-resource-id Logs \
  --query StackResourceDetail.PhysicalResourceId --output text)
kept=$(aws logs describe-log-groups --log-group-name-prefix "$group" --query 'logGroups[0].retentionInDays' --output text)
[ "$kept" = 30 ] || { echo "retention is $kept"; exit 1; }
bucket=$(aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].Outputs[0].OutputValue' --output text)
aws cloudformation get-template --stack-name "$stack" --query TemplateBody --output text | grep 'Type: AWS::S3::Bucket' > /dev/null
aws cloudformation list-stacks --query "StackSummaries[?StackName=='$stack'].StackStatus" --output text | grep UPDATE_COMPLETE > /dev/null
aws cloudformation delete-stack --stack-name "$stack"
aws cloudformation wait stack-delete-complete --stack-name "$stack"
# The template says that the bucket is kept.
aws s3api head-bucket --bucket "$bucket" > /dev/null
aws s3 rb "s3://$bucket" > /dev/null

sed 's/AWS::Logs::LogGroup/AWS::Logs::Nonsense/' template.yaml > bad.yaml
if aws cloudformation deploy --stack-name "$stack" --template-file bad.yaml --capabilities CAPABILITY_IAM 2> error; then
  echo 'an unknown type was accepted'; exit 1
fi
grep -q 'Unrecognized resource types: \[AWS::Logs::Nonsense\]' error
echo "control plane by command line: ok"
