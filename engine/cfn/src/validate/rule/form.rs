//! Values whose form the resource schemas leave open, though the service does not (its API reference).

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, at, number, text};
use super::super::scalar::shown;

/// What a value may be.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// One of these texts.
    One(&'static [&'static str]),
    /// A number in a range.
    Range(f64, f64),
    /// Text for which this holds, with the words for it.
    Text(fn(&str) -> bool, &'static str),
}

use Form::{One, Range, Text};

const METHODS: &[&str] = &[
    "*", "ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT",
];
const SYSTEMS: &[&str] = &[
    "LINUX",
    "WINDOWS_SERVER_2019_CORE",
    "WINDOWS_SERVER_2019_FULL",
    "WINDOWS_SERVER_2022_CORE",
    "WINDOWS_SERVER_2022_FULL",
];
const TIMESTAMP: Form = Text(is_timestamp, "a time such as 2030-01-01T00:00:00Z");

/// Type, path of a value or of a list of them, and its form.
const FORMS: &[(&str, &str, Form)] = &[
    (
        "ApiGatewayV2::Api",
        "CorsConfiguration.AllowMethods",
        One(METHODS),
    ),
    (
        "ApiGatewayV2::Integration",
        "IntegrationMethod",
        One(METHODS),
    ),
    (
        "ApiGatewayV2::Stage",
        "DefaultRouteSettings.ThrottlingBurstLimit",
        Range(0.0, f64::MAX),
    ),
    (
        "ApiGatewayV2::Stage",
        "DefaultRouteSettings.ThrottlingRateLimit",
        Range(0.0, f64::MAX),
    ),
    (
        "Batch::JobDefinition",
        "ContainerProperties.Image",
        Text(is_image, "the reference of an image"),
    ),
    (
        "Batch::JobDefinition",
        "ContainerProperties.RuntimePlatform.CpuArchitecture",
        One(&["X86_64", "ARM64"]),
    ),
    (
        "Batch::JobDefinition",
        "ContainerProperties.RuntimePlatform.OperatingSystemFamily",
        One(SYSTEMS),
    ),
    (
        "CloudWatch::Alarm",
        "ExtendedStatistic",
        Text(is_statistic, "a percentile such as p99.9"),
    ),
    (
        "EC2::LaunchTemplate",
        "LaunchTemplateData.MetadataOptions.HttpPutResponseHopLimit",
        Range(1.0, 64.0),
    ),
    (
        "Lambda::Alias",
        "Name",
        Text(is_no_number, "a name that is not a number"),
    ),
    (
        "Lambda::Function",
        "KmsKeyArn",
        Text(is_key, "the ARN of a key"),
    ),
    (
        "Lambda::Version",
        "ProvisionedConcurrencyConfig.ProvisionedConcurrentExecutions",
        Range(1.0, f64::MAX),
    ),
    (
        "SNS::Topic",
        "DisplayName",
        Text(is_at_most_100, "at most 100 characters"),
    ),
    (
        "SQS::Queue",
        "RedriveAllowPolicy.redrivePermission",
        One(&["allowAll", "denyAll", "byQueue"]),
    ),
    ("Scheduler::Schedule", "EndDate", TIMESTAMP),
    ("Scheduler::Schedule", "StartDate", TIMESTAMP),
];

/// Lists in which each of the entries of this name is there once.
const ONCE: &[(&str, &str, &str)] = &[
    (
        "Batch::JobDefinition",
        "ContainerProperties.Environment",
        "Name",
    ),
    ("CloudWatch::Alarm", "Dimensions", "Name"),
];

/// Checks all that the tables say of a resource.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    let kind = item.kind().strip_prefix("AWS::").unwrap_or_default();
    for (_, path, form) in FORMS.iter().filter(|(one, ..)| *one == kind) {
        match item.at(path) {
            Value::Array(items) => items
                .iter()
                .for_each(|value| check_form(item, path, value, *form, findings)),
            value => check_form(item, path, value, *form, findings),
        }
    }
    for (_, path, name) in ONCE.iter().filter(|(one, ..)| *one == kind) {
        check_once(item, path, name, findings);
    }
    check_tags(item, findings);
}

fn check_form(item: &Item<'_>, path: &str, value: &Value, form: Form, findings: &mut Findings) {
    match form {
        One(words) => {
            if let Some(word) = text(value).filter(|word| !words.contains(&word.as_str())) {
                let message = format!("{} is not one of its values", shown(&word));
                let finding = findings.error(item.place(path), message);
                finding.fix(format!("use {}", words.join(", ")));
            }
        }
        Range(least, most) => {
            if let Some(number) = number(value).filter(|one| !(least..=most).contains(one)) {
                let message = format!("{number} is outside of what is allowed");
                let finding = findings.error(item.place(path), message);
                finding.fix(match most {
                    f64::MAX => format!("at least {least}"),
                    _ => format!("{least} to {most}"),
                });
            }
        }
        Text(holds, what) => {
            if let Some(text) = text(value).filter(|text| !holds(text)) {
                let message = format!("{} is not {what}", shown(&text));
                findings.error(item.place(path), message);
            }
        }
    }
}

fn check_once(item: &Item<'_>, path: &str, name: &str, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for (index, text) in names(item, path, name) {
        if !seen.insert(text) {
            let message = format!("{name} {} is there twice", shown(text));
            findings.error(item.place(&format!("{path}.{index}")), message);
        }
    }
}

/// Tags as a list: each key once, and none of those that belong to AWS ("Tagging AWS resources").
fn check_tags(item: &Item<'_>, findings: &mut Findings) {
    check_once(item, "Tags", "Key", findings);
    for (index, key) in names(item, "Tags", "Key") {
        let prefix = key.get(..4).unwrap_or_default();
        if prefix.eq_ignore_ascii_case("aws:") {
            let place = item.place(&format!("Tags.{index}"));
            findings
                .error(place, "keys that begin with aws: belong to AWS")
                .fix("choose another key");
        }
    }
}

/// The names of a list's entries, with their numbers.
fn names<'i>(
    item: &'i Item<'_>,
    path: &str,
    name: &'i str,
) -> impl Iterator<Item = (usize, &'i str)> {
    let entries = item.at(path).as_array().into_iter().flatten().enumerate();
    entries.filter_map(move |(index, entry)| Some((index, at(entry, name).as_str()?)))
}

fn is_at_most_100(text: &str) -> bool {
    text.chars().count() <= 100
}

fn is_no_number(name: &str) -> bool {
    !name.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_image(reference: &str) -> bool {
    !reference.is_empty() && !reference.contains(char::is_whitespace)
}

fn is_key(arn: &str) -> bool {
    arn.is_empty() || arn.starts_with("arn:") && arn.contains(":kms:")
}

/// `p` and a percentage, or one of the trimmed statistics such as `tm90` and `TM(10%:90%)`.
fn is_statistic(text: &str) -> bool {
    match text.strip_prefix('p').map(str::parse::<f64>) {
        Some(Ok(percentage)) => (0.0..=100.0).contains(&percentage),
        Some(Err(_)) => false,
        None => true,
    }
}

/// `2030-01-01T00:00:00`, with or without parts of a second and a zone.
fn is_timestamp(text: &str) -> bool {
    let shape = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    text.len() >= 19 && text.bytes().take(19).enumerate().all(shape)
}
