//! EventBridge: looking at rules, and switching them.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{answer, input, operation, unknown_operation};
use super::{Fault, authorize};
use crate::auth::Identity;
use crate::events::{Pattern, Rule};
use crate::services::Services;
use crate::store::Table;

/// Answers one request.
pub(super) async fn handle(
    services: Arc<Services>,
    request: &Request<Bytes>,
    identity: &Identity,
) -> Result<Response<Bytes>, Fault> {
    let (name, input) = (operation(request)?, input::<Input>(request.body())?);
    authorize(&services, identity, &format!("events:{name}"), "*")?;
    let services = services.as_ref();
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
        "EnableRule" => switch(services, input.name, true).await,
        "DisableRule" => switch(services, input.name, false).await,
        "PutRule" => put(services, input).await,
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
    event_pattern: Option<String>,
    description: Option<String>,
    state: Option<String>,
}

async fn switch(
    services: &Services,
    name: String,
    is_enabled: bool,
) -> Result<Response<Bytes>, Fault> {
    change(services, &name, move |rule| rule.is_enabled = is_enabled).await?;
    answer(&json!({}))
}

/// Changes a rule that is there; new ones come with templates.
async fn put(services: &Services, input: Input) -> Result<Response<Bytes>, Fault> {
    let invalid = |message: String| Fault::new("InvalidEventPatternException", message);
    let pattern = match &input.event_pattern {
        Some(text) => {
            let value = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
            Pattern::parse(&value).map_err(|error| invalid(error.to_string()))?;
            Some(value)
        }
        None => None,
    };
    let arn = find(services, &input.name)?.arn;
    change(services, &input.name, move |rule| {
        rule.pattern = pattern.unwrap_or(Value::Null);
        rule.description = input.description.unwrap_or_default();
        rule.is_enabled = input.state.as_deref() != Some("DISABLED");
    })
    .await?;
    answer(&json!({ "RuleArn": arn }))
}

async fn change(
    services: &Services,
    name: &str,
    act: impl FnOnce(&mut Rule) + Send + 'static,
) -> Result<(), Fault> {
    let mut rule = find(services, name)?;
    act(&mut rule);
    Ok(services.store.put(Table::Rules, name, &rule).await?)
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
