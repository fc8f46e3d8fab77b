//! Compute environments ("Compute environment parameters" of the Batch user guide).

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, text};
use super::super::scalar::shown;

/// What Fargate decides itself.
const EC2_ONLY: &[&str] = &[
    "AllocationStrategy",
    "BidPercentage",
    "DesiredvCpus",
    "Ec2Configuration",
    "Ec2KeyPair",
    "ImageId",
    "InstanceRole",
    "InstanceTypes",
    "LaunchTemplate",
    "MinvCpus",
    "PlacementGroup",
    "SpotIamFleetRole",
    "Tags",
];

/// Checks a compute environment.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    let has_resources = item.has("ComputeResources");
    match item.text("Type").map(|kind| kind.to_uppercase()).as_deref() {
        Some("MANAGED") if !has_resources => {
            findings.error(
                item.place(""),
                "a managed environment needs ComputeResources",
            );
        }
        Some("UNMANAGED") if has_resources => {
            findings.error(
                item.place("ComputeResources"),
                "an unmanaged environment has no ComputeResources",
            );
        }
        _ => {}
    }
    check_name(item, findings);
    match item.text("ComputeResources.Type").as_deref() {
        Some("FARGATE" | "FARGATE_SPOT") => check_fargate(item, findings),
        Some(kind @ ("EC2" | "SPOT")) => check_instances(item, kind, findings),
        _ => {}
    }
    check_sizes(item, findings);
}

/// Whether an environment is of Fargate; `None` if it cannot be said.
pub(super) fn is_fargate(resource: &crate::Resource) -> Option<bool> {
    let kind = text(resource.properties.get("ComputeResources")?.get("Type")?)?;
    Some(kind.starts_with("FARGATE"))
}

/// Whether an environment is of Spot instances; `None` if it cannot be said.
pub(super) fn is_spot(resource: &crate::Resource) -> Option<bool> {
    let kind = text(resource.properties.get("ComputeResources")?.get("Type")?)?;
    Some(kind == "SPOT")
}

fn check_name(item: &Item<'_>, findings: &mut Findings) {
    let Some(name) = item.text("ComputeEnvironmentName") else {
        return;
    };
    if !is_name(&name) {
        findings
            .error(
                item.place("ComputeEnvironmentName"),
                format!("{} is no name of an environment", shown(&name)),
            )
            .fix("1 to 128 letters, digits, hyphens and underscores");
    }
}

/// Names of environments, queues and job definitions.
pub(super) fn is_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.len() <= 128
        && name.chars().all(is_letter)
}

fn check_fargate(item: &Item<'_>, findings: &mut Findings) {
    for key in EC2_ONLY
        .iter()
        .filter(|key| item.has(&format!("ComputeResources.{key}")))
    {
        findings
            .error(
                item.place(&format!("ComputeResources.{key}")),
                format!("Fargate has no {key}"),
            )
            .fix("remove it");
    }
    check_groups(item, findings);
}

fn check_groups(item: &Item<'_>, findings: &mut Findings) {
    let is_empty = |path: &str| item.at(path).as_array().is_some_and(Vec::is_empty);
    if !item.has("ComputeResources.SecurityGroupIds")
        || is_empty("ComputeResources.SecurityGroupIds")
    {
        findings.error(
            item.place("ComputeResources"),
            "SecurityGroupIds are missing",
        );
    }
    if !item.has("ComputeResources.Subnets") {
        findings.error(item.place("ComputeResources"), "Subnets are missing");
    }
    if is_empty("ComputeResources.Subnets") {
        findings.error(
            item.place("ComputeResources.Subnets"),
            "at least one subnet is needed",
        );
    }
}

