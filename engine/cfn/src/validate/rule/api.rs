//! HTTP APIs ("Amazon API Gateway V2 reference").

use super::super::finding::Findings;
use super::super::item::{Item, each, flag, text};
use super::super::scalar::shown;
use super::super::text::Text;

const METHODS: &[&str] = &[
    "ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT",
];

/// Checks an API.
pub(super) fn check_api(item: &Item<'_>, findings: &mut Findings) {
    let has_definition = item.has("Body") || item.has("BodyS3Location");
    for key in ["Name", "ProtocolType"] {
        if !has_definition && !item.has(key) {
            findings.error(item.place(""), format!("{key} is missing"));
        }
    }
    let protocol = item.text("ProtocolType").unwrap_or_default();
    if !protocol.is_empty() && !matches!(protocol.as_str(), "HTTP" | "WEBSOCKET") {
        findings
            .error(
                item.place("ProtocolType"),
                format!("{} is no protocol", shown(&protocol)),
            )
            .fix("use HTTP or WEBSOCKET");
    }
    if protocol == "WEBSOCKET" && !item.has("RouteSelectionExpression") {
        findings.error(
            item.place(""),
            "a WEBSOCKET API needs RouteSelectionExpression",
        );
    }
    if protocol == "WEBSOCKET" && item.has("CorsConfiguration") {
        findings.error(item.place("CorsConfiguration"), "is for HTTP APIs only");
    }
    let origins = each(item.at("CorsConfiguration.AllowOrigins"));
    let is_any = origins.into_iter().filter_map(text).any(|one| one == "*");
    if is_any && flag(item.at("CorsConfiguration.AllowCredentials")) == Some(true) {
        findings.error(
            item.place("CorsConfiguration"),
            "credentials cannot be allowed to every origin",
        );
    }
}

/// Checks a route.
pub(super) fn check_route(item: &Item<'_>, findings: &mut Findings) {
    if let Some(key) = item.text("RouteKey")
        && let Some(problem) = problem_of_key(item, &key)
    {
        findings
            .error(item.place("RouteKey"), format!("{} {problem}", shown(&key)))
            .fix("write a method and a path, for instance POST /items/{id}, or $default");
    }
    if let Some(target) = Text::of(item.at("Target")) {
        let is_reference = target.is_reference();
        let outline = target.outline();
        if !outline.starts_with("integrations/") && !is_reference {
            findings
                .error(
                    item.place("Target"),
                    format!("{} is no target", shown(&outline)),
                )
                .fix("use Fn::Sub with integrations/${Integration}");
        } else if is_reference {
            findings
                .error(
                    item.place("Target"),
                    "the target is not the integration's id alone",
                )
                .fix("use Fn::Sub with integrations/${Integration}");
        }
    }
    check_authorization(item, findings);
}

/// Checks an integration.
pub(super) fn check_integration(item: &Item<'_>, findings: &mut Findings) {
    const KINDS: &[&str] = &["AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"];
    let Some(kind) = item.text("IntegrationType") else {
        return;
    };
    if !KINDS.contains(&kind.as_str()) {
        findings
            .error(
                item.place("IntegrationType"),
                format!("{} is no type of integration", shown(&kind)),
            )
            .fix(format!("use one of {}", KINDS.join(", ")));
    }
    let version = item.text("PayloadFormatVersion");
    if let Some(version) = version.filter(|version| !matches!(version.as_str(), "1.0" | "2.0")) {
        findings
            .error(
                item.place("PayloadFormatVersion"),
                format!("{} is no version", shown(&version)),
            )
            .fix("use \"2.0\"");
    }
    let is_proxy = kind == "AWS_PROXY" && !item.has("IntegrationSubtype");
    if is_proxy && !item.has("IntegrationUri") {
        findings.error(
            item.place(""),
            "a function's integration needs IntegrationUri",
        );
    }
    if is_proxy && is_http(item) && !item.has("PayloadFormatVersion") {
        findings
            .error(item.place(""), "an HTTP API needs PayloadFormatVersion")
            .fix("use \"2.0\"");
    }
    if kind == "HTTP_PROXY" && !item.has("IntegrationMethod") {
        findings.error(item.place(""), "HTTP_PROXY needs IntegrationMethod");
    }
    let timeout = item.number("TimeoutInMillis");
    let most = if is_http(item) { 30_000.0 } else { 29_000.0 };
    if let Some(value) = timeout.filter(|value| !(50.0..=most).contains(value)) {
        findings.error(
            item.place("TimeoutInMillis"),
            format!("{value} ms are not within 50 to {most}"),
        );
    }
}

/// Checks a stage.
pub(super) fn check_stage(item: &Item<'_>, findings: &mut Findings) {
    let Some(name) = item.text("StageName") else {
        return;
    };
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let is_name = name == "$default"
        || (!name.is_empty() && name.len() <= 128 && name.chars().all(is_letter));
    if !is_name {
        findings
            .error(
                item.place("StageName"),
                format!("{} is no name of a stage", shown(&name)),
            )
            .fix("use $default, or letters, digits, hyphens and underscores");
    }
    let settings = item.has("AccessLogSettings");
    for key in ["DestinationArn", "Format"] {
        if settings && !item.has(&format!("AccessLogSettings.{key}")) {
            findings.error(item.place("AccessLogSettings"), format!("{key} is missing"));
        }
    }
}

