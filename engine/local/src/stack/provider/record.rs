//! Types that are accepted and have ids, but no effect here: networks, alarms, topics, and the like.

use serde_json::{Value, json};

use super::{Attributes, Context, Made, Properties, Refusal, exists};
use crate::random;
use crate::store::{Table, Transaction};

/// What the physical id of a type is made of.
enum Id {
    /// A prefix and 17 hexadecimal digits.
    Random(&'static str),
    /// The value of a property, or a name made of stack and logical id.
    Name(&'static str),
    /// The values of properties, joined by bars.
    Joined(&'static [&'static str]),
    /// An ARN of a service, with the name in a property.
    Arn(&'static str, &'static str),
    /// The ARN in a property and a number that goes up.
    Numbered(&'static str),
    /// The ARN in a property and a name.
    Qualified(&'static str, &'static str),
}

/// Types, their ids, and the attributes that are the physical id.
const KINDS: [(&str, Id, &[&str]); 18] = [
    ("AWS::CloudWatch::Alarm", Id::Name("AlarmName"), &[]),
    (
        "AWS::EC2::InternetGateway",
        Id::Random("igw"),
        &["InternetGatewayId"],
    ),
    (
        "AWS::EC2::LaunchTemplate",
        Id::Random("lt"),
        &["LaunchTemplateId"],
    ),
    (
        "AWS::EC2::Route",
        Id::Joined(&["RouteTableId", "DestinationCidrBlock"]),
        &[],
    ),
    ("AWS::EC2::RouteTable", Id::Random("rtb"), &["RouteTableId"]),
    (
        "AWS::EC2::SecurityGroup",
        Id::Random("sg"),
        &["GroupId", "Id"],
    ),
    ("AWS::EC2::Subnet", Id::Random("subnet"), &["SubnetId"]),
    (
        "AWS::EC2::SubnetRouteTableAssociation",
        Id::Random("rtbassoc"),
        &["Id"],
    ),
    ("AWS::EC2::VPC", Id::Random("vpc"), &["VpcId"]),
    ("AWS::EC2::VPCEndpoint", Id::Random("vpce"), &["Id"]),
    (
        "AWS::EC2::VPCGatewayAttachment",
        Id::Joined(&["InternetGatewayId", "VpcId"]),
        &[],
    ),
    (
        "AWS::IAM::InstanceProfile",
        Id::Name("InstanceProfileName"),
        &[],
    ),
    (
        "AWS::Lambda::Alias",
        Id::Qualified("FunctionName", "Name"),
        &["AliasArn"],
    ),
    (
        "AWS::Lambda::Version",
        Id::Numbered("FunctionName"),
        &["FunctionArn"],
    ),
    ("AWS::SNS::Subscription", Id::Random("sub"), &["Arn"]),
    (
        "AWS::SNS::Topic",
        Id::Arn("sns", "TopicName"),
        &["TopicArn"],
    ),
    ("AWS::SNS::TopicPolicy", Id::Random("policy"), &["Id"]),
    ("AWS::Scheduler::ScheduleGroup", Id::Name("Name"), &[]),
];

fn find(kind: &str) -> Option<&'static (&'static str, Id, &'static [&'static str])> {
    KINDS.iter().find(|(name, _, _)| *name == kind)
}

/// Whether a type is only recorded.
pub(super) fn is_record(kind: &str) -> bool {
    find(kind).is_some()
}

fn key(kind: &str, id: &str) -> String {
    format!("{kind}/{id}")
}

pub(super) fn create(
    transaction: &mut Transaction<'_>,
    context: &Context,
    kind: &str,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let Some((_, id, named)) = find(kind) else {
        return Err(super::unknown(kind));
    };
    let id = make_id(transaction, context, id, properties)?;
    let key = key(kind, &id);
    if transaction.contains(Table::Records, &key)? {
        return Err(exists(kind, &id));
    }
    transaction.put(Table::Records, &key, properties)?;
    let mut attributes: Attributes = named
        .iter()
        .map(|name| ((*name).to_owned(), Value::from(id.as_str())))
        .collect();
    attributes.extend(own_attributes(context, kind, &id, properties));
    Ok(Made::new(id, attributes))
}

