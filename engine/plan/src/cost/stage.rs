//! What one stage costs.

use scar_schemas::construct::{Architecture, Compute, Events, HttpAuth, Network};
use scar_schemas::contract::OutputKey;
use scar_schemas::deployed::DeployedStage;
use scar_workflow::Stage;

use super::price::Prices;
use super::{Assumptions, count, count64};

/// Memory and seconds of the function that submits a Batch job.
const INTAKE: (u32, f64) = (256, 1.0);
/// Bytes of log that a task is taken to write.
const LOG_BYTES: f64 = 10_000.0;
/// Polls of an idle event source: five pollers, three times a minute, for 30 days.
const POLLS: f64 = 648_000.0;
/// Outputs from this size on are uploaded in parts of it.
const PART_BYTES: u64 = 16 << 20;
/// Lambda's disk that costs nothing, Fargate's likewise, in MiB.
const FREE_DISK_MIB: (u32, u32) = (512, 20 << 10);

/// Dollars in a month, and how they come about.
pub(super) fn month(
    stage: &Stage,
    tasks: f64,
    assumptions: &Assumptions,
    prices: &Prices,
) -> (f64, String) {
    let seconds = assumptions.duration(stage);
    let (task, how) = match stage.compute {
        Compute::Lambda => {
            let cost = lambda(stage, stage.memory_mib, stage.disk_mib, seconds, prices);
            (cost, format!("{} MiB", stage.memory_mib))
        }
        Compute::Batch => {
            let intake = lambda(stage, INTAKE.0, 0, INTAKE.1, prices);
            let (cost, how) = job(stage, seconds, prices);
            (cost + intake, how)
        }
    };
    let each = task + requests(stage, assumptions, prices) + events(stage, prices);
    let logs = LOG_BYTES / 1e9 * prices.log_gb;
    let detail = format!("{seconds} s × {how} × {tasks:.0} tasks");
    (tasks * (each + logs), detail)
}

/// Dollars in a month in which nothing happens.
pub(super) fn idle(stage: &Stage, prices: &Prices) -> f64 {
    let polls = if stage.events == Events::Queue {
        POLLS * prices.sqs_request_million / 1e6
    } else {
        0.0
    };
    // A join that has a time limit is looked after every five minutes.
    let sweeps = match stage.join.as_ref().and_then(|join| join.timeout_s) {
        Some(_) => 8_640.0 * (prices.scheduler_million + prices.lambda_request_million) / 1e6,
        None => 0.0,
    };
    polls + sweeps
}

/// A stage as it is deployed, as far as the deployed summary tells; what it does not tell is as planned.
pub(super) fn as_deployed(before: &DeployedStage, planned: Option<&Stage>) -> Stage {
    let mut stage = planned.cloned().unwrap_or_default();
    stage.name.clone_from(&before.name);
    stage.memory_mib = before.memory_mib;
    stage.timeout_s = before.timeout_s;
    stage.disk_mib = before.disk_mib;
    stage.compute = match before.compute.starts_with("batch") {
        true => Compute::Batch,
        false => Compute::Lambda,
    };
    stage
}

fn lambda(stage: &Stage, memory_mib: u32, disk_mib: u32, seconds: f64, prices: &Prices) -> f64 {
    let price = match stage.arch {
        Architecture::X86_64 => prices.lambda_gb_s,
        Architecture::Arm64 => prices.lambda_arm_gb_s,
    };
    let memory = gibibytes(memory_mib) * price;
    let disk = gibibytes(disk_mib.saturating_sub(FREE_DISK_MIB.0)) * prices.lambda_disk_gb_s;
    seconds * (memory + disk) + prices.lambda_request_million / 1e6
}

fn job(stage: &Stage, seconds: f64, prices: &Prices) -> (f64, String) {
    let hours = seconds / 3_600.0;
    let vcpu = (f64::from(stage.vcpu_milli) / 1_000.0).max(0.25);
    let memory = gibibytes(stage.memory_mib);
    let nodes = f64::from(stage.nodes.max(1));
    let spot = if stage.spot { prices.spot_share } else { 1.0 };
    let on_spot = if stage.spot { " spot" } else { "" };
    let (hour, how) = if stage.gpu > 0 {
        let cost = f64::from(stage.gpu) * prices.gpu_hour;
        (cost * spot, format!("{} GPU{on_spot}", stage.gpu))
    } else if stage.nodes > 1 {
        let how = format!("{} × {vcpu} vCPU{on_spot}", stage.nodes);
        (vcpu * prices.ec2_vcpu_hour * spot, how)
    } else {
        let disk = gibibytes(stage.disk_mib.saturating_sub(FREE_DISK_MIB.1));
        let cost = vcpu * prices.fargate_vcpu_hour
            + memory * prices.fargate_gb_hour
            + disk * prices.fargate_disk_gb_hour;
        let how = format!("{vcpu} vCPU, {} MiB{on_spot}", stage.memory_mib);
        (cost * spot, how)
    };
    let address = match stage.network {
        Network::Auto => prices.public_address_hour,
        Network::Private { .. } => 0.0,
    };
    (hours * nodes * (hour + address), how)
}

/// Requests to S3 for one task: the commit by its only output takes one write and two reads, the one by
/// a record two writes more and one more for each output. Large outputs go in parts.
fn requests(stage: &Stage, assumptions: &Assumptions, prices: &Prices) -> f64 {
    let parts = match assumptions.size_bytes {
        size if size > PART_BYTES => count64(size.div_ceil(PART_BYTES) + 1),
        _ => 0.0,
    };
    let (mut writes, mut reads) = match stage.outputs.as_slice() {
        [one] if matches!(one.key, OutputKey::Single { .. }) => (1.0, 2.0),
        outputs => (2.0 + 2.0 * count(outputs.len()), 2.0),
    };
    writes += parts * count(stage.outputs.len());
    if stage.join.is_some() {
        // A slot and a listing for each member, and the object that starts the task.
        let members = count(stage.inputs.len().max(1));
        writes += 2.0 * members + 1.0;
        reads += members + 1.0;
    }
    if !stage.items.is_empty() && stage.compute == Compute::Lambda {
        writes += 1.0;
        reads += 1.0;
    }
    if stage.announces {
        writes += 1.0;
    }
    (writes * prices.s3_put_million + reads * prices.s3_get_million) / 1e6
}

/// How one event reaches the stage.
fn events(stage: &Stage, prices: &Prices) -> f64 {
    let million = match (&stage.http, &stage.schedule, stage.events) {
        (Some(http), ..) if matches!(http.auth, HttpAuth::Jwt { .. }) => prices.http_api_million,
        (Some(_), ..) => 0.0,
        (_, Some(_), _) => prices.scheduler_million,
        (.., Events::Bus) => prices.event_bridge_event_million,
        (.., Events::Queue) => prices.event_bridge_event_million + 3.0 * prices.sqs_request_million,
        (.., Events::Direct) => 0.0,
    };
    million / 1e6
}

fn gibibytes(mebibytes: u32) -> f64 {
    f64::from(mebibytes) / 1_024.0
}
