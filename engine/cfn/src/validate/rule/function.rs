//! Lambda functions and layers ("Lambda quotas" and "`CreateFunction`" of its API reference).

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, text};

/// Bytes of names and values of all variables.
const MAX_VARIABLES_BYTES: usize = 4096;
/// Seconds, MiB and MiB of temporary storage, for functions that run on Lambda's own machines.
const LIMITS: &[(&str, f64, &str)] = &[
    ("Timeout", 900.0, "s"),
    ("MemorySize", 10_240.0, "MB"),
    ("EphemeralStorage.Size", 10_240.0, "MB"),
];
/// Runtimes with which no function can be made any more ("Deprecated runtimes").
const BLOCKED: &[&str] = &[
    "dotnet6",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "go1.x",
    "java8",
    "nodejs",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs16.x",
    "nodejs4.3",
    "nodejs4.3-edge",
    "nodejs6.10",
    "nodejs8.10",
    "provided",
    "python2.7",
    "python3.6",
    "python3.7",
    "ruby2.5",
    "ruby2.7",
];
/// Variables that the service sets itself ("Defined runtime environment variables").
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Checks a function.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    match item.text("PackageType").as_deref() {
        Some("Image") => check_image(item, findings),
        Some("Zip") => check_zip(item, findings),
        None if !item.has("PackageType") => check_zip(item, findings),
        _ => {}
    }
    check_limits(item, findings);
    check_variables(item, findings);
    check_network(item, findings);
    check_logging(item, findings);
    let runtime = item.text("Runtime").unwrap_or_default();
    if BLOCKED.contains(&runtime.as_str()) {
        findings
            .error(
                item.place("Runtime"),
                format!("{runtime} can no longer be used for a new function"),
            )
            .fix("use a current runtime such as provided.al2023");
    }
}

/// Checks a layer.
pub(super) fn check_layer(item: &Item<'_>, findings: &mut Findings) {
    for key in ["S3Bucket", "S3Key"] {
        if !item.has(&format!("Content.{key}")) && item.at("Content").get("Fn::If").is_none() {
            findings.error(item.place("Content"), format!("{key} is missing"));
        }
    }
}

fn check_image(item: &Item<'_>, findings: &mut Findings) {
    if item.has("Code") && !item.has("Code.ImageUri") {
        findings.error(
            item.place("Code"),
            "a function of PackageType Image needs ImageUri",
        );
    }
    for key in ["S3Bucket", "S3Key", "ZipFile"] {
        refuse(
            item,
            &format!("Code.{key}"),
            "a function of PackageType Image",
            findings,
        );
    }
    for key in ["Handler", "Runtime", "Layers", "SnapStart"] {
        refuse(item, key, "a function of PackageType Image", findings);
    }
}

fn check_zip(item: &Item<'_>, findings: &mut Findings) {
    if item.has("Code.ImageUri") {
        findings
            .error(item.place("PackageType"), "Code has an ImageUri")
            .fix("set PackageType: Image");
        return;
    }
    refuse(
        item,
        "ImageConfig",
        "a function of PackageType Zip",
        findings,
    );
    for key in ["Runtime", "Handler"] {
        if !item.has(key) {
            findings.error(
                item.place(""),
                format!("a function of PackageType Zip needs {key}"),
            );
        }
    }
    check_code(item, findings);
}

fn check_code(item: &Item<'_>, findings: &mut Findings) {
    let Some(code) = item.at("Code").as_object() else {
        return;
    };
    let has = |key: &str| code.contains_key(key);
    let place = item.place("Code");
    match (has("ZipFile"), has("S3Bucket"), has("S3Key")) {
        (true, false, false) => {
            let runtime = item.text("Runtime").unwrap_or_else(|| "python".to_owned());
            if !runtime.starts_with("python") && !runtime.starts_with("nodejs") {
                findings
                    .error(
                        place,
                        format!("code within the template does not work with {runtime}"),
                    )
                    .fix("give S3Bucket and S3Key");
            }
        }
        (true, ..) => {
            findings.error(place, "ZipFile excludes S3Bucket and S3Key");
        }
        (false, true, true) => {}
        (false, bucket, _) => {
            let missing = if bucket { "S3Key" } else { "S3Bucket" };
            findings.error(place, format!("{missing} is missing"));
        }
    }
}

fn check_limits(item: &Item<'_>, findings: &mut Findings) {
    // Functions on instances of one's own have other limits, which the schema has.
    if !item.has("CapacityProviderConfig") {
        for (path, most, unit) in LIMITS {
            if let Some(value) = item.number(path).filter(|value| value > most) {
                let message = format!("{value} {unit} is above {most} {unit}, the most");
                findings.error(item.place(path), message);
            }
        }
    }
    if item
        .number("ReservedConcurrentExecutions")
        .is_some_and(|value| value < 0.0)
    {
        findings.error(
            item.place("ReservedConcurrentExecutions"),
            "is below 0, the least",
        );
    }
}

fn check_variables(item: &Item<'_>, findings: &mut Findings) {
    let place = item.place("Environment.Variables");
    let Some(variables) = item.at("Environment.Variables").as_object() else {
        return;
    };
    let mut bytes = 0;
    for (name, value) in variables {
        bytes += name.len() + text(value).map_or(0, |text| text.len());
        if !is_variable(name) {
            findings
                .error(&*place, format!("{name:?} is no name of a variable"))
                .fix("letters, digits and underscores, beginning with a letter, at least two");
        }
        if RESERVED.contains(&name.as_str()) {
            findings.error(&*place, format!("{name} is set by the service"));
        }
        let is_text = !matches!(value, Value::Array(_))
            && (!value.is_object() || super::super::item::is_open(value));
        if !is_text {
            findings.error(format!("{place}.{name}"), "a variable is text");
        }
    }
    if bytes > MAX_VARIABLES_BYTES {
        findings
            .error(
                place,
                format!("{bytes} bytes of variables, at most {MAX_VARIABLES_BYTES} are allowed"),
            )
            .fix("put settings into an object and give its key");
    }
}

fn is_variable(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    // Names of the service itself may begin otherwise; they are another finding.
    let is_reserved = RESERVED.contains(&name);
    is_reserved
        || (name.len() >= 2
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(is_letter))
}

fn check_network(item: &Item<'_>, findings: &mut Findings) {
    let (subnets, groups) = ("VpcConfig.SubnetIds", "VpcConfig.SecurityGroupIds");
    let count = |path: &str| {
        item.at(path)
            .as_array()
            .map_or_else(|| usize::from(item.has(path)), Vec::len)
    };
    if (count(subnets) == 0) != (count(groups) == 0) {
        findings.error(
            item.place("VpcConfig"),
            "SubnetIds and SecurityGroupIds go together",
        );
    }
}

fn check_logging(item: &Item<'_>, findings: &mut Findings) {
    let format = item.text("LoggingConfig.LogFormat");
    let is_text = format.as_deref() == Some("Text") || !item.has("LoggingConfig.LogFormat");
    for key in ["ApplicationLogLevel", "SystemLogLevel"] {
        if is_text && item.has(&format!("LoggingConfig.{key}")) {
            findings
                .error(
                    item.place("LoggingConfig"),
                    format!("{key} needs the log format JSON"),
                )
                .fix("set LogFormat: JSON");
        }
    }
}

/// A property that something cannot have.
fn refuse(item: &Item<'_>, path: &str, what: &str, findings: &mut Findings) {
    if item.has(path) {
        let name = path.rsplit('.').next().unwrap_or(path);
        findings
            .error(item.place(path), format!("{what} has no {name}"))
            .fix("remove it");
    }
}