fn make_id(
    transaction: &mut Transaction<'_>,
    context: &Context,
    id: &Id,
    properties: &Properties,
) -> Result<String, Refusal> {
    let text = |name: &str| properties.get(name).and_then(Value::as_str);
    let name = |property: &str, limit: usize| {
        text(property).map_or_else(|| context.name(limit), str::to_owned)
    };
    let function = |property: &str| {
        let named = text(property).unwrap_or_default();
        let name = crate::lambda::function_name(named);
        context.arn("lambda", &format!("function:{name}"))
    };
    Ok(match id {
        Id::Random(prefix) => format!("{prefix}-{}", &random::hex(9)[..17]),
        Id::Name(property) => name(property, 128),
        Id::Joined(names) => {
            let parts: Vec<&str> = names.iter().filter_map(|name| text(name)).collect();
            parts.join("|")
        }
        Id::Arn(service, property) => context.arn(service, &name(property, 128)),
        Id::Numbered(property) => {
            let function = function(property);
            let number = transaction.next_number(&format!("version/{function}"))?;
            format!("{function}:{number}")
        }
        Id::Qualified(property, qualifier) => {
            format!(
                "{}:{}",
                function(property),
                text(qualifier).unwrap_or_default()
            )
        }
    })
}

/// Attributes that are not the physical id.
fn own_attributes(context: &Context, kind: &str, id: &str, properties: &Properties) -> Attributes {
    let given = |name: &str| properties.get(name).cloned().unwrap_or(Value::Null);
    let last = id.rsplit(':').next().unwrap_or(id);
    let fields = match kind {
        "AWS::CloudWatch::Alarm" => {
            json!({ "Arn": context.arn("cloudwatch", &format!("alarm:{id}")) })
        }
        "AWS::EC2::LaunchTemplate" => {
            json!({ "DefaultVersionNumber": "1", "LatestVersionNumber": "1" })
        }
        "AWS::EC2::SecurityGroup" => json!({ "VpcId": given("VpcId") }),
        "AWS::EC2::Subnet" => json!({
            "AvailabilityZone": given("AvailabilityZone"),
            "CidrBlock": given("CidrBlock"),
            "VpcId": given("VpcId"),
        }),
        "AWS::EC2::VPC" => json!({
            "CidrBlock": given("CidrBlock"),
            "DefaultSecurityGroup": format!("sg-{}", &id[4..]),
        }),
        "AWS::IAM::InstanceProfile" => {
            let account = &context.account;
            json!({ "Arn": format!("arn:aws:iam::{account}:instance-profile/{id}") })
        }
        "AWS::Lambda::Version" => json!({ "Version": last }),
        "AWS::SNS::Topic" => json!({ "TopicName": last }),
        "AWS::Scheduler::ScheduleGroup" => {
            json!({ "Arn": context.arn("scheduler", &format!("schedule-group/{id}")) })
        }
        _ => json!({}),
    };
    let fields = fields.as_object().cloned().unwrap_or_default();
    fields
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect()
}

/// Keeps new properties. A launch template has a version more then.
pub(super) fn update(
    transaction: &mut Transaction<'_>,
    kind: &str,
    id: &str,
    attributes: &mut Attributes,
    properties: &Properties,
) -> Result<(), Refusal> {
    if let Some(Value::String(latest)) = attributes.get_mut("LatestVersionNumber") {
        *latest = (latest.parse::<u64>().unwrap_or(1) + 1).to_string();
    }
    Ok(transaction.put(Table::Records, &key(kind, id), properties)?)
}

pub(super) fn delete(transaction: &mut Transaction<'_>, kind: &str, id: &str) {
    transaction.delete(Table::Records, &key(kind, id));
}
