//! `{{ vars.NAME }}`, `{{ env.name }}`, `{{ region }}` and `{{ account }}` inside single values.
//!
//! It happens on the tree, after parsing: a value can never add a key, and its place stays true. Scripts
//! are left alone; they read environment variables, so no value can become code.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};

use crate::destination::Destination;
use crate::diagnostic::Diagnostic;
use crate::environment;
use crate::place::Span;
use crate::suggest::nearest;
use crate::tree::{Node, Value};
use crate::words::quoted;

/// Instructions for one value; one needs a handful.
const FUEL: u64 = 1_000;
/// Names of what depends on the place.
const REGION: &str = "region";
const ACCOUNT: &str = "account";

/// Fills in a whole tree, and tells whether any value depends on the place.
pub(crate) fn fill(
    root: &mut Node,
    environment: &str,
    destination: Destination<'_>,
    vars: &BTreeMap<String, String>,
    report: &mut Vec<Diagnostic>,
) -> bool {
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        engine.set_syntax(syntax);
    }
    let mut filler = Filler {
        engine,
        environment,
        vars,
        place: BTreeMap::new(),
        fills: is_place,
        depends_on_place: false,
        report,
    };
    // The place first: everything else may be made of it.
    filler.node(root, &mut Vec::new());
    let owned = |text: &str| text.to_owned();
    let region = destination.region.map(owned);
    let account = destination.account.map(owned);
    let known = [
        (
            REGION,
            region.or_else(|| environment::region(root, environment)),
        ),
        (
            ACCOUNT,
            account.or_else(|| environment::account(root, environment)),
        ),
    ];
    filler.place = known
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    filler.fills = |path| !is_place(path) && !is_literal(path);
    filler.node(root, &mut Vec::new());
    filler.depends_on_place
}

struct Filler<'a> {
    engine: Environment<'static>,
    environment: &'a str,
    vars: &'a BTreeMap<String, String>,
    /// What is known of the place.
    place: BTreeMap<&'static str, String>,
    /// Whether values at a path are filled in now.
    fills: fn(&[String]) -> bool,
    /// A value of the place was asked for.
    depends_on_place: bool,
    report: &'a mut Vec<Diagnostic>,
}

impl Filler<'_> {
    fn node(&mut self, node: &mut Node, path: &mut Vec<String>) {
        match &mut node.value {
            Value::Map(entries) => {
                for entry in entries {
                    path.push(entry.key.clone());
                    self.node(&mut entry.value, path);
                    path.pop();
                }
            }
            Value::List(items) => items.iter_mut().for_each(|item| self.node(item, path)),
            Value::Text(text) if text.contains("{{") && (self.fills)(path) => {
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
                let help = "write `{{ vars.NAME }}`, `{{ env.name }}`, `{{ region }}` or `{{ account }}`, nothing else";
                let summary = format!("{} cannot be filled in: {why}", quoted(text));
                self.report.push(
                    Diagnostic::error("E704", summary)
                        .label(span.clone(), "here")
                        .help(help),
                );
                return None;
            }
        };
        self.depends_on_place |= names.contains(REGION) || names.contains(ACCOUNT);
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
        let place = |name: &str| self.place.get(name).map(String::as_str);
        let context = context! {
            vars => self.vars,
            env => context! { name => self.environment },
            region => place(REGION),
            account => place(ACCOUNT),
        };
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
            || self.place.contains_key(name)
            || name
                .strip_prefix("vars.")
                .is_some_and(|name| self.vars.contains_key(name))
    }

    fn unknown(&mut self, name: &str, span: &Span) {
        if [REGION, ACCOUNT].contains(&name) {
            self.report.push(self.nowhere(name, span));
            return;
        }
        let known: Vec<String> = self
            .vars
            .keys()
            .map(|name| format!("vars.{name}"))
            .collect();
        let all = known
            .iter()
            .map(String::as_str)
            .chain(["env.name", REGION, ACCOUNT]);
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

    /// A part of the place that neither the manifest nor a cloud has told.
    fn nowhere(&self, name: &str, span: &Span) -> Diagnostic {
        let environment = self.environment;
        let help = if name == REGION {
            format!(
                "say `region` in the manifest or in environment `{environment}`, or name one with --region"
            )
        } else {
            format!(
                "say `account: \"123456789012\"` in environment `{environment}`, or let a cloud tell it: `scar plan` \
                 with credentials or with --local, not --offline"
            )
        };
        let summary = format!(
            "the {name} of environment {} is not known here",
            quoted(environment)
        );
        Diagnostic::error("E705", summary)
            .label(span.clone(), "needs it")
            .help(help)
    }
}

/// Whether nothing is ever filled in there: scripts, variables themselves, what names the workflow.
fn is_literal(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        path.as_slice(),
        ["scar" | "name" | "vars", ..]
            | ["envs", _, "vars", ..]
            | ["stages", _, "run" | "script", ..]
    )
}

/// Whether it says where the workflow will be.
fn is_place(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        path.as_slice(),
        ["region"] | ["envs", _, "region" | "account"]
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
