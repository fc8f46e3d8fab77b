//! What a stage runs: image, script, variables; and what is said about it: description, logs, tags.

use super::draft::{self, Draft};
use super::function::Function;
use super::report::{Found, Report};
use super::value;
use crate::diagnostic::Diagnostic;
use crate::limits::LOG_DAYS;
use crate::text_rule::TextRule;
use crate::words::quoted;

/// Everything that a stage runs, and with which variables.
pub(crate) fn convert(
    function: &Function<'_>,
    workflow: &str,
    draft: &mut Draft,
    report: &mut Report,
) {
    image(function, draft, report);
    script(function, draft, report);
    variables(function, workflow, draft, report);
    logs(function, draft, report);
    tags(function, draft, report);
}

fn image(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    let to = function.to("image");
    let mut image: Option<String> = None;
    // The container's own fields, then those of files older than SCAR 4; a file comes before a registry.
    for path in ["lambda.container.image_file", "lambda.image_file"] {
        one_image(function, path, "archive:", &mut image, &to, report);
    }
    for path in ["lambda.container.image", "lambda.image"] {
        one_image(function, path, "", &mut image, &to, report);
    }
    match image {
        Some(image) => {
            draft.set("image", draft::text(&image));
        }
        None => {
            let place = function
                .get("lambda")
                .unwrap_or_else(|| function.found.clone());
            report.wrong(
                &place,
                "has no `container.image`",
                "write the image: `container: {image: debian:13-slim}`",
            );
        }
    }
}

fn one_image(
    function: &Function<'_>,
    path: &str,
    lead: &str,
    image: &mut Option<String>,
    to: &str,
    report: &mut Report,
) {
    let Some(found) = function.get(path) else {
        return;
    };
    let Some(text) = value::filled(&found, report) else {
        return report.dropped(&found, "it is empty");
    };
    if image.is_some() {
        return report.dropped(&found, "the other image is the one that ran");
    }
    report.mapped(&found, to);
    *image = Some(format!("{lead}{text}"));
}

fn script(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    let to = function.to("script");
    let mut script = None;
    if let Some(found) = function.get("lambda.init_script") {
        script = value::filled(&found, report);
        match script {
            Some(_) => report.mapped(&found, &to),
            None => report.dropped(&found, "it is empty"),
        }
    }
    if let Some(found) = function.get("lambda.run_script") {
        match (&script, value::filled(&found, report)) {
            (None, Some(text)) => {
                report.changed(
                    &found,
                    &to,
                    "`scar run` sent it along; now it is the stage's own",
                );
                script = Some(text);
            }
            _ => report.dropped(
                &found,
                "a stage has one script: make a second stage to run this one",
            ),
        }
    }
    if let Some(script) = script {
        let script = script.trim_start_matches("./");
        draft.set("script", draft::text(script));
    }
}

fn variables(function: &Function<'_>, workflow: &str, draft: &mut Draft, report: &mut Report) {
    let mut variables = Variables {
        function,
        workflow,
        plain: Vec::new(),
        secret: Vec::new(),
    };
    if let Some(found) = function.get("lambda.container.environment.Variables") {
        variables.all(&found, report);
    }
    if let Some(found) = function
        .get("batch.environment.Variables")
        .filter(|_| function.uses_batch())
    {
        variables.all(&found, report);
    }
    if let Some(found) = function.get("lambda.environment.Variables") {
        if function.is_image {
            variables.all(&found, report);
        } else {
            report.dropped(
                &found,
                "containers never saw them: what one needs goes into `env`",
            );
        }
    }
    if !variables.plain.is_empty() {
        draft.set("env", draft::texts(&variables.plain));
    }
    if !variables.secret.is_empty() {
        let comment = "were plain text: put the values into Parameter Store before the first run";
        draft.set_with_comment("secrets", draft::texts(&variables.secret), comment);
    }
}

struct Variables<'a> {
    function: &'a Function<'a>,
    workflow: &'a str,
    plain: Vec<(String, String)>,
    secret: Vec<(String, String)>,
}

