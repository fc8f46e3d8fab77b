//! Who may invoke a function, and its URL ("Resource-based policies" of the Lambda guide).

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::Item;
use super::super::policy::check_service;
use super::super::scalar::shown;
use super::super::text::Text;
use crate::Resource;

/// Services and what they can name as the source.
const SOURCES: &[(&str, &str, &[&str])] = &[
    ("s3.amazonaws.com", "s3", &["AWS::S3::Bucket"]),
    ("events.amazonaws.com", "events", &["AWS::Events::Rule"]),
    (
        "scheduler.amazonaws.com",
        "scheduler",
        &["AWS::Scheduler::Schedule"],
    ),
    ("sns.amazonaws.com", "sns", &["AWS::SNS::Topic"]),
    (
        "apigateway.amazonaws.com",
        "execute-api",
        &["AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Route"],
    ),
    ("logs.amazonaws.com", "logs", &["AWS::Logs::LogGroup"]),
];

/// Checks a permission.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    check_action(item, findings);
    let principal = Text::of(item.at("Principal")).and_then(Text::sample);
    let Some(principal) = principal else { return };
    let place = item.root.key("Principal");
    if principal.contains("amazon") && !principal.starts_with("arn:") {
        check_service(&principal, &place, findings);
    } else if !is_identity(&principal) {
        findings
            .error(
                &place,
                format!(
                    "{} is neither a service, an account nor an ARN",
                    shown(&principal)
                ),
            )
            .fix("a service looks like events.amazonaws.com");
    }
    check_source(item, &principal, findings);
}

/// Checks a function's URL.
pub(super) fn check_url(item: &Item<'_>, findings: &mut Findings) {
    let qualifier = item.text("Qualifier").unwrap_or_default();
    if qualifier == "$LATEST" || qualifier.parse::<u64>().is_ok() {
        findings.error(
            item.place("Qualifier"),
            "a URL is for an alias, not for a version",
        );
    }
    if item.text("AuthType").as_deref() == Some("NONE") && !is_public(item) {
        findings
            .warning(item.place("AuthType"), "nobody may call the URL")
            .fix(
                "add an AWS::Lambda::Permission for lambda:InvokeFunctionUrl with Principal \"*\"",
            );
    }
}

fn check_action(item: &Item<'_>, findings: &mut Findings) {
    let Some(action) = item.text("Action") else {
        return;
    };
    let place = item.place("Action");
    let is_action = action == "lambda:*"
        || action.strip_prefix("lambda:").is_some_and(|name| {
            name.starts_with(|first: char| first.is_ascii_uppercase())
                && (name.ends_with('*')
                    || [
                        "InvokeFunction",
                        "InvokeFunctionUrl",
                        "GetFunction",
                        "InvokeAsync",
                    ]
                    .contains(&name))
        });
    if !is_action {
        findings
            .error(
                place,
                format!("{} is no action on a function", shown(&action)),
            )
            .fix("use lambda:InvokeFunction");
    }
    if action != "lambda:InvokeFunctionUrl" && item.has("FunctionUrlAuthType") {
        findings
            .error(
                item.place("FunctionUrlAuthType"),
                "is for lambda:InvokeFunctionUrl only",
            )
            .fix("remove it, or change Action");
    }
}

fn is_identity(principal: &str) -> bool {
    let is_account = principal.len() == 12 && principal.bytes().all(|byte| byte.is_ascii_digit());
    principal == "*" || is_account || principal.starts_with("arn:")
}

fn check_source(item: &Item<'_>, principal: &str, findings: &mut Findings) {
    let Some((_, service, kinds)) = SOURCES.iter().find(|(name, ..)| *name == principal) else {
        return;
    };
    if *service == "s3" && !item.has("SourceAccount") {
        findings
            .error(item.place(""), "SourceAccount is missing: a bucket's ARN has no account, and a name can pass to another")
            .fix("add SourceAccount with Ref of AWS::AccountId");
    }
    let source = item.at("SourceArn");
    let is_other = match item.target(source) {
        Some((_, resource)) => {
            super::super::schema::find(&resource.kind).is_some()
                && !kinds.contains(&resource.kind.as_str())
        }
        None => is_other_service(source, service),
    };
    if is_other {
        findings
            .error(
                item.place("SourceArn"),
                format!("{principal} does not call for this resource"),
            )
            .fix(format!("name an ARN of {service}"));
    }
}

fn is_other_service(source: &Value, service: &str) -> bool {
    let Some(outline) = Text::of(source).map(|text| text.outline()) else {
        return false;
    };
    match outline.strip_prefix("arn:") {
        Some(rest) => rest
            .split(':')
            .nth(1)
            .is_some_and(|one| one != service && one != "x" && one != "*"),
        None => false,
    }
}

/// Whether some permission lets everybody call the function's URL.
fn is_public(item: &Item<'_>) -> bool {
    let is_url = |one: &Resource| {
        let action = one.properties.get("Action").and_then(Value::as_str);
        action == Some("lambda:InvokeFunctionUrl")
    };
    match item.target(item.at("TargetFunctionArn")) {
        Some((id, _)) => item.invokers.may_be_of(id).any(is_url),
        None => item.invokers.all().any(is_url),
    }
}
