//! The reference page of the manifest, made of the tables that the reader uses.

use std::fmt::Write;

use crate::keys::{Key, Shape, Table};
use crate::language::MANIFEST_TABLE;
use crate::limits;
use crate::units::{show_mib, show_seconds};

const HEAD: &str = "# Manifest reference

One file, `workflow.yaml` or `workflow.toml`, says what a workflow is. YAML and TOML are the same language:
maps, lists and single values with the same keys. Made from the reader's own tables; do not edit by hand.

- Sizes have units: `512MiB`, `4GiB`. Durations too: `90s`, `15m`, `6h`, `30d`.
- `{{ vars.NAME }}`, `{{ env.name }}`, `{{ region }}` and `{{ account }}` are filled into single values after the file is
  read, never into `run` or script files: scripts read environment variables. Region and account are those of the cloud
  that is worked on; where none is asked, those that the manifest names.
- Text that some YAML reader takes for something else (`no`, `12:30`, `010`, `1.10`) must be in quotes.
- YAML tags, merge keys, directives and several documents in a file are refused. Anchors and aliases work.
- A file has at most 256 KiB and 64 levels.
";

/// The page `docs/reference/manifest.md`.
#[must_use]
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    section(&mut page, "Top level", "", &MANIFEST_TABLE);
    page
}

fn section(page: &mut String, title: &str, path: &str, table: &'static Table) {
    let _ = write!(page, "\n## {title}\n");
    for key in table.keys {
        entry(page, path, key);
    }
    later(page, table);
    for key in table.keys {
        let path = format!("{path}{}", key.name);
        match &key.shape {
            Shape::Named(inner, what, _) => {
                let path = format!("{path}.NAME");
                section(
                    page,
                    &format!("`{path}`: a {what}"),
                    &format!("{path}."),
                    inner,
                );
            }
            // The parts of `defaults` are described where a stage has them.
            Shape::Table(inner) | Shape::WordOr(_, inner)
                if !path.starts_with("defaults.") && !path.starts_with("envs.NAME.defaults") =>
            {
                section(page, &format!("`{path}`"), &format!("{path}."), inner);
            }
            _ => {}
        }
    }
}

fn entry(page: &mut String, path: &str, key: &Key) {
    let required = if key.required { ", required" } else { "" };
    let _ = write!(
        page,
        "\n### `{path}{}`\n\n{}{required}. {}\n",
        key.name,
        kind(&key.shape),
        key.meaning
    );
    if !key.default.is_empty() {
        let _ = write!(page, "\n- Default: `{}`\n", key.default);
    }
    if let Some(limit) = limit(&key.shape) {
        let gap = if key.default.is_empty() { "\n" } else { "" };
        let _ = writeln!(page, "{gap}- Limit: {limit}");
    }
    let _ = write!(page, "\n```yaml\n{}\n```\n", key.example);
}

fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Version => "Number 1".to_owned(),
        Shape::Boolean => "`true` or `false`".to_owned(),
        Shape::Integer(..) => "Whole number".to_owned(),
        Shape::Size(..) => "Size".to_owned(),
        Shape::Duration(..) => "Duration".to_owned(),
        Shape::LogDays => "Duration in days".to_owned(),
        Shape::Choice(words, _) => format!("One of `{}`", words.join("`, `")),
        Shape::Text(rule) => capital(rule.describe()),
        Shape::Arguments => "List of text".to_owned(),
        Shape::TextList(rule) => format!("{}, or list", capital(rule.describe())),
        Shape::WordOr(words, _) => format!("One of `{}`, or map", words.join("`, `")),
        Shape::Texts(..) => "Map of names to text".to_owned(),
        Shape::Inputs => "Key pattern, or list".to_owned(),
        Shape::Outputs => {
            "Prefix or key pattern, list, or map of prefixes to file patterns".to_owned()
        }
        Shape::Table(_) => "Map".to_owned(),
        Shape::Named(_, what, _) => format!("Map of names to {what}s"),
    }
}

fn limit(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Integer(least, most) => Some(format!("{least} to {most}")),
        Shape::Size(least, most, _) => Some(format!("{} to {}", show_mib(*least), show_mib(*most))),
        Shape::Duration(least, most, _) => Some(format!(
            "{} to {}",
            show_seconds(*least),
            show_seconds(*most)
        )),
        Shape::LogDays => {
            let days: Vec<String> = limits::LOG_DAYS
                .iter()
                .map(|days| format!("{days}d"))
                .collect();
            Some(format!(
                "one of {} (CloudWatch Logs, `PutRetentionPolicy`)",
                days.join(", ")
            ))
        }
        Shape::Text(rule) => rule.limit(),
        Shape::Named(_, what, most) => Some(format!("{most} {what}s; names as for `name`")),
        Shape::Texts(names, _) => match names {
            crate::text_rule::TextRule::ContainerVariable => Some(format!(
                "{} bytes for a stage, names and values together",
                limits::VARIABLES_BYTES
            )),
            crate::text_rule::TextRule::TagKey => Some(format!("{} tags", limits::TAGS)),
            _ => None,
        },
        _ => None,
    }
}

fn later(page: &mut String, table: &Table) {
    if table.later.is_empty() {
        return;
    }
    page.push_str("\nNot supported yet, with what to do today:\n\n");
    for (name, advice) in table.later {
        let _ = writeln!(page, "- `{name}`: {advice}.");
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}
