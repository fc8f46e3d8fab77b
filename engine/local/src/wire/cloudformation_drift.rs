//! CloudFormation: drift, and what an update may do.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Fault;
use super::cloudformation_views::missing;
use super::query::{Parameters, Xml};
use crate::services::Services;
use crate::stack::{self, Drift, DriftStatus, Stack, detect};
use crate::store::{Table, Transaction};
use crate::{clock, random};

/// A finished detection, in `Table::Meta` under `drift/<id>` and `drift-of/<stack>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Detection {
    id: String,
    stack_id: String,
    time_ms: u64,
    drifts: Vec<Drift>,
}

impl Detection {
    fn count(&self) -> usize {
        let is_drifted =
            |one: &&Drift| matches!(one.status, DriftStatus::Modified | DriftStatus::Deleted);
        self.drifts.iter().filter(is_drifted).count()
    }
}

fn find(services: &Services, parameters: &Parameters) -> Result<Stack, Fault> {
    let named = parameters.required("StackName")?;
    stack::find(services, named)?.ok_or_else(|| missing(named))
}

/// `DetectStackDrift`: the comparison is done at once.
pub(super) async fn detect_drift(
    services: &Services,
    parameters: &Parameters,
) -> Result<Xml, Fault> {
    let stack = find(services, parameters)?;
    let wanted = parameters.list("LogicalResourceIds");
    let mut drifts = detect(&services.store, &stack)?;
    drifts.retain(|one| wanted.is_empty() || wanted.contains(&one.logical_id));
    let detection = Detection {
        id: random::uuid(),
        stack_id: stack.id,
        time_ms: clock::now_ms(),
        drifts,
    };
    let mut result = Xml::default();
    result.text("StackDriftDetectionId", &detection.id);
    let change = move |transaction: &mut Transaction<'_>| {
        for key in [
            format!("drift/{}", detection.id),
            format!("drift-of/{}", detection.stack_id),
        ] {
            transaction.put(Table::Meta, &key, &detection)?;
        }
        Ok::<_, Fault>(())
    };
    services.store.transact(change).await?;
    Ok(result)
}

/// `DescribeStackDriftDetectionStatus`.
pub(super) fn status(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let id = parameters.required("StackDriftDetectionId")?;
    let detection = services
        .store
        .get::<Detection>(Table::Meta, &format!("drift/{id}"))?;
    let detection = detection
        .ok_or_else(|| Fault::validation(format!("Drift detection id {id} does not exist")))?;
    let count = detection.count();
    let mut result = Xml::default();
    result.text("StackId", &detection.stack_id);
    result.text("StackDriftDetectionId", id);
    let status = if count == 0 { "IN_SYNC" } else { "DRIFTED" };
    result.text("StackDriftStatus", status);
    result.text("DetectionStatus", "DETECTION_COMPLETE");
    result.text("DriftedStackResourceCount", &count.to_string());
    result.text("Timestamp", &clock::rfc3339(detection.time_ms));
    Ok(result)
}

/// `DescribeStackResourceDrifts`: what the last detection found.
pub(super) fn resources(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let stack = find(services, parameters)?;
    let detection = services
        .store
        .get::<Detection>(Table::Meta, &format!("drift-of/{}", stack.id))?;
    let wanted = parameters.list("StackResourceDriftStatusFilters");
    let mut result = Xml::default();
    let (time_ms, mut drifts) = detection.map_or((0, Vec::new()), |one| (one.time_ms, one.drifts));
    drifts.retain(|one| match wanted.is_empty() {
        true => one.status != DriftStatus::NotChecked,
        false => wanted.iter().any(|status| status == one.status.name()),
    });
    result.list("StackResourceDrifts", &drifts, |xml, one| {
        xml.text("StackId", &stack.id);
        write(xml, one, time_ms);
    });
    Ok(result)
}

fn write(xml: &mut Xml, drift: &Drift, time_ms: u64) {
    xml.text("LogicalResourceId", &drift.logical_id);
    xml.text("PhysicalResourceId", &drift.physical_id);
    xml.text("ResourceType", &drift.kind);
    xml.text("StackResourceDriftStatus", drift.status.name());
    xml.text("Timestamp", &clock::rfc3339(time_ms));
    xml.text("ExpectedProperties", &drift.expected.to_string());
    xml.text("ActualProperties", &drift.actual.to_string());
    xml.list("PropertyDifferences", &drift.differences, |xml, one| {
        xml.text("PropertyPath", &one.path);
        xml.text("ExpectedValue", &one.expected);
        xml.text("ActualValue", &one.actual);
        xml.text("DifferenceType", &one.kind);
    });
}

/// `SetStackPolicy`.
pub(super) async fn set_policy(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let stack = find(services, parameters)?;
    let body = parameters.required("StackPolicyBody")?;
    let policy: Value = serde_json::from_str(body)
        .map_err(|error| Fault::validation(format!("Error validating stack policy: {error}")))?;
    if policy.get("Statement").is_none() {
        return Err(Fault::validation(
            "Error validating stack policy: no Statement",
        ));
    }
    let change = move |transaction: &mut Transaction<'_>| {
        if let Some(mut stack) = transaction.get::<Stack>(Table::Stacks, &stack.name)? {
            stack.policy = Some(policy);
            stack.put(transaction)?;
        }
        Ok::<_, Fault>(())
    };
    services.store.transact(change).await?;
    Ok(Xml::default())
}

/// `GetStackPolicy`.
pub(super) fn policy(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let stack = find(services, parameters)?;
    let mut result = Xml::default();
    let text = stack.policy.as_ref().map(ToString::to_string);
    result.optional("StackPolicyBody", text.as_deref());
    Ok(result)
}
