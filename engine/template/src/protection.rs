//! What keeps the stack of a protected environment from accidents.

use scar_workflow::Workflow;
use serde_json::json;

use crate::{Protection, name};

/// Alarms that may roll an update back ("`RollbackConfiguration`" of `CloudFormation`).
const MAX_ROLLBACK_ALARMS: usize = 5;

/// Protection of the workflow's stack.
pub(crate) fn of(workflow: &Workflow) -> Protection {
    if !workflow.protect {
        return Protection::default();
    }
    let alarms = workflow
        .stages
        .iter()
        .filter(|_| workflow.alarm.is_some())
        .map(|stage| name::alarm_id(&stage.id, 0));
    Protection {
        termination: true,
        stack_policy: Some(stack_policy()),
        rollback_alarms: alarms.take(MAX_ROLLBACK_ALARMS).collect(),
    }
}

/// Data and events that wait are not thrown away by an update.
fn stack_policy() -> serde_json::Value {
    json!({"Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": ["Update:Delete", "Update:Replace"],
            "Principal": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"ResourceType": ["AWS::S3::Bucket", "AWS::SQS::Queue"]}},
        },
    ]})
}