/// Checks an authorizer.
pub(super) fn check_authorizer(item: &Item<'_>, findings: &mut Findings) {
    let need = |keys: &[&str], kind: &str, findings: &mut Findings| {
        for key in keys.iter().filter(|key| !item.has(key)) {
            findings.error(
                item.place(""),
                format!("an authorizer of the type {kind} needs {key}"),
            );
        }
    };
    match item.text("AuthorizerType").as_deref() {
        Some("JWT") => {
            need(
                &[
                    "IdentitySource",
                    "JwtConfiguration.Audience",
                    "JwtConfiguration.Issuer",
                ],
                "JWT",
                findings,
            );
            let issuer = Text::of(item.at("JwtConfiguration.Issuer"))
                .map(|text| text.outline())
                .unwrap_or_default();
            if !issuer.is_empty() && !issuer.starts_with("https://") && !issuer.starts_with('x') {
                findings.error(
                    item.place("JwtConfiguration.Issuer"),
                    format!("{} is no https address", shown(&issuer)),
                );
            }
        }
        Some("REQUEST") => {
            need(&["AuthorizerUri"], "REQUEST", findings);
            if is_http(item) {
                need(&["AuthorizerPayloadFormatVersion"], "REQUEST", findings);
            }
        }
        Some(other) => {
            findings
                .error(
                    item.place("AuthorizerType"),
                    format!("{} is no type of authorizer", shown(other)),
                )
                .fix("use JWT or REQUEST");
        }
        None => {}
    }
    for (path, source) in item.list("IdentitySource") {
        let source = text(source).unwrap_or_else(|| "$".to_owned());
        if !source.starts_with('$') && !source.starts_with("route.") {
            findings
                .error(
                    item.place(&path),
                    format!("{} is no source of an identity", shown(&source)),
                )
                .fix("use $request.header.Authorization");
        }
    }
}

/// Whether the API is one for HTTP, as far as the template says.
fn is_http(item: &Item<'_>) -> bool {
    item.target(item.at("ApiId")).is_some_and(|(_, api)| {
        api.properties.get("ProtocolType").and_then(text).as_deref() == Some("HTTP")
    })
}

fn problem_of_key(item: &Item<'_>, key: &str) -> Option<&'static str> {
    if key == "$default" {
        return None;
    }
    if key.starts_with('$') {
        let is_special = matches!(key, "$connect" | "$disconnect") && !is_http(item);
        return (!is_special).then_some("is no route");
    }
    let Some((method, path)) = key.split_once(' ') else {
        return is_http(item).then_some("has no method and path");
    };
    if !METHODS.contains(&method) {
        return Some("has no method such as GET or ANY");
    }
    if !path.starts_with('/') || path.contains(' ') {
        return Some("has no path that begins with /");
    }
    let is_balanced = path.matches('{').count() == path.matches('}').count();
    (!is_balanced).then_some("has a variable without its brace")
}

fn check_authorization(item: &Item<'_>, findings: &mut Findings) {
    const KINDS: &[&str] = &["AWS_IAM", "CUSTOM", "JWT", "NONE"];
    let kind = item
        .text("AuthorizationType")
        .unwrap_or_else(|| "NONE".to_owned());
    if !KINDS.contains(&kind.as_str()) {
        findings
            .error(
                item.place("AuthorizationType"),
                format!("{} is no authorization", shown(&kind)),
            )
            .fix(format!("use one of {}", KINDS.join(", ")));
        return;
    }
    let needs = matches!(kind.as_str(), "CUSTOM" | "JWT");
    let is_open = item.has("AuthorizationType") && item.text("AuthorizationType").is_none();
    if needs && !item.has("AuthorizerId") {
        findings.error(item.place(""), format!("{kind} needs AuthorizerId"));
    }
    if !needs && !is_open && item.has("AuthorizerId") {
        findings
            .error(
                item.place("AuthorizerId"),
                format!("the authorizer is not asked where AuthorizationType is {kind}"),
            )
            .fix("set AuthorizationType: JWT or CUSTOM");
    }
    if kind != "JWT" && !is_open && item.has("AuthorizationScopes") {
        findings.error(item.place("AuthorizationScopes"), "scopes are for JWT only");
    }
    check_kind_of_authorizer(item, &kind, findings);
}

fn check_kind_of_authorizer(item: &Item<'_>, kind: &str, findings: &mut Findings) {
    let authorizer = item.target(item.at("AuthorizerId"));
    let other = authorizer.and_then(|(_, one)| one.properties.get("AuthorizerType").and_then(text));
    let fits = match other.as_deref() {
        Some("JWT") => kind == "JWT",
        Some("REQUEST") => kind == "CUSTOM",
        _ => true,
    };
    if !fits {
        findings.error(
            item.place("AuthorizationType"),
            format!(
                "{kind} does not fit to an authorizer of the type {}",
                other.unwrap_or_default()
            ),
        );
    }
}
