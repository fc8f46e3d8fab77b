//! Networks ("Amazon VPC User Guide").

use std::net::Ipv4Addr;

use super::super::finding::Findings;
use super::super::item::{Item, text};
use super::super::scalar::shown;
use super::super::text::Text;

/// A range of addresses: the first and the last.
type Range = (u32, u32);

/// Checks a network.
pub(super) fn check_vpc(item: &Item<'_>, findings: &mut Findings) {
    if let Some(network) = item.text("CidrBlock") {
        check_size(item, "CidrBlock", &network, findings);
    }
}

/// Checks a subnet: within its network, and beside the other ones.
pub(super) fn check_subnet(item: &Item<'_>, findings: &mut Findings) {
    let Some(own) = item.text("CidrBlock") else {
        return;
    };
    check_size(item, "CidrBlock", &own, findings);
    let Some((vpc_id, vpc)) = item.target(item.at("VpcId")) else {
        return;
    };
    let Some(own) = range(&own) else { return };
    let outer = vpc.properties.get("CidrBlock").and_then(text);
    if let Some(outer) = outer.as_deref().and_then(range)
        && (own.0 < outer.0 || own.1 > outer.1)
    {
        findings.error(
            item.place("CidrBlock"),
            format!("the subnet is not within {vpc_id}"),
        );
    }
    for (id, other) in item
        .document
        .resources
        .iter()
        .filter(|(id, _)| id.as_str() < item.id)
    {
        let is_subnet = other.kind == "AWS::EC2::Subnet" && other.condition.is_none();
        let is_same = other
            .properties
            .get("VpcId")
            .and_then(|vpc| item.target(vpc))
            .is_some_and(|(id, _)| id == vpc_id);
        let block = other.properties.get("CidrBlock").and_then(text);
        let overlaps = block
            .as_deref()
            .and_then(range)
            .is_some_and(|one| own.0 <= one.1 && one.0 <= own.1);
        if is_subnet && is_same && overlaps {
            findings.error(
                item.place("CidrBlock"),
                format!("the subnet overlaps with {id}"),
            );
        }
    }
}

/// Checks a route: one destination, one way.
pub(super) fn check_route(item: &Item<'_>, findings: &mut Findings) {
    let destinations = [
        "DestinationCidrBlock",
        "DestinationIpv6CidrBlock",
        "DestinationPrefixListId",
    ];
    one_of(item, &destinations, findings);
    let ways = [
        "CarrierGatewayId",
        "CoreNetworkArn",
        "EgressOnlyInternetGatewayId",
        "GatewayId",
        "InstanceId",
        "LocalGatewayId",
        "NatGatewayId",
        "NetworkInterfaceId",
        "OdbNetworkArn",
        "TransitGatewayId",
        "VpcEndpointId",
        "VpcPeeringConnectionId",
    ];
    one_of(item, &ways, findings);
}

/// Checks what joins a gateway to a network.
pub(super) fn check_attachment(item: &Item<'_>, findings: &mut Findings) {
    one_of(item, &["InternetGatewayId", "VpnGatewayId"], findings);
}

/// Checks an endpoint.
pub(super) fn check_endpoint(item: &Item<'_>, findings: &mut Findings) {
    let kind = item
        .text("VpcEndpointType")
        .unwrap_or_else(|| "Gateway".to_owned());
    let refused: &[&str] = match kind.as_str() {
        "Gateway" => &["PrivateDnsEnabled", "SecurityGroupIds", "SubnetIds"],
        "Interface" => &["RouteTableIds"],
        _ => &[],
    };
    for key in refused.iter().filter(|key| item.has(key)) {
        findings.error(
            item.place(key),
            format!("{key} is not for endpoints of the type {kind}"),
        );
    }
    let Some(service) = Text::of(item.at("ServiceName")).filter(|text| !text.is_reference()) else {
        return;
    };
    let outline = service.outline();
    let is_service = (outline.starts_with("com.amazonaws.")
        || outline.starts_with("aws.")
        || outline.starts_with("cn.com.amazonaws."))
        && outline.split('.').all(|part| !part.is_empty());
    if !is_service && !outline.starts_with('x') {
        findings
            .error(
                item.place("ServiceName"),
                format!("{} is no service", shown(&outline)),
            )
            .fix("use Fn::Sub with com.amazonaws.${AWS::Region}.s3");
    }
    let is_gateway_service = outline.ends_with(".s3") || outline.ends_with(".dynamodb");
    if kind == "Gateway" && is_service && !is_gateway_service {
        findings
            .error(
                item.place("VpcEndpointType"),
                "only S3 and DynamoDB have endpoints of the type Gateway",
            )
            .fix("set VpcEndpointType: Interface");
    }
}

/// Checks a launch template.
pub(super) fn check_launch_template(item: &Item<'_>, findings: &mut Findings) {
    for (path, mapping) in item.list("LaunchTemplateData.BlockDeviceMappings") {
        let ebs = super::super::item::at(mapping, "Ebs");
        let size = super::super::item::number(super::super::item::at(ebs, "VolumeSize"));
        let kind = text(super::super::item::at(ebs, "VolumeType"));
        let least = if matches!(kind.as_deref(), Some("io1" | "io2")) {
            4.0
        } else {
            1.0
        };
        if let Some(size) = size.filter(|size| !(least..=65_536.0).contains(size)) {
            findings.error(
                item.place(&format!("{path}.Ebs.VolumeSize")),
                format!("{size} GiB are not within {least} to 65536"),
            );
        }
        const KINDS: &[&str] = &["gp2", "gp3", "io1", "io2", "sc1", "st1", "standard"];
        if let Some(kind) = kind.filter(|kind| !KINDS.contains(&kind.as_str())) {
            findings
                .error(
                    item.place(&format!("{path}.Ebs.VolumeType")),
                    format!("{} is no type of volume", shown(&kind)),
                )
                .fix(format!("use one of {}", KINDS.join(", ")));
        }
    }
}

fn one_of(item: &Item<'_>, keys: &[&str], findings: &mut Findings) {
    let count = keys.iter().filter(|key| item.has(key)).count();
    if count != 1 {
        findings.error(
            item.place(""),
            format!("exactly one of {} is needed", keys.join(", ")),
        );
    }
}

fn check_size(item: &Item<'_>, path: &str, network: &str, findings: &mut Findings) {
    let Some((_, length)) = network.split_once('/') else {
        return;
    };
    if length
        .parse()
        .is_ok_and(|length: u8| !(16..=28).contains(&length))
    {
        findings
            .error(
                item.place(path),
                format!("{} is not between /16 and /28", shown(network)),
            )
            .fix("use a network such as 10.0.0.0/16");
    }
}

fn range(network: &str) -> Option<Range> {
    let (address, length) = network.split_once('/')?;
    let address = u32::from(address.parse::<Ipv4Addr>().ok()?);
    let length: u32 = length.parse().ok().filter(|length| *length <= 32)?;
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    Some((address & mask, address | !mask))
}
