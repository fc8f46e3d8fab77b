//! `scar.policy.toml`: what a repository allows its workflows. Its text becomes rules here; the rules are
//! checked where plans are made.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use scar_manifest::{Diagnostic, Files, Format, Source, nearest};
use scar_plan::{MicroDollars, Policy};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::CliError;
use crate::project::Folder;
use crate::view::{Screen, diagnostics};

/// Name of the file.
pub(crate) const FILE: &str = "scar.policy.toml";
/// All rules.
const RULES: [&str; 9] = [
    "regions",
    "accounts",
    "cost_per_month",
    "widen_in",
    "pinned_images",
    "registries",
    "resources_max",
    "no_open_http",
    "hardened_in",
];

/// The policy file for the manifests of a folder: there or in the next folder above, within a repository.
pub(crate) fn find(folder: &Path) -> Option<PathBuf> {
    let here = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let absolute = here.canonicalize().ok()?;
    for above in absolute.ancestors() {
        let file = above.join(FILE);
        if file.is_file() {
            return Some(file);
        }
        if above.join(".git").exists() {
            return None;
        }
    }
    None
}

/// The rules for the manifests of a folder; none without a file. Mistakes are printed at once.
pub(crate) fn load(folder: &Path, screen: &Screen) -> Result<Policy, CliError> {
    let Some(path) = find(folder) else {
        return Ok(Policy::default());
    };
    let above = path.parent().unwrap_or_else(|| Path::new(""));
    let name = path.display().to_string();
    let text = Folder::new(above)
        .read(FILE)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string()))
        .map_err(|reason| CliError::failure(format!("cannot read {name}: {reason}")))?;
    let mut report = Vec::new();
    let policy = read(&text, &mut report);
    if report.is_empty() {
        return Ok(policy);
    }
    let source = Source {
        name,
        text,
        format: Format::Toml,
    };
    Err(diagnostics::invalid(&source, &report, screen))
}

/// Text → rules, and every mistake.
fn read(text: &str, report: &mut Vec<Diagnostic>) -> Policy {
    let mut policy = Policy::default();
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let summary = format!("not valid TOML: {}", error.message());
        report.push(Diagnostic::error("E803", summary).label(span, "here"));
    }
    for (key, value) in table.into_inner() {
        rule(&mut policy, &key, &value, report);
    }
    policy
}

type Key<'a> = Spanned<Cow<'a, str>>;
type Value<'a> = Spanned<DeValue<'a>>;

fn rule(policy: &mut Policy, key: &Key<'_>, value: &Value<'_>, report: &mut Vec<Diagnostic>) {
    let known = match key.get_ref().as_ref() {
        "regions" => texts(value).map(|all| policy.regions = Some(all)),
        "accounts" => texts(value).map(|all| policy.accounts = Some(all)),
        "widen_in" => texts(value).map(|all| policy.widen_in = Some(all)),
        "hardened_in" => texts(value).map(|all| policy.hardened_in = all),
        "registries" => texts(value).map(|all| policy.registries = all),
        "pinned_images" => flag(value).map(|is| policy.pinned_images = is),
        "no_open_http" => flag(value).map(|is| policy.no_open_http = is),
        "resources_max" => whole(value).map(|most| policy.resources_max = Some(most)),
        "cost_per_month" => dollars(value).map(|most| policy.cost_per_month = Some(most)),
        other => return report.push(unknown(other, key.span())),
    };
    if let Err(wanted) = known {
        let summary = format!("rule `{}` wants {wanted}", key.get_ref());
        report
            .push(Diagnostic::error("E802", summary).label(value.span(), "this is something else"));
    }
}

fn unknown(name: &str, span: std::ops::Range<usize>) -> Diagnostic {
    let summary = format!("unknown rule `{name}`");
    let found = Diagnostic::error("E801", summary);
    match nearest(name, RULES) {
        Some(near) => found.label(span, format!("did you mean `{near}`?")),
        None => found
            .label(span, "no rule has this name")
            .help(format!("the rules are: {}", RULES.join(", "))),
    }
}

fn texts(value: &Value<'_>) -> Result<BTreeSet<String>, &'static str> {
    const WANTED: &str = "a list of texts, for instance [\"a\", \"b\"]";
    let DeValue::Array(items) = value.get_ref() else {
        return Err(WANTED);
    };
    let text = |item: &Value<'_>| match item.get_ref() {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        _ => Err(WANTED),
    };
    items.iter().map(text).collect()
}

fn flag(value: &Value<'_>) -> Result<bool, &'static str> {
    match value.get_ref() {
        DeValue::Boolean(is) => Ok(*is),
        _ => Err("true or false"),
    }
}

fn whole(value: &Value<'_>) -> Result<usize, &'static str> {
    let number = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
        _ => None,
    };
    number.ok_or("a whole number, for instance 400")
}

fn dollars(value: &Value<'_>) -> Result<MicroDollars, &'static str> {
    /// More than any account pays; beyond it the figure would not be exact.
    const MOST: f64 = 1e9;
    let number: Option<f64> = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
        DeValue::Float(number) => number.as_str().parse().ok(),
        _ => None,
    };
    match number.filter(|number| (0.0..=MOST).contains(number)) {
        Some(number) => Ok(MicroDollars::of(number)),
        None => Err("US dollars a month, for instance 900 or 12.50"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<&'static str> {
        let mut report = Vec::new();
        read(text, &mut report);
        report.iter().map(|one| one.code).collect()
    }

    #[test]
    fn all_rules_are_read() {
        let text = "regions = ['eu-west-1']\naccounts = ['123456789012']\ncost_per_month = 12.5\n\
            widen_in = ['dev']\npinned_images = true\nregistries = ['ghcr.io/acme/']\n\
            resources_max = 400\nno_open_http = true\nhardened_in = ['prod']\n";
        let mut report = Vec::new();
        let policy = read(text, &mut report);
        assert_eq!(report, []);
        assert_eq!(policy.cost_per_month, Some(MicroDollars(12_500_000)));
        assert_eq!(policy.resources_max, Some(400));
        assert!(policy.pinned_images && policy.no_open_http);
        for name in RULES {
            assert!(text.contains(name), "{name}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        assert_eq!(codes("region = ['a']"), ["E801"]);
        assert_eq!(
            codes("regions = 'a'\ncost_per_month = -1"),
            ["E802", "E802"]
        );
        assert_eq!(
            codes("resources_max = 0x10\npinned_images = 'yes'").len(),
            2
        );
        assert_eq!(codes("regions = [")[0], "E803");
        assert!(codes("").is_empty());
    }
}
