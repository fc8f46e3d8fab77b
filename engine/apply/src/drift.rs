//! Drift: what CloudFormation finds by itself, and what it cannot see.

use aws_sdk_cloudformation::types::{
    StackDriftDetectionStatus, StackResourceDrift, StackResourceDriftStatus,
};
use scar_cfn::Document;
use scar_plan::{Drift, DriftChange, Plan};
use serde_json::Value;

use crate::call::failed;
use crate::service::{Ask, Service};
use crate::{Cloud, Error, stack};

/// Everything that is not as it was deployed. `plan` is one of the manifest that is deployed.
///
/// # Errors
/// [`Error::NotDeployed`], [`Error::Call`].
pub async fn drift(cloud: &Cloud, plan: &Plan) -> Result<Vec<Drift>, Error> {
    let name = &plan.stack.name;
    let Some(deployed) = stack::observe(cloud, name).await? else {
        return Err(Error::NotDeployed {
            stack: name.clone(),
        });
    };
    let mut all = scar_plan::drift(plan);
    all.extend(detected(cloud, plan).await?);
    all.extend(code(cloud, plan, &deployed.template).await?);
    all.sort();
    Ok(all)
}

/// What CloudFormation finds.
async fn detected(cloud: &Cloud, plan: &Plan) -> Result<Vec<Drift>, Error> {
    let name = &plan.stack.name;
    let request = cloud.cloudformation.detect_stack_drift().stack_name(name);
    let answer = request.send().await;
    let answer = answer.map_err(failed("DetectStackDrift", name))?;
    finish(
        cloud,
        name,
        &answer.stack_drift_detection_id.unwrap_or_default(),
    )
    .await?;
    let mut found = Vec::new();
    let mut next = None;
    loop {
        let request = cloud.cloudformation.describe_stack_resource_drifts();
        let request = request
            .stack_name(name)
            .stack_resource_drift_status_filters(StackResourceDriftStatus::Modified)
            .stack_resource_drift_status_filters(StackResourceDriftStatus::Deleted);
        let page = request.set_next_token(next).send().await;
        let page = page.map_err(failed("DescribeStackResourceDrifts", name))?;
        let drifts = page.stack_resource_drifts().iter();
        found.extend(drifts.flat_map(|one| differences(plan, one)));
        next = page.next_token;
        if next.is_none() {
            return Ok(found);
        }
    }
}

async fn finish(cloud: &Cloud, name: &str, id: &str) -> Result<(), Error> {
    let mut pauses = cloud.pauses();
    loop {
        let request = cloud.cloudformation.describe_stack_drift_detection_status();
        let answer = request.stack_drift_detection_id(id).send().await;
        let answer = answer.map_err(failed("DescribeStackDriftDetectionStatus", name))?;
        match answer.detection_status {
            Some(StackDriftDetectionStatus::DetectionInProgress) => pauses.pause().await,
            // A detection that failed for some resources still tells about the others.
            _ => return Ok(()),
        }
    }
}

fn differences(plan: &Plan, found: &StackResourceDrift) -> Vec<Drift> {
    let id = found.logical_resource_id().unwrap_or_default();
    let of = |change| Drift {
        subject: id.to_owned(),
        kind: found.resource_type().unwrap_or_default().to_owned(),
        stage: stage(plan, id),
        change,
    };
    if found.stack_resource_drift_status() == Some(&StackResourceDriftStatus::Deleted) {
        return vec![of(DriftChange::Deleted)];
    }
    let properties = found.property_differences().iter().map(|one| {
        let path = one.property_path().unwrap_or_default();
        of(DriftChange::Property {
            path: path.trim_start_matches('/').replace('/', "."),
            expected: one.expected_value().map(str::to_owned),
            actual: one.actual_value().map(str::to_owned),
        })
    });
    properties.collect()
}

/// Code cannot be read back through CloudFormation; the service tells its digest.
async fn code(cloud: &Cloud, plan: &Plan, template: &Document) -> Result<Vec<Drift>, Error> {
    let mut found = Vec::new();
    for one in stack::resources(cloud, &plan.stack.name).await? {
        let (Some(id), Some(name)) = (one.logical_resource_id, one.physical_resource_id) else {
            continue;
        };
        let Some(expected) = template.resources.get(&id).and_then(package_digest) else {
            continue;
        };
        let change = match code_digest(cloud, &name).await {
            Ok(Some(actual)) if actual == expected => continue,
            Ok(Some(actual)) => DriftChange::Code { expected, actual },
            Ok(None) => continue,
            Err(error) => DriftChange::Unknown {
                reason: error.to_string(),
            },
        };
        found.push(Drift {
            subject: id.clone(),
            kind: "AWS::Lambda::Function".to_owned(),
            stage: stage(plan, &id),
            change,
        });
    }
    Ok(found)
}

/// A stage package's key is its digest.
fn package_digest(resource: &scar_cfn::Resource) -> Option<String> {
    let key = resource.properties.get("Code")?["S3Key"].as_str()?;
    let hex = key.strip_prefix("stages/")?.strip_suffix(".zip")?;
    let pair = |index: usize| u8::from_str_radix(hex.get(index..index + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(pair).collect();
    bytes.map(aws_smithy_types::base64::encode)
}

async fn code_digest(cloud: &Cloud, function: &str) -> Result<Option<String>, Error> {
    let ask = Ask {
        service: Service::Lambda,
        operation: "GetFunctionConfiguration",
        subject: function.to_owned(),
        method: "GET",
        path: format!("/2015-03-31/functions/{function}/configuration"),
        body: Value::Null,
    };
    match cloud.wire.ask(&ask).await {
        Ok(answer) => Ok(answer["CodeSha256"].as_str().map(str::to_owned)),
        // CloudFormation has told already that it is gone.
        Err(Error::Call {
            code: Some(code), ..
        }) if code == "ResourceNotFoundException" => Ok(None),
        Err(error) => Err(error),
    }
}

fn stage(plan: &Plan, logical_id: &str) -> Option<String> {
    let resources = plan.stack.resources.iter();
    let mut found = resources.filter(|one| one.logical_id == logical_id);
    found.next()?.stage.clone()
}
