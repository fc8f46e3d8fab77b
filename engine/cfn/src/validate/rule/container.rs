//! Containers of a job ("`ContainerProperties`" and "`TaskContainerProperties`" of the Batch API reference).

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, at, flag, number, text};
use super::fargate;
use super::job_definition::requirement;

/// Where a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Machine {
    Fargate,
    Instance,
}

const KINDS: &[&str] = &["GPU", "MEMORY", "VCPU"];

/// Checks all containers of a definition.
pub(super) fn check_definition(item: &Item<'_>, machine: Machine, findings: &mut Findings) {
    if item.has("ContainerProperties") {
        let container = item.at("ContainerProperties");
        check(item, "ContainerProperties", container, machine, findings);
        check_sizes(item, "ContainerProperties", &[container], machine, findings);
        if machine == Machine::Fargate {
            check_role(item, "ContainerProperties", container, findings);
        }
    }
    for (path, task) in item.list("EcsProperties.TaskProperties") {
        check_task(item, &path, task, machine, findings);
    }
    for (path, range) in item.list("NodeProperties.NodeRangeProperties") {
        if let Some(container) = range.get("Container") {
            let place = format!("{path}.Container");
            check(item, &place, container, machine, findings);
            check_sizes(item, &place, &[container], machine, findings);
        }
    }
}

fn check_task(
    item: &Item<'_>,
    path: &str,
    task: &Value,
    machine: Machine,
    findings: &mut Findings,
) {
    let containers: Vec<&Value> = at(task, "Containers")
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    for (index, container) in containers.iter().enumerate() {
        let place = format!("{path}.Containers.{index}");
        check(item, &place, container, machine, findings);
        check_mounts(item, &place, container, at(task, "Volumes"), findings);
        check_order(item, &place, container, &containers, findings);
    }
    check_sizes(item, path, &containers, machine, findings);
    if machine == Machine::Fargate {
        check_role(item, path, task, findings);
    }
    check_storage(item, path, task, machine, findings);
    let mut names: Vec<String> = containers
        .iter()
        .filter_map(|one| text(at(one, "Name")))
        .collect();
    names.sort();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        findings.error(
            item.place(path),
            format!("two containers have the name {}", pair[0]),
        );
    }
    let is_any_essential = containers
        .iter()
        .any(|one| flag(at(one, "Essential")) != Some(false));
    if !containers.is_empty() && !is_any_essential {
        findings.error(item.place(path), "at least one container must be essential");
    }
}

fn check(
    item: &Item<'_>,
    path: &str,
    container: &Value,
    machine: Machine,
    findings: &mut Findings,
) {
    check_requirements(item, path, container, findings);
    if path.ends_with("Properties") || path.ends_with("Container") {
        check_mounts(item, path, container, at(container, "Volumes"), findings);
        check_storage(item, path, container, machine, findings);
    }
    check_variables(item, path, container, findings);
    match machine {
        Machine::Fargate => check_fargate(item, path, container, findings),
        Machine::Instance => check_instance(item, path, container, findings),
    }
}

fn check_requirements(item: &Item<'_>, path: &str, container: &Value, findings: &mut Findings) {
    let place = item.place(&format!("{path}.ResourceRequirements"));
    let mut kinds: Vec<String> = Vec::new();
    for one in at(container, "ResourceRequirements")
        .as_array()
        .into_iter()
        .flatten()
    {
        let Some(kind) = text(at(one, "Type")) else {
            continue;
        };
        if !KINDS.contains(&kind.as_str()) {
            findings
                .error(&*place, format!("{kind:?} is no requirement"))
                .fix(format!("use one of {}", KINDS.join(", ")));
        }
        if kinds.contains(&kind) {
            findings.error(&*place, format!("{kind} is there twice"));
        }
        let value = at(one, "Value");
        if text(value).is_some() && number(value).is_none_or(|value| value <= 0.0) {
            findings.error(&*place, format!("{value} is no amount of {kind}"));
        }
        kinds.push(kind);
    }
    let is_given =
        |kind: &str, old: &str| kinds.iter().any(|one| one == kind) || container.get(old).is_some();
    let is_open = at(container, "ResourceRequirements").as_array().is_none()
        && container.get("ResourceRequirements").is_some();
    for (kind, old) in [("VCPU", "Vcpus"), ("MEMORY", "Memory")] {
        if container.is_object() && !is_open && !is_given(kind, old) {
            findings.error(
                item.place(path),
                format!("ResourceRequirements have no {kind}"),
            );
        }
    }
}

/// On Fargate a size must be one that is sold: each container's, or that of all together.
fn check_sizes(
    item: &Item<'_>,
    path: &str,
    containers: &[&Value],
    machine: Machine,
    findings: &mut Findings,
) {
    let sizes: Option<Vec<(f64, f64)>> = containers
        .iter()
        .map(|one| Some((requirement(one, "VCPU")?, requirement(one, "MEMORY")?)))
        .collect();
    let Some(sizes) = sizes.filter(|sizes| !sizes.is_empty()) else {
        return;
    };
    match machine {
        Machine::Fargate => {
            let total = sizes
                .iter()
                .fold((0.0, 0.0), |total, one| (total.0 + one.0, total.1 + one.1));
            let single = sizes
                .iter()
                .find_map(|(vcpus, memory)| fargate::problem(*vcpus, *memory));
            if let (Some(problem), Some(_)) = (single, fargate::problem(total.0, total.1)) {
                findings.error(item.place(path), problem);
            }
        }
        Machine::Instance => {
            for (vcpus, memory) in sizes {
                if vcpus.fract() != 0.0 {
                    findings
                        .error(
                            item.place(path),
                            format!("instances have whole vCPUs, not {vcpus}"),
                        )
                        .fix("use a whole number, or Fargate");
                }
                if memory < 4.0 {
                    findings.error(
                        item.place(path),
                        format!("{memory} MiB, at least 4 MiB are needed"),
                    );
                }
            }
        }
    }
}

