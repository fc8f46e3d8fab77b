"""Derives `types.jsonl` from the CloudFormation resource schemas that cfn-lint carries.

Usage: pip install cfn-lint==1.58.0 && python derive_types.py > types.jsonl

The schemas are published by AWS; this release of cfn-lint carries them with its own corrections.
One line per resource type: the name, a tab, and what the validator needs of its schema. Descriptions, handlers,
and patterns that look around (which the validator's automata do not have) are left out.
"""

import json
import re
import sys

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

REGION = "us-east-1"

TYPES = """
ApiGatewayV2::Api ApiGatewayV2::Authorizer ApiGatewayV2::Integration ApiGatewayV2::Route ApiGatewayV2::Stage
Batch::ComputeEnvironment Batch::JobDefinition Batch::JobQueue
CloudWatch::Alarm
EC2::InternetGateway EC2::LaunchTemplate EC2::Route EC2::RouteTable EC2::SecurityGroup EC2::Subnet
EC2::SubnetRouteTableAssociation EC2::VPC EC2::VPCEndpoint EC2::VPCGatewayAttachment
ECR::Repository
Events::Rule
IAM::InstanceProfile IAM::Role IAM::RolePolicy
Lambda::Alias Lambda::EventInvokeConfig Lambda::EventSourceMapping Lambda::Function Lambda::LayerVersion
Lambda::Permission Lambda::Url Lambda::Version
Logs::LogGroup
S3::Bucket S3::BucketPolicy
SNS::Topic
SQS::Queue SQS::QueuePolicy
Scheduler::Schedule
""".split()

KEPT = """
type required enum const minimum maximum minLength maxLength minItems maxItems uniqueItems format
requiredOr requiredXor dependentRequired dependentExcluded
""".split()


def name(pointer):
    return pointer.rsplit("/", 1)[-1]


def is_automaton(pattern):
    return "(?!" not in pattern and "(?=" not in pattern and "(?<" not in pattern


def portable(pattern):
    """The pattern in the syntax of the validator: bytes instead of Unicode, brackets in classes escaped."""
    classes = {"\\p{L}": "a-zA-Z\\x80-\\xFF", "\\p{Z}": " ", "\\p{N}": "0-9"}
    for unicode, octets in classes.items():
        pattern = pattern.replace(unicode, octets)
    pattern = re.sub(r"\\u00([0-9a-fA-F]{2})", r"\\x\1", pattern)
    result, within, escaped = "", False, False
    for letter in pattern.replace("\\Z", "$").replace("\\x2e", "\\."):
        if not escaped and letter == "[" and within:
            result += "\\"
        elif not escaped and letter in "[]":
            within = letter == "["
        escaped = letter == "\\" and not escaped
        result += letter
    return result


def alternatives(node):
    """Only requirements survive of a choice: the shapes within are checked by the definitions themselves."""
    kept = {}
    for keyword in ("oneOf", "anyOf"):
        choices = node.get(keyword, [])
        required = [choice["required"] for choice in choices if set(choice) == {"required"}]
        if required and len(required) == len(choices):
            kept["requiredXor" if keyword == "oneOf" else "requiredOr"] = [one[0] for one in required]
        formats = [choice["format"] for choice in choices if "format" in choice]
        if formats and len(formats) == len(choices):
            kept["formats"] = formats
    return kept


def reduced(node):
    """What the validator needs of a schema node."""
    kept = {key: node[key] for key in KEPT if key in node}
    kept.update(alternatives(node))
    if "enumCaseInsensitive" in node:
        kept["enumAnyCase"] = node["enumCaseInsensitive"]
    if "$ref" in node:
        kept["ref"] = name(node["$ref"])
    pattern = node.get("pattern")
    if pattern and is_automaton(pattern):
        kept["pattern"] = portable(pattern)
    if isinstance(node.get("items"), dict):
        kept["items"] = reduced(node["items"])
    if node.get("properties"):
        kept["properties"] = {key: reduced(value) for key, value in sorted(node["properties"].items())}
    patterns = list(node.get("patternProperties", {}).values())
    if patterns:
        kept["values"] = reduced(patterns[0])
    is_open = node.get("additionalProperties", True) is not False or patterns
    if "properties" in kept and is_open:
        kept["open"] = True
    return terse(kept)


def terse(kept):
    """Leaves out what says nothing, and the type where the rest tells it: text unless said otherwise."""
    kept = {key: value for key, value in kept.items() if value is not False and value != [] and (key, value) != ("minLength", 0)}
    kind = kept.pop("type", "any")
    told = "object" if "properties" in kept else "array" if "items" in kept else "string"
    if "ref" not in kept and kind != told:
        kept["type"] = kind
    return kept


def used(node, found):
    """Names of the definitions that a node leads to."""
    if isinstance(node, dict):
        if isinstance(node.get("ref"), str):
            found.add(node["ref"])
        for value in node.values():
            used(value, found)
    elif isinstance(node, list):
        for value in node:
            used(value, found)
    return found


def attribute(schema, pointer):
    """The shape of an attribute, as far as one can say."""
    try:
        node = schema.resolver.resolve_cfn_pointer(pointer)
    except Exception:  # noqa: BLE001 - an attribute within a list has no single node
        return {}
    return {key: value for key, value in reduced(node).items() if key in ("type", "format")}


def resource(kind):
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind)
    full = schema.schema
    result = reduced(full)
    result["type"] = "object"
    definitions = {key: reduced(value) for key, value in sorted(full.get("definitions", {}).items())}
    reachable = used(result, set())
    for _ in definitions:
        reachable |= set().union(*(used(definitions[key], set()) for key in reachable))
    result["definitions"] = {key: definitions[key] for key in sorted(reachable)}
    result["attributes"] = {key: attribute(schema, pointer) for key, pointer in sorted(schema.get_atts.items())}
    result["readOnly"] = sorted(
        name(one) for one in full.get("readOnlyProperties", []) if one.count("/") == 2
    )
    result["reference"] = {key: value for key, value in schema.ref.items() if key == "format"}
    return result


def names():
    """All types of the services above, and the names of all other services."""
    services = {short.split("::")[0] for short in TYPES}
    found = {}
    for kind in PROVIDER_SCHEMA_MANAGER.get_resource_types(REGION):
        if kind.startswith("AWS::"):
            _, service, thing = kind.split("::", 2)
            found.setdefault(service, []).append(thing)
    return {service: sorted(things) if service in services else [] for service, things in sorted(found.items())}


def main():
    text = json.dumps(names(), separators=(",", ":"))
    sys.stdout.write(f"services\t{text}\n")
    for short in TYPES:
        kind = "AWS::" + short
        text = json.dumps(resource(kind), separators=(",", ":"), sort_keys=True)
        sys.stdout.write(f"{kind}\t{text}\n")


main()
