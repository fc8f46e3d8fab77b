//! What each property may refer to.
//!
//! What `Ref` and `Fn::GetAtt` give is from the "Return values" of each type in the `CloudFormation`
//! template reference.

/// Functions, their versions and aliases, by name or ARN.
const FUNCTIONS: &[&str] = &[
    "AWS::Lambda::Function",
    "AWS::Lambda::Function.Arn",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Alias.AliasArn",
    "AWS::Lambda::Version",
    "AWS::Lambda::Version.FunctionArn",
];
/// The same, where only an ARN will do.
const FUNCTION_ARNS: &[&str] = &[
    "AWS::Lambda::Function.Arn",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Alias.AliasArn",
    "AWS::Lambda::Version",
    "AWS::Lambda::Version.FunctionArn",
];
const ROLE: &[&str] = &["AWS::IAM::Role.Arn"];
const ROLE_NAME: &[&str] = &["AWS::IAM::Role"];
const API: &[&str] = &["AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Api.ApiId"];
const DESTINATIONS: &[&str] = &[
    "AWS::Lambda::Function.Arn",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Version",
    "AWS::SQS::Queue.Arn",
    "AWS::SNS::Topic",
    "AWS::SNS::Topic.TopicArn",
    "AWS::S3::Bucket.Arn",
];
const TARGETS: &[&str] = &[
    "AWS::Lambda::Function.Arn",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Alias.AliasArn",
    "AWS::Lambda::Version",
    "AWS::Lambda::Version.FunctionArn",
    "AWS::SQS::Queue.Arn",
    "AWS::SNS::Topic",
    "AWS::SNS::Topic.TopicArn",
    "AWS::Batch::JobQueue",
    "AWS::Batch::JobQueue.JobQueueArn",
    "AWS::Logs::LogGroup.Arn",
];
const QUEUE: &[&str] = &["AWS::SQS::Queue.Arn"];
const TOPIC: &[&str] = &["AWS::SNS::Topic", "AWS::SNS::Topic.TopicArn"];
/// What an alarm may do, of the types that are known here.
const ACTIONS: &[&str] = &[
    "AWS::SNS::Topic",
    "AWS::SNS::Topic.TopicArn",
    "AWS::Lambda::Function.Arn",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Version",
];
const DEFINITION: &[&str] = &[
    "AWS::Batch::JobDefinition",
    "AWS::Batch::JobDefinition.JobDefinitionArn",
];
const ENVIRONMENT: &[&str] = &[
    "AWS::Batch::ComputeEnvironment",
    "AWS::Batch::ComputeEnvironment.ComputeEnvironmentArn",
];
const LOG_GROUP: &[&str] = &["AWS::Logs::LogGroup"];
const BUCKET: &[&str] = &["AWS::S3::Bucket"];
const VPC: &[&str] = &["AWS::EC2::VPC", "AWS::EC2::VPC.VpcId"];
const SUBNET: &[&str] = &["AWS::EC2::Subnet", "AWS::EC2::Subnet.SubnetId"];
const ROUTE_TABLE: &[&str] = &["AWS::EC2::RouteTable", "AWS::EC2::RouteTable.RouteTableId"];
const GATEWAY: &[&str] = &[
    "AWS::EC2::InternetGateway",
    "AWS::EC2::InternetGateway.InternetGatewayId",
];
const GROUP: &[&str] = &[
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroup.GroupId",
    "AWS::EC2::SecurityGroup.Id",
];
const LAYER: &[&str] = &[
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::LayerVersion.LayerVersionArn",
];
const INSTANCE_PROFILE: &[&str] = &["AWS::IAM::InstanceProfile", "AWS::IAM::InstanceProfile.Arn"];
const TEMPLATE: &[&str] = &[
    "AWS::EC2::LaunchTemplate",
    "AWS::EC2::LaunchTemplate.LaunchTemplateId",
];

