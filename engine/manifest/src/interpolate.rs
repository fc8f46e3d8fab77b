//! `{{ vars.NAME }}` and `{{ env.name }}` inside single values.
//!
//! It happens on the tree, after parsing: a value can never add a key, and its place stays true. Scripts
//! are left alone; they read environment variables, so no value can become code.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};

use crate::diagnostic::Diagnostic;
use crate::place::Span;
use crate::suggest::nearest;
use crate::tree::{Node, Value};
use crate::words::quoted;

/// Instructions for one value; one needs a handful.
const FUEL: u64 = 1_000;

/// Fills in a whole tree.
pub(crate) fn fill(
    root: &mut Node,
    environment: &str,
    vars: &BTreeMap<String, String>,
    report: &mut Vec<Diagnostic>,
) {
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        engine.set_syntax(syntax);
    }
    Filler {
        engine,
        environment,
        vars,
        report,
    }
    .node(root, &mut Vec::new());
}

struct Filler<'a> {
    engine: Environment<'static>,
    environment: &'a str,
    vars: &'a BTreeMap<String, String>,
    report: &'a mut Vec<Diagnostic>,
}

impl Filler<'_> {
    fn node(&mut self, node: &mut Node, path: &mut Vec<String>) {
        match &mut node.value {
            Value::Map(entries) => {
                for entry in entries {
                    path.push(entry.key.clone());
                    if !is_literal(path) {
                        self.node(&mut entry.value, path);
                    }
                    path.pop();
                }
            }
            Value::List(items) => items.iter_mut().for_each(|item| self.node(item, path)),
            Value::Text(text) if text.contains("{{") => {
                let filled = self.text(text, &node.span);
                node.value = filled.map_or(Value::Reported, Value::Text);
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, span: &Span) -> Option<String> {
        let names = match names(text) {
            Ok(names) => names,
            Err(why) => {
                let help = "write `{{ vars.NAME }}` or `{{ env.name }}`, nothing else";
                let summary = format!("{} cannot be filled in: {why}", quoted(text));
                self.report.push(
                    Diagnostic::error("E704", summary)
                        .label(span.clone(), "here")
                        .help(help),
                );
                return None;
            }
        };
        let unknown: Vec<&str> = names
            .into_iter()
            .filter(|name| !self.is_known(name))
            .collect();
        for name in &unknown {
            self.unknown(name, span);
        }
        if !unknown.is_empty() {
            return None;
        }
        let context = context! { vars => self.vars, env => context! { name => self.environment } };
        match self.engine.render_str(text, context) {
            Ok(filled) => Some(filled),
            Err(error) => {
                let summary = format!("{} cannot be filled in: {}", quoted(text), error.kind());
                self.report
                    .push(Diagnostic::error("E704", summary).label(span.clone(), "here"));
                None
            }
        }
    }

    fn is_known(&self, name: &str) -> bool {
        name == "env.name"
            || name
                .strip_prefix("vars.")
                .is_some_and(|name| self.vars.contains_key(name))
    }

    fn unknown(&mut self, name: &str, span: &Span) {
        let known: Vec<String> = self
            .vars
            .keys()
            .map(|name| format!("vars.{name}"))
            .collect();
        let all = known.iter().map(String::as_str).chain(["env.name"]);
        let label = match nearest(name, all.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "nothing sets it".to_owned(),
        };
        let summary = format!(
            "{} has no value in environment {}",
            quoted(name),
            quoted(self.environment)
        );
        let help = format!("known: {}", all.collect::<Vec<_>>().join(", "));
        self.report.push(
            Diagnostic::error("E703", summary)
                .label(span.clone(), label)
                .help(help),
        );
    }
}

/// Whether nothing is ever filled in there: scripts, variables themselves, what names the workflow.
fn is_literal(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        path.as_slice(),
        ["scar" | "name" | "vars"] | ["envs", _, "vars"] | ["stages", _, "run" | "script"]
    )
}

/// The names in a text, or why it has something else between the braces.
fn names(text: &str) -> Result<BTreeSet<&str>, String> {
    if text.contains("{%") || text.contains("{#") {
        return Err("blocks and comments are not possible".to_owned());
    }
    let mut names = BTreeSet::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let inner = &rest[open + 2..];
        let close = inner.find("}}").ok_or("`{{` has no `}}`")?;
        let name = inner[..close].trim();
        let is_word = |part: &str| {
            !part.is_empty()
                && !part.starts_with(|c: char| c.is_ascii_digit())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if !name.split('.').all(is_word) {
            return Err(format!("{} is no name", quoted(name)));
        }
        names.insert(name);
        rest = &inner[close + 2..];
    }
    Ok(names)
}