impl Variables<'_> {
    fn all(&mut self, found: &Found<'_>, report: &mut Report) {
        if found.node.entries().is_empty() {
            report.dropped(found, "there are none");
        }
        for (name, variable) in found.fields() {
            self.one(name, &variable, report);
        }
    }

    fn one(&mut self, name: &str, found: &Found<'_>, report: &mut Report) {
        let is_known = |all: &[(String, String)]| all.iter().any(|(known, _)| known == name);
        if name.starts_with("UDOCKER_") {
            return report.dropped(found, "containers run without udocker");
        }
        if is_known(&self.plain) || is_known(&self.secret) {
            return report.dropped(
                found,
                "a variable of this name is set nearer to the container",
            );
        }
        if let Err(problem) = TextRule::ContainerVariable.check(name) {
            return match problem.code {
                "E107" => report.dropped(found, "the supervisor sets this variable for every task"),
                _ => report.wrong(found, &problem.what, &problem.help),
            };
        }
        let Some(text) = value::text(found, report) else {
            return;
        };
        if is_secret(name, &text) {
            self.secret(name, found, report);
        } else {
            report.mapped(found, &self.function.to(&format!("env.{name}")));
            self.plain.push((name.to_owned(), text));
        }
    }

    /// A value that is somebody's key is not written into another file.
    fn secret(&mut self, name: &str, found: &Found<'_>, report: &mut Report) {
        let parameter = format!("/{}/{}/{name}", self.workflow, self.function.stage);
        let command =
            format!("aws ssm put-parameter --type SecureString --name {parameter} --value …");
        let to = self.function.to(&format!("secrets.{name}"));
        report.changed(
            found,
            &to,
            &format!("it looks like a secret: store it with `{command}`"),
        );
        let summary = format!(
            "variable {} looks like a secret in plain text",
            quoted(name)
        );
        report.diagnostics.push(
            Diagnostic::warning("W982", summary)
                .label(found.place.key.clone(), "this one")
                .help(format!(
                    "store it with `{command}`, and revoke the value that stands here"
                )),
        );
        self.secret
            .push((name.to_owned(), format!("ssm:{parameter}")));
    }
}

/// Parts of names that say that the value is a key to something.
const SECRET_NAMES: &[&str] = &[
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "TOKEN",
    "APIKEY",
    "API_KEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "CREDENTIAL",
];
/// How access keys of AWS and tokens of code hosts begin.
const SECRET_VALUES: &[&str] = &[
    "AKIA",
    "ASIA",
    "ghp_",
    "github_pat_",
    "glpat-",
    "-----BEGIN ",
];

fn is_secret(name: &str, text: &str) -> bool {
    let name = name.to_ascii_uppercase();
    !text.is_empty()
        && (SECRET_NAMES.iter().any(|part| name.contains(part))
            || SECRET_VALUES.iter().any(|start| text.starts_with(start)))
}

fn logs(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    let Some(found) = function.get("cloudwatch.log_retention_policy_in_days") else {
        return;
    };
    let Some(days) = value::integer(&found, report) else {
        return;
    };
    let longest = LOG_DAYS.last().copied().unwrap_or(days);
    let kept = LOG_DAYS
        .iter()
        .copied()
        .find(|known| *known >= days)
        .unwrap_or(longest);
    let to = function.to("logs.keep");
    if kept == days {
        report.mapped(&found, &to);
    } else {
        report.changed(
            &found,
            &to,
            &format!("CloudWatch Logs keeps {kept} days, not {days}"),
        );
    }
    let mut logs = Draft::default();
    logs.set("keep", draft::text(&format!("{kept}d")));
    draft.set("logs", logs.flow());
}

/// Tags that SCAR 4 set itself.
const OWN_TAGS: &[&str] = &["createdby", "owner"];

fn tags(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    let Some(found) = function.get("lambda.tags") else {
        return;
    };
    let mut tags = Vec::new();
    for (key, tag) in found.fields() {
        if OWN_TAGS.contains(&key) {
            report.dropped(&tag, "scar's own tags say what made it");
        } else if let Some(text) = value::text(&tag, report) {
            let note = "SCAR 4 replaced tags by its own; now this one is set";
            report.changed(&tag, &function.to(&format!("tags.{key}")), note);
            tags.push((key.to_owned(), text));
        }
    }
    if !tags.is_empty() {
        draft.set("tags", draft::texts(&tags));
    }
    if found.node.entries().is_empty() {
        report.dropped(&found, "there are none");
    }
}
