//! EventBridge: looking at rules.

use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{answer, input, operation, unknown_operation};
use super::{Fault, authorize};
use crate::auth::Identity;
use crate::events::Rule;
use crate::services::Services;
use crate::store::Table;

/// Answers one request.
pub(super) fn handle(
    services: &Services,
    request: &Request<Bytes>,
    identity: &Identity,
) -> Result<Response<Bytes>, Fault> {
    let (name, input) = (operation(request)?, input::<Input>(request.body())?);
    authorize(services, identity, &format!("events:{name}"), "*")?;
    match name {
        "ListRules" => {
            let rules = services
                .store
                .list::<Rule>(Table::Rules, &input.name_prefix)?;
            answer(
                &json!({ "Rules": rules.iter().map(|(_, rule)| shown(rule)).collect::<Vec<_>>() }),
            )
        }
        "DescribeRule" => answer(&shown(&find(services, &input.name)?)),
        "ListTargetsByRule" => {
            let rule = find(services, &input.rule)?;
            let targets = rule
                .targets
                .iter()
                .map(|target| json!({ "Id": target.id, "Arn": target.arn }));
            answer(&json!({ "Targets": targets.collect::<Vec<_>>() }))
        }
        other => unknown_operation(other),
    }
}

/// The inputs of all operations.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    name: String,
    rule: String,
    name_prefix: String,
}

fn shown(rule: &Rule) -> Value {
    json!({
        "Name": rule.name,
        "Arn": rule.arn,
        "Description": rule.description,
        "EventPattern": rule.pattern.to_string(),
        "State": if rule.is_enabled { "ENABLED" } else { "DISABLED" },
        "EventBusName": "default",
    })
}

fn find(services: &Services, name: &str) -> Result<Rule, Fault> {
    let missing = || {
        Fault::new(
            "ResourceNotFoundException",
            format!("Rule {name} does not exist on EventBus default."),
        )
    };
    services.store.get(Table::Rules, name)?.ok_or_else(missing)
}
