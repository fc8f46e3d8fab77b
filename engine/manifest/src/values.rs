//! Single values: numbers, words, texts and maps of texts.

use scar_schemas::manifest::VERSION;

use crate::check::{At, Checker, join};
use crate::diagnostic::Diagnostic;
use crate::image;
use crate::keys::{Key, Shape, Table};
use crate::limits;
use crate::suggest::nearest;
use crate::text_rule::TextRule;
use crate::tree::{Reading, Value};
use crate::words::{owner, quoted};

/// What is wrong with a file: code, what, help.
type FileCheck = fn(&dyn crate::Files, &str) -> Option<(&'static str, String, &'static str)>;

impl Checker<'_> {
    pub(crate) fn version(&mut self, at: At<'_>) {
        if !matches!(&at.node.value, Value::Number(number) if *number == VERSION.to_string()) {
            let summary =
                format!("this version of the manifest language is not known; {VERSION} is");
            let help = format!("write `scar: {VERSION}` (TOML: `scar = {VERSION}`)");
            self.report.push(
                Diagnostic::error("E006", summary)
                    .label(at.span(), "this")
                    .help(help),
            );
        }
    }

    pub(crate) fn boolean(&mut self, at: At<'_>) {
        match &at.node.value {
            Value::Boolean(_) => {}
            Value::Ambiguous(_, Reading::YesOrNo) => self.ambiguous(at, "write `true` or `false`"),
            _ => self.wrong_type(at, "true or false"),
        }
    }

    pub(crate) fn integer(&mut self, at: At<'_>, least: u64, most: u64) {
        match &at.node.value {
            Value::Number(text) => {
                let number: Option<u64> = text.parse().ok();
                if !number.is_some_and(|number| (least..=most).contains(&number)) {
                    let summary = format!(
                        "{} of {} cannot be {text}",
                        quoted(at.name()),
                        owner(at.path)
                    );
                    let label = format!("a whole number from {least} to {most} is possible");
                    self.report
                        .push(Diagnostic::error("E204", summary).label(at.span(), label));
                }
            }
            Value::Ambiguous(..) => self.ambiguous(at, "write it in plain decimal digits"),
            _ => self.wrong_type(at, "a whole number"),
        }
    }

    pub(crate) fn quantity(&mut self, at: At<'_>, shape: &Shape) {
        match &at.node.value {
            Value::Text(text) | Value::Number(text) => {
                if let Err(diagnostic) =
                    crate::quantity::check(text, shape, at.name(), &owner(at.path))
                {
                    self.report.push(diagnostic.at(at.span()));
                }
            }
            Value::Ambiguous(..) => {
                self.ambiguous(at, "write a number and a unit: `90s`, `512MiB`")
            }
            _ => self.wrong_type(at, "a number and a unit"),
        }
    }

    pub(crate) fn choice(&mut self, at: At<'_>, words: &[&str], later: &[&str]) {
        let Some(text) = self.as_text(at) else { return };
        if words.contains(&text) {
            return;
        }
        if later.contains(&text) {
            let summary = format!(
                "`{}: {text}` in {} is not supported yet",
                at.name(),
                owner(at.path)
            );
            let help = format!("possible now: {}", words.join(", "));
            self.report.push(
                Diagnostic::error("E012", summary)
                    .label(at.span(), "a value of a later version")
                    .help(help),
            );
            return;
        }
        let summary = format!(
            "{} of {} cannot be {}",
            quoted(at.name()),
            owner(at.path),
            quoted(text)
        );
        let label = match nearest(text, words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("possible: {}", words.join(", ")),
        };
        self.report
            .push(Diagnostic::error("E104", summary).label(at.span(), label));
    }

    pub(crate) fn arguments(&mut self, at: At<'_>, key: &Key) {
        match &at.node.value {
            Value::List(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    let path = self.item(at.path, index, item);
                    self.text(
                        At {
                            node: item,
                            key_span: &item.span,
                            path: &path,
                        },
                        TextRule::Free,
                    );
                }
            }
            Value::Text(text) => {
                let words: Vec<&str> = text.split_whitespace().collect();
                let diagnostic = self.type_error(at, "a list of arguments");
                let help = format!(
                    "did you mean `[{}]`? A whole line for the shell goes into `run`",
                    words.join(", ")
                );
                self.report.push(diagnostic.help(help));
            }
            _ => {
                let diagnostic = self.type_error(at, "a list of arguments");
                self.report
                    .push(diagnostic.help(format!("for instance: `{}`", key.example)));
            }
        }
    }

    /// One text, or a list of them.
    pub(crate) fn text_list(&mut self, at: At<'_>, key: &Key, rule: TextRule) {
        for (node, path) in self.items(at, key) {
            self.text(
                At {
                    node,
                    key_span: &node.span,
                    path: &path,
                },
                rule,
            );
        }
    }

    /// One of some words, or a map.
    pub(crate) fn word_or(&mut self, at: At<'_>, words: &[&str], table: &Table) {
        match &at.node.value {
            Value::Map(_) => self.table(at, table),
            _ => self.choice(at, words, &[]),
        }
    }

    pub(crate) fn texts(&mut self, at: At<'_>, names: TextRule, values: TextRule) {
        if !self.is_map(at) {
            return;
        }
        for entry in at.node.entries() {
            let path = join(at.path, &entry.key);
            self.place(&path, entry);
            self.rule(names, &entry.key, &entry.key_span, &path);
            self.text(
                At {
                    node: &entry.value,
                    key_span: &entry.key_span,
                    path: &path,
                },
                values,
            );
        }
        if matches!(names, TextRule::TagKey) && at.node.entries().len() > limits::TAGS {
            let summary = format!("more than {} tags", limits::TAGS);
            self.report
                .push(Diagnostic::error("E206", summary).label(at.key_span.clone(), "here"));
        }
    }

    pub(crate) fn text(&mut self, at: At<'_>, rule: TextRule) {
        let Some(text) = self.as_text(at) else { return };
        if !self.rule(rule, text, &at.span(), at.path) {
            return;
        }
        match rule {
            TextRule::Script => self.file(text, &at, "script", crate::rules::script_problem),
            TextRule::Lines => self.file(text, &at, "file", crate::rules::lines_problem),
            TextRule::Cron => self.cron(text, at),
            TextRule::Shell if text.contains("{{ vars.") || text.contains("{{vars.") => {
                let summary = format!(
                    "`run` of {} contains `{{{{ vars.`, which stays as it is",
                    owner(at.path)
                );
                let help = "set a variable in `env` and read it in the script: nothing is filled into scripts";
                self.report.push(
                    Diagnostic::warning("W902", summary)
                        .label(at.span(), "in this script")
                        .help(help),
                );
            }
            TextRule::Image if image::is_floating(text) => {
                let summary = format!("{} may mean another image tomorrow", quoted(text));
                let help = "write a tag that says a version, or a digest";
                self.report.push(
                    Diagnostic::warning("W901", summary)
                        .label(at.span(), "no version")
                        .help(help),
                );
            }
            _ => {}
        }
    }

    /// Points into the expression, where its text stands as it is.
    fn cron(&mut self, text: &str, at: At<'_>) {
        let Err(wrong) = crate::cron::check(text) else {
            return;
        };
        let whole = at.span();
        let start = match whole.len().checked_sub(text.len()) {
            Some(0) => Some(whole.start),
            Some(2) => Some(whole.start + 1),
            _ => None,
        };
        let span = start.map_or(whole, |start| {
            start + wrong.span.start..start + wrong.span.end
        });
        let help = "five fields: minute, hour, day of month, month, day of week; for instance `0 6 * * MON`";
        self.report.push(
            Diagnostic::error("E113", format!("{} {}", quoted(text), wrong.what))
                .label(span, format!("in {}", owner(at.path)))
                .help(help),
        );
    }

    fn file(&mut self, path: &str, at: &At<'_>, what: &str, problem: FileCheck) {
        if let Some((code, wrong, help)) = problem(self.files, path) {
            let summary = format!("{what} {} of {} {wrong}", quoted(path), owner(at.path));
            self.report.push(
                Diagnostic::error(code, summary)
                    .label(at.span(), "this file")
                    .help(help),
            );
        }
    }
}
