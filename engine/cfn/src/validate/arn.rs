//! The shape of ARNs, wherever one stands.

use serde_json::Value;

use super::finding::Findings;
use super::scalar::shown;
use super::text::Text;
use super::trail::Trail;
use super::world::function;

/// Checks all text that begins as an ARN does.
pub(super) fn check(value: &Value, path: &Trail<'_>, findings: &mut Findings) {
    match value {
        Value::String(text) => check_text(text, path, findings),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check(item, &path.index(index), findings);
            }
        }
        Value::Object(_) if function(value).is_some() => {
            if let Some(text) = Text::of(value) {
                check_text(&text.outline(), path, findings);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                check(item, &path.key(key), findings);
            }
        }
        _ => {}
    }
}

fn check_text(outline: &str, path: &Trail<'_>, findings: &mut Findings) {
    if let Some(problem) = problem(outline) {
        findings
            .error(path, problem)
            .fix("an ARN is arn:partition:service:region:account:resource");
    }
}

/// Services whose ARNs have neither region nor account.
const WITHOUT_ACCOUNT: &[&str] = &["s3"];
/// Services whose ARNs have no region.
const WITHOUT_REGION: &[&str] = &["iam", "s3", "sts", "cloudfront", "route53"];

fn problem(outline: &str) -> Option<String> {
    let rest = outline.strip_prefix("arn:")?;
    let parts: Vec<&str> = rest.splitn(5, ':').collect();
    let [partition, service, region, account, resource] = parts.as_slice() else {
        // A policy may end an ARN with a star.
        let is_pattern = outline.ends_with(":*");
        return (!is_pattern).then(|| format!("{} has too few parts for an ARN", shown(outline)));
    };
    let wrong = |what: &str| Some(format!("{} has no {what} of an ARN", shown(outline)));
    if !is_partition(partition) {
        return wrong("partition");
    }
    if service.is_empty() || !service.chars().all(is_service_letter) {
        return wrong("service");
    }
    if resource.is_empty() {
        return wrong("resource");
    }
    // Integrations have the service they call in this place.
    if !is_account(account) && *service != "apigateway" {
        return wrong("account (12 digits)");
    }
    problem_of_service(service, region, account, resource, outline)
}

fn problem_of_service(
    service: &str,
    region: &str,
    account: &str,
    resource: &str,
    outline: &str,
) -> Option<String> {
    let is_given = |part: &str| !part.is_empty() && part != "*";
    if WITHOUT_REGION.contains(&service) && is_given(region) {
        return Some(format!(
            "{} has a region, which {service} does not have",
            shown(outline)
        ));
    }
    let is_bucket = WITHOUT_ACCOUNT.contains(&service) && !resource.starts_with("accesspoint");
    if is_bucket && is_given(account) {
        return Some(format!(
            "{} has an account, which {service} does not have",
            shown(outline)
        ));
    }
    let needs_region = matches!(
        service,
        "lambda" | "sqs" | "sns" | "logs" | "batch" | "events" | "states"
    );
    if needs_region && region.is_empty() && !resource.starts_with("awslayer") {
        return Some(format!("{} has no region", shown(outline)));
    }
    None
}

fn is_partition(part: &str) -> bool {
    part == "*" || part == "x" || part.starts_with("aws")
}

fn is_service_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '*')
}

fn is_account(part: &str) -> bool {
    let is_number = part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit());
    part.is_empty()
        || is_number
        || part.contains('*')
        || part.contains('x')
        || part.starts_with("aws")
        || part.contains('$')
        || part.contains('?')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shapes() {
        let is_good = |value: Value| {
            let mut findings = Findings::default();
            check(&value, &Trail::new("X"), &mut findings);
            findings.into_sorted().is_empty()
        };
        for good in [
            "arn:aws:s3:::bucket/*",
            "arn:aws:iam::aws:policy/service-role/X",
            "arn:aws:lambda:eu-west-1:123456789012:function:x",
            "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:q",
            "arn:aws:s3:*",
            "arn of something",
        ] {
            assert!(is_good(json!(good)), "{good}");
        }
        for bad in [
            "arn:aws:s3::bucket",
            "arn:aws:iam::12345:role/x",
            "arn:aws:iam:eu-west-1:123456789012:role/x",
            "arn::s3:::bucket",
            "arn:aws:s3:eu-west-1::bucket",
        ] {
            assert!(!is_good(json!(bad)), "{bad}");
        }
        assert!(is_good(
            json!({"Fn::Sub": "arn:${AWS::Partition}:s3:::${B}/*"})
        ));
        assert!(!is_good(
            json!({"Fn::Sub": "arn:${AWS::Partition}:s3::${B}"})
        ));
    }
}