/// Type, path, and what may be referred to there. Other values than references are not looked at.
pub(super) const TABLE: &[(&str, &str, &[&str])] = &[
    ("AWS::Lambda::Function", "Role", ROLE),
    ("AWS::Lambda::Function", "Layers.*", LAYER),
    ("AWS::Lambda::Function", "LoggingConfig.LogGroup", LOG_GROUP),
    ("AWS::Lambda::Function", "Code.S3Bucket", BUCKET),
    ("AWS::Lambda::Function", "VpcConfig.SubnetIds.*", SUBNET),
    (
        "AWS::Lambda::Function",
        "VpcConfig.SecurityGroupIds.*",
        GROUP,
    ),
    (
        "AWS::Lambda::Function",
        "DeadLetterConfig.TargetArn",
        &[
            "AWS::SQS::Queue.Arn",
            "AWS::SNS::Topic",
            "AWS::SNS::Topic.TopicArn",
        ],
    ),
    ("AWS::Lambda::LayerVersion", "Content.S3Bucket", BUCKET),
    ("AWS::Lambda::Permission", "FunctionName", FUNCTIONS),
    ("AWS::Lambda::EventInvokeConfig", "FunctionName", FUNCTIONS),
    (
        "AWS::Lambda::EventInvokeConfig",
        "DestinationConfig.OnFailure.Destination",
        DESTINATIONS,
    ),
    (
        "AWS::Lambda::EventInvokeConfig",
        "DestinationConfig.OnSuccess.Destination",
        DESTINATIONS,
    ),
    ("AWS::Lambda::EventSourceMapping", "FunctionName", FUNCTIONS),
    ("AWS::Lambda::EventSourceMapping", "EventSourceArn", QUEUE),
    ("AWS::Lambda::Url", "TargetFunctionArn", FUNCTIONS),
    ("AWS::Lambda::Version", "FunctionName", FUNCTIONS),
    ("AWS::Lambda::Alias", "FunctionName", FUNCTIONS),
    (
        "AWS::Lambda::Alias",
        "FunctionVersion",
        &["AWS::Lambda::Version.Version"],
    ),
    ("AWS::IAM::RolePolicy", "RoleName", ROLE_NAME),
    ("AWS::IAM::InstanceProfile", "Roles.*", ROLE_NAME),
    ("AWS::S3::BucketPolicy", "Bucket", BUCKET),
    (
        "AWS::S3::Bucket",
        "NotificationConfiguration.LambdaConfigurations.*.Function",
        FUNCTION_ARNS,
    ),
    (
        "AWS::S3::Bucket",
        "NotificationConfiguration.QueueConfigurations.*.Queue",
        QUEUE,
    ),
    (
        "AWS::S3::Bucket",
        "NotificationConfiguration.TopicConfigurations.*.Topic",
        TOPIC,
    ),
    (
        "AWS::S3::Bucket",
        "LoggingConfiguration.DestinationBucketName",
        BUCKET,
    ),
    (
        "AWS::SQS::Queue",
        "RedrivePolicy.deadLetterTargetArn",
        QUEUE,
    ),
    (
        "AWS::SQS::QueuePolicy",
        "Queues.*",
        &["AWS::SQS::Queue", "AWS::SQS::Queue.QueueUrl"],
    ),
    ("AWS::Events::Rule", "Targets.*.Arn", TARGETS),
    ("AWS::Events::Rule", "Targets.*.RoleArn", ROLE),
    ("AWS::Events::Rule", "Targets.*.DeadLetterConfig.Arn", QUEUE),
    (
        "AWS::Events::Rule",
        "Targets.*.BatchParameters.JobDefinition",
        DEFINITION,
    ),
    ("AWS::Scheduler::Schedule", "Target.Arn", TARGETS),
    ("AWS::Scheduler::Schedule", "Target.RoleArn", ROLE),
    (
        "AWS::Scheduler::Schedule",
        "Target.DeadLetterConfig.Arn",
        QUEUE,
    ),
    ("AWS::Batch::ComputeEnvironment", "ServiceRole", ROLE),
    (
        "AWS::Batch::ComputeEnvironment",
        "ComputeResources.InstanceRole",
        INSTANCE_PROFILE,
    ),
    (
        "AWS::Batch::ComputeEnvironment",
        "ComputeResources.Subnets.*",
        SUBNET,
    ),
    (
        "AWS::Batch::ComputeEnvironment",
        "ComputeResources.SecurityGroupIds.*",
        GROUP,
    ),
    (
        "AWS::Batch::ComputeEnvironment",
        "ComputeResources.SpotIamFleetRole",
        ROLE,
    ),
    (
        "AWS::Batch::ComputeEnvironment",
        "ComputeResources.LaunchTemplate.LaunchTemplateId",
        TEMPLATE,
    ),
    (
        "AWS::Batch::JobQueue",
        "ComputeEnvironmentOrder.*.ComputeEnvironment",
        ENVIRONMENT,
    ),
    (
        "AWS::Batch::JobDefinition",
        "ContainerProperties.JobRoleArn",
        ROLE,
    ),
    (
        "AWS::Batch::JobDefinition",
        "ContainerProperties.ExecutionRoleArn",
        ROLE,
    ),
    (
        "AWS::Batch::JobDefinition",
        "EcsProperties.TaskProperties.*.TaskRoleArn",
        ROLE,
    ),
    (
        "AWS::Batch::JobDefinition",
        "EcsProperties.TaskProperties.*.ExecutionRoleArn",
        ROLE,
    ),
    (
        "AWS::Batch::JobDefinition",
        "ContainerProperties.LogConfiguration.Options.awslogs-group",
        LOG_GROUP,
    ),
    ("AWS::ApiGatewayV2::Route", "ApiId", API),
    (
        "AWS::ApiGatewayV2::Route",
        "AuthorizerId",
        &[
            "AWS::ApiGatewayV2::Authorizer",
            "AWS::ApiGatewayV2::Authorizer.AuthorizerId",
        ],
    ),
    ("AWS::ApiGatewayV2::Integration", "ApiId", API),
    (
        "AWS::ApiGatewayV2::Integration",
        "IntegrationUri",
        FUNCTION_ARNS,
    ),
    ("AWS::ApiGatewayV2::Integration", "CredentialsArn", ROLE),
    ("AWS::ApiGatewayV2::Stage", "ApiId", API),
    (
        "AWS::ApiGatewayV2::Stage",
        "AccessLogSettings.DestinationArn",
        &["AWS::Logs::LogGroup.Arn"],
    ),
    ("AWS::ApiGatewayV2::Authorizer", "ApiId", API),
    (
        "AWS::ApiGatewayV2::Authorizer",
        "AuthorizerCredentialsArn",
        ROLE,
    ),
    ("AWS::EC2::Subnet", "VpcId", VPC),
    ("AWS::EC2::RouteTable", "VpcId", VPC),
    ("AWS::EC2::SecurityGroup", "VpcId", VPC),
    ("AWS::EC2::VPCEndpoint", "VpcId", VPC),
    ("AWS::EC2::VPCEndpoint", "RouteTableIds.*", ROUTE_TABLE),
    ("AWS::EC2::VPCEndpoint", "SubnetIds.*", SUBNET),
    ("AWS::EC2::VPCEndpoint", "SecurityGroupIds.*", GROUP),
    ("AWS::EC2::VPCGatewayAttachment", "VpcId", VPC),
    (
        "AWS::EC2::VPCGatewayAttachment",
        "InternetGatewayId",
        GATEWAY,
    ),
    ("AWS::EC2::Route", "RouteTableId", ROUTE_TABLE),
    ("AWS::EC2::Route", "GatewayId", GATEWAY),
    ("AWS::EC2::SubnetRouteTableAssociation", "SubnetId", SUBNET),
    (
        "AWS::EC2::SubnetRouteTableAssociation",
        "RouteTableId",
        ROUTE_TABLE,
    ),
    (
        "AWS::EC2::LaunchTemplate",
        "LaunchTemplateData.SecurityGroupIds.*",
        GROUP,
    ),
    (
        "AWS::EC2::LaunchTemplate",
        "LaunchTemplateData.IamInstanceProfile.Arn",
        &["AWS::IAM::InstanceProfile.Arn"],
    ),
    (
        "AWS::EC2::LaunchTemplate",
        "LaunchTemplateData.IamInstanceProfile.Name",
        &["AWS::IAM::InstanceProfile"],
    ),
    ("AWS::CloudWatch::Alarm", "AlarmActions.*", ACTIONS),
    ("AWS::CloudWatch::Alarm", "OKActions.*", ACTIONS),
    (
        "AWS::CloudWatch::Alarm",
        "InsufficientDataActions.*",
        ACTIONS,
    ),
];
