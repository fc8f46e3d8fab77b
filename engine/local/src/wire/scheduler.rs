//! EventBridge Scheduler: looking at schedules.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::json::answer;
use super::query::Parameters;
use super::{Fault, authorize};
use crate::auth::Identity;
use crate::schedule::{Schedule, key};
use crate::services::Services;
use crate::store::Table;

/// Answers one request.
pub(super) fn handle(
    services: &Services,
    request: &Request<Bytes>,
    identity: &Identity,
) -> Result<Response<Bytes>, Fault> {
    let query = Parameters::parse(request.uri().query().unwrap_or_default());
    let path = request.uri().path();
    let steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty()).collect();
    match (request.method(), steps.as_slice()) {
        (&Method::GET, ["schedules"]) => {
            authorize(services, identity, "scheduler:ListSchedules", "*")?;
            let prefix = query.text("NamePrefix").unwrap_or_default();
            let all = services.store.list::<Schedule>(Table::Schedules, "")?;
            let named = all.iter().filter(|(_, one)| one.name.starts_with(prefix));
            let group = query.text("ScheduleGroup");
            let grouped = named.filter(|(_, one)| group.is_none_or(|group| one.group == group));
            let shown: Vec<Value> = grouped.map(|(_, one)| summary(one)).collect();
            answer(&json!({ "Schedules": shown }))
        }
        (&Method::GET, ["schedules", name]) => {
            authorize(services, identity, "scheduler:GetSchedule", "*")?;
            let group = query.text("groupName").unwrap_or("default");
            let found = services
                .store
                .get::<Schedule>(Table::Schedules, &key(group, name))?;
            let missing = || {
                Fault::new(
                    "ResourceNotFoundException",
                    format!("Schedule {name} does not exist."),
                )
                .with_status(StatusCode::NOT_FOUND)
            };
            answer(&shown(&found.ok_or_else(missing)?))
        }
        (method, _) => Err(Fault::new(
            "UnknownOperationException",
            format!("no operation {method} {path}"),
        )
        .with_status(StatusCode::NOT_FOUND)),
    }
}

fn summary(one: &Schedule) -> Value {
    json!({
        "Arn": one.arn,
        "GroupName": one.group,
        "Name": one.name,
        "State": if one.is_enabled { "ENABLED" } else { "DISABLED" },
        "CreationDate": one.created_ms / 1000,
        "Target": { "Arn": one.target },
    })
}

fn shown(one: &Schedule) -> Value {
    let mut shown = summary(one);
    let more = [
        ("Description", json!(one.description)),
        ("ScheduleExpression", json!(one.expression.text())),
        (
            "ScheduleExpressionTimezone",
            json!(one.expression.time_zone()),
        ),
        ("FlexibleTimeWindow", json!({ "Mode": "OFF" })),
    ];
    for (name, value) in more {
        shown[name] = value;
    }
    shown["Target"]["RoleArn"] = one.role_arn.clone().into();
    if let Some(input) = &one.input {
        shown["Target"]["Input"] = input.clone().into();
    }
    shown
}