fn check_instances(item: &Item<'_>, kind: &str, findings: &mut Findings) {
    for key in ["InstanceRole", "InstanceTypes"] {
        if !item.has(&format!("ComputeResources.{key}")) {
            findings.error(
                item.place("ComputeResources"),
                format!("instances need {key}"),
            );
        }
    }
    // A launch template may have the groups.
    if !item.has("ComputeResources.LaunchTemplate") {
        check_groups(item, findings);
    }
    check_strategy(item, kind, findings);
    for (path, one) in item.list("ComputeResources.InstanceTypes") {
        check_instance(item, &path, one, findings);
    }
    if kind == "EC2" && item.has("ComputeResources.BidPercentage") {
        findings.error(
            item.place("ComputeResources.BidPercentage"),
            "only Spot instances are bid for",
        );
    }
    let template = item.at("ComputeResources.LaunchTemplate");
    if template.get("LaunchTemplateId").is_some() && template.get("LaunchTemplateName").is_some() {
        findings.error(
            item.place("ComputeResources.LaunchTemplate"),
            "LaunchTemplateId and LaunchTemplateName exclude each other",
        );
    }
}

fn check_strategy(item: &Item<'_>, kind: &str, findings: &mut Findings) {
    let strategy = item.text("ComputeResources.AllocationStrategy");
    if kind == "EC2"
        && strategy
            .as_deref()
            .is_some_and(|one| one.starts_with("SPOT_"))
    {
        findings
            .error(
                item.place("ComputeResources.AllocationStrategy"),
                "the strategy is for Spot instances",
            )
            .fix("use BEST_FIT_PROGRESSIVE");
    }
    // Without a strategy it is BEST_FIT, which asks for Spot instances in another way.
    let is_best_fit = strategy.as_deref().is_none_or(|one| one == "BEST_FIT");
    let is_open = item.has("ComputeResources.AllocationStrategy") && strategy.is_none();
    if kind == "SPOT" && is_best_fit && !is_open && !item.has("ComputeResources.SpotIamFleetRole") {
        findings
            .error(
                item.place("ComputeResources"),
                "BEST_FIT on Spot needs SpotIamFleetRole",
            )
            .fix("use AllocationStrategy: SPOT_PRICE_CAPACITY_OPTIMIZED");
    }
}

/// A size, a family, or a word for whatever fits.
fn check_instance(item: &Item<'_>, path: &str, one: &Value, findings: &mut Findings) {
    let Some(name) = text(one) else { return };
    let is_word = matches!(
        name.as_str(),
        "optimal" | "default_x86_64" | "default_arm64"
    );
    let is_part = |part: &str| {
        !part.is_empty()
            && part.chars().all(|letter| {
                letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-'
            })
    };
    let has_digit = name.chars().any(|letter| letter.is_ascii_digit());
    let is_instance = has_digit && name.split('.').count() <= 2 && name.split('.').all(is_part);
    if !is_word && !is_instance {
        findings
            .error(
                item.place(path),
                format!("{} is no type of instance", shown(&name)),
            )
            .fix("use optimal, a family such as c6i, or a size such as c6i.large");
    }
}

fn check_sizes(item: &Item<'_>, findings: &mut Findings) {
    let value = |key: &str| item.number(&format!("ComputeResources.{key}"));
    let (least, desired, most) = (value("MinvCpus"), value("DesiredvCpus"), value("MaxvCpus"));
    if most.is_some_and(|most| most < 1.0) {
        findings.error(
            item.place("ComputeResources.MaxvCpus"),
            "at least 1 is needed",
        );
    }
    for (low, high) in [(least, desired), (desired, most), (least, most)] {
        if let (Some(low), Some(high)) = (low, high)
            && low > high
        {
            findings.error(
                item.place("ComputeResources"),
                format!("MinvCpus, DesiredvCpus and MaxvCpus do not rise: {low} before {high}"),
            );
        }
    }
    let bid = value("BidPercentage");
    if bid.is_some_and(|bid| !(1.0..=100.0).contains(&bid)) {
        findings.error(
            item.place("ComputeResources.BidPercentage"),
            "is not within 1 to 100",
        );
    }
}
