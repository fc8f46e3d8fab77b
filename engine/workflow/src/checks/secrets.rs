//! Secrets that stand where everybody can read them.

use std::collections::BTreeMap;

use scar_manifest::{Diagnostic, Span};
use scar_schemas::manifest::Work;

use super::{Look, One};

/// How well-known keys begin, what is behind that at least, and what they are.
const SHAPES: &[(&str, usize, &str)] = &[
    ("AKIA", 16, "an AWS access key"),
    ("ASIA", 16, "an AWS access key"),
    ("ghp_", 36, "a GitHub token"),
    ("gho_", 36, "a GitHub token"),
    ("ghs_", 36, "a GitHub token"),
    ("github_pat_", 22, "a GitHub token"),
    ("glpat-", 20, "a GitLab token"),
    ("xoxb-", 20, "a Slack token"),
    ("xoxp-", 20, "a Slack token"),
    ("sk_live_", 20, "a Stripe key"),
    ("AIza", 35, "a Google API key"),
    ("hf_", 30, "a Hugging Face token"),
    ("npm_", 36, "an npm token"),
];
/// Parts of names that promise a secret.
const NAMES: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "SECRET",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
];
/// Ends of names that only say where a secret is.
const PLACES: &[&str] = &[
    "_FILE", "_PATH", "_URL", "_NAME", "_ARN", "_ID", "_TTL", "_DIR",
];
const HELP: &str = "put it into Parameter Store or Secrets Manager and name it in `secrets`; whoever saw it may use it, so \
                    replace it";

/// Reports secrets in a stage.
pub(crate) fn check(one: One<'_>, report: &mut Vec<Diagnostic>) {
    let owner = format!("stage `{}`", one.name());
    let place = |key: &str| one.place(&format!("env.{key}"));
    variables(&one.own.settings.env, &owner, &place, report);
    if let Work::Run(script) = &one.own.work
        && let Some(kind) = kind(script)
    {
        let summary = format!("`run` of {owner} contains {kind}");
        report.push(
            Diagnostic::error("E601", summary)
                .label(one.key_of("run"), "in this script")
                .help(HELP),
        );
    }
    for name in one.own.secrets.keys() {
        if one.stage.variables.contains_key(name) {
            let summary = format!("{owner} sets `{name}` twice");
            report.push(
                Diagnostic::error("E830", summary)
                    .label(one.place(&format!("secrets.{name}")), "from a secret")
                    .label(one.place(&format!("env.{name}")), "and literally")
                    .help("remove it from `env`"),
            );
        }
    }
}

/// Reports secrets in `defaults`.
pub(crate) fn check_defaults(look: &Look<'_>, report: &mut Vec<Diagnostic>) {
    let environment = &look.workflow.environment;
    let place = |key: &str| {
        let paths = [
            format!("envs.{environment}.defaults.env.{key}"),
            format!("defaults.env.{key}"),
        ];
        let found = paths.iter().find_map(|path| look.places.get(path));
        found.map_or(0..0, |place| place.value.clone())
    };
    variables(&look.manifest.defaults.env, "`defaults`", &place, report);
}

fn variables(
    variables: &BTreeMap<String, String>,
    owner: &str,
    place: &dyn Fn(&str) -> Span,
    report: &mut Vec<Diagnostic>,
) {
    for (name, value) in variables {
        if let Some(kind) = kind(value) {
            report.push(
                Diagnostic::error(
                    "E601",
                    format!("variable `{name}` of {owner} contains {kind}"),
                )
                .label(place(name), "everybody who reads the manifest has it")
                .help(HELP),
            );
        } else if promises(name) && !value.is_empty() {
            let summary = format!("variable `{name}` of {owner} looks like a secret");
            report.push(
                Diagnostic::warning("W909", summary)
                    .label(place(name), "its value can be read in the manifest")
                    .help("name it in `secrets` instead: `secrets: {NAME: \"ssm:/NAME\"}`"),
            );
        }
    }
}

fn promises(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    NAMES.iter().any(|part| name.contains(part)) && !PLACES.iter().any(|end| name.ends_with(end))
}

/// Which well-known kind of key a text contains.
fn kind(text: &str) -> Option<&'static str> {
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    SHAPES.iter().find_map(|(start, least, kind)| {
        let found = text.match_indices(start).any(|(at, _)| {
            let is_begin = !text[..at].ends_with(word);
            let rest = text[at + start.len()..].chars().take_while(|c| word(*c));
            is_begin && rest.count() >= *least
        });
        found.then_some(*kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let aws = format!("export X={}{}", "AKIA", "A".repeat(16));
        assert_eq!(kind(&aws), Some("an AWS access key"));
        assert_eq!(kind("MAKIAVELLI AKIA"), None);
        assert!(promises("DB_PASSWORD") && !promises("TOKEN_FILE") && !promises("LEVEL"));
    }
}