fn check_role(item: &Item<'_>, path: &str, holder: &Value, findings: &mut Findings) {
    if holder.is_object() && holder.get("ExecutionRoleArn").is_none() {
        findings.error(item.place(path), "Fargate needs ExecutionRoleArn");
    }
}

fn check_fargate(item: &Item<'_>, path: &str, container: &Value, findings: &mut Findings) {
    const REFUSED: &[&str] = &["InstanceType", "Memory", "Ulimits", "Vcpus"];
    for key in REFUSED.iter().filter(|key| container.get(key).is_some()) {
        findings
            .error(
                item.place(&format!("{path}.{key}")),
                format!("Fargate has no {key}"),
            )
            .fix("remove it");
    }
    if flag(at(container, "Privileged")) == Some(true) {
        findings.error(
            item.place(&format!("{path}.Privileged")),
            "Fargate has no privileged containers",
        );
    }
    if requirement(container, "GPU").is_some() {
        findings
            .error(
                item.place(&format!("{path}.ResourceRequirements")),
                "Fargate has no GPUs",
            )
            .fix("use PlatformCapabilities: [EC2]");
    }
    for key in [
        "Devices",
        "MaxSwap",
        "SharedMemorySize",
        "Swappiness",
        "Tmpfs",
    ] {
        if !at(container, &format!("LinuxParameters.{key}")).is_null() {
            findings.error(
                item.place(&format!("{path}.LinuxParameters.{key}")),
                format!("Fargate has no {key}"),
            );
        }
    }
}

fn check_instance(item: &Item<'_>, path: &str, container: &Value, findings: &mut Findings) {
    for key in ["FargatePlatformConfiguration", "NetworkConfiguration"] {
        if container.get(key).is_some() {
            findings
                .error(
                    item.place(&format!("{path}.{key}")),
                    format!("{key} is for Fargate only"),
                )
                .fix("remove it, or use PlatformCapabilities: [FARGATE]");
        }
    }
}

fn check_storage(
    item: &Item<'_>,
    path: &str,
    holder: &Value,
    machine: Machine,
    findings: &mut Findings,
) {
    let storage = at(holder, "EphemeralStorage");
    if storage.is_null() {
        return;
    }
    let place = item.place(&format!("{path}.EphemeralStorage"));
    if machine == Machine::Instance {
        findings.error(&*place, "EphemeralStorage is for Fargate only");
    }
    if let Some(size) =
        number(at(storage, "SizeInGiB")).filter(|size| !(21.0..=200.0).contains(size))
    {
        findings.error(place, format!("{size} GiB are not within 21 to 200"));
    }
}

fn check_variables(item: &Item<'_>, path: &str, container: &Value, findings: &mut Findings) {
    for one in at(container, "Environment")
        .as_array()
        .into_iter()
        .flatten()
    {
        let name = text(at(one, "Name")).unwrap_or_default();
        if name.starts_with("AWS_BATCH") {
            findings.error(
                item.place(&format!("{path}.Environment")),
                format!("{name}: names that begin with AWS_BATCH are reserved"),
            );
        }
    }
}

fn check_mounts(
    item: &Item<'_>,
    path: &str,
    container: &Value,
    volumes: &Value,
    findings: &mut Findings,
) {
    let volumes: Vec<String> = volumes
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| text(at(one, "Name")))
        .collect();
    for mount in at(container, "MountPoints")
        .as_array()
        .into_iter()
        .flatten()
    {
        if let Some(name) = text(at(mount, "SourceVolume")).filter(|name| !volumes.contains(name)) {
            findings
                .error(
                    item.place(&format!("{path}.MountPoints")),
                    format!("there is no volume {name}"),
                )
                .fix("add it to Volumes");
        }
    }
}

fn check_order(
    item: &Item<'_>,
    path: &str,
    container: &Value,
    all: &[&Value],
    findings: &mut Findings,
) {
    for one in at(container, "DependsOn").as_array().into_iter().flatten() {
        let place = item.place(&format!("{path}.DependsOn"));
        if let Some(name) = text(at(one, "ContainerName")) {
            let is_there = all
                .iter()
                .any(|other| text(at(other, "Name")).as_deref() == Some(&name));
            if !is_there || text(at(container, "Name")).as_deref() == Some(&name) {
                findings.error(&*place, format!("there is no other container {name}"));
            }
        }
        if let Some(condition) = text(at(one, "Condition"))
            && !matches!(condition.as_str(), "COMPLETE" | "START" | "SUCCESS")
        {
            findings
                .error(place, format!("{condition:?} is no condition"))
                .fix("use START, COMPLETE or SUCCESS");
        }
    }
}
