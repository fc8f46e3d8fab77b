//! Tree against the tables of [`crate::keys`]: every mistake of keys, types, units and limits.

use crate::Files;
use crate::diagnostic::Diagnostic;
use crate::keys::{Key, Shape, Table};
use crate::meant;
use crate::place::{Place, Places, Span};
use crate::text_rule::{Problem, TextRule};
use crate::tree::{Entry, Node, Value};
use crate::words::{owner, part, quoted};

/// Checks a tree and notes where everything stands.
pub(crate) struct Checker<'a> {
    pub(crate) report: &'a mut Vec<Diagnostic>,
    pub(crate) places: &'a mut Places,
    pub(crate) files: &'a dyn Files,
}

/// A value on its way through the checks.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) node: &'a Node,
    /// Where to point if the value itself has no width.
    pub(crate) key_span: &'a Span,
    /// Its path, for instance `stages.split.in`.
    pub(crate) path: &'a str,
}

impl At<'_> {
    pub(crate) fn span(&self) -> Span {
        if self.node.span.is_empty() {
            self.key_span.clone()
        } else {
            self.node.span.clone()
        }
    }

    /// The value, or its key if the value is so long that nobody wants to see all of it.
    fn short_span(&self) -> Span {
        const SHOWN_BYTES: usize = 80;
        match self.span() {
            span if span.len() > SHOWN_BYTES => self.key_span.clone(),
            span => span,
        }
    }

    /// The last part of the path, of an item of a list with the list's name.
    pub(crate) fn name(&self) -> &str {
        let start = |text: &str| text.rfind('.').map_or(0, |dot| dot + 1);
        let last = start(self.path);
        let is_item = self.path[last..].bytes().all(|b| b.is_ascii_digit());
        if is_item && last > 0 {
            &self.path[start(&self.path[..last - 1])..]
        } else {
            &self.path[last..]
        }
    }
}

impl Checker<'_> {
    /// Checks a whole manifest.
    pub(crate) fn manifest(&mut self, root: &Node, table: &Table) {
        let start = root
            .entries()
            .first()
            .map_or(0..0, |entry| entry.key_span.clone());
        self.table(
            At {
                node: root,
                key_span: &start,
                path: "",
            },
            table,
        );
    }

    pub(crate) fn table(&mut self, at: At<'_>, table: &Table) {
        if !self.is_map(at) {
            return;
        }
        for entry in at.node.entries() {
            let path = join(at.path, &entry.key);
            self.place(&path, entry);
            match table.key(&entry.key) {
                Some(key) => self.value(
                    At {
                        node: &entry.value,
                        key_span: &entry.key_span,
                        path: &path,
                    },
                    key,
                ),
                None => self.no_key(at.path, entry, table),
            }
        }
        let meant = meant::keys(at.node.entries(), table);
        let is_missing = |key: &&Key| {
            key.required && at.node.get(key.name).is_none() && !meant.contains(&key.name)
        };
        for key in table.keys.iter().filter(is_missing) {
            let summary = format!("{} has no `{}`", part(at.path), key.name);
            self.report.push(
                Diagnostic::error("E011", summary)
                    .label(
                        at.key_span.clone(),
                        format!("`{}` is missing here", key.name),
                    )
                    .help(format!("for instance: `{}`", key.example)),
            );
        }
        crate::rules::exclusive(at, self.report);
        crate::rules::one_of(at, table, &meant, self.report);
    }

    fn value(&mut self, at: At<'_>, key: &Key) {
        if at.node.value == Value::Reported {
            return;
        }
        let said = self.report.len();
        match &key.shape {
            Shape::Version => self.version(at),
            Shape::Boolean => self.boolean(at),
            Shape::Integer(least, most) => self.integer(at, *least, *most),
            Shape::Text(rule) => self.text(at, *rule),
            Shape::Size(..) | Shape::Duration(..) | Shape::LogDays => self.quantity(at, &key.shape),
            Shape::Choice(words, later) => self.choice(at, words, later),
            Shape::Arguments => self.arguments(at, key),
            Shape::TextList(rule) => self.text_list(at, key, *rule),
            Shape::WordOr(words, table) => self.word_or(at, words, table),
            Shape::Texts(names, values) => self.texts(at, *names, *values),
            Shape::Inputs => self.inputs(at, key),
            Shape::Outputs => self.outputs(at, key),
            Shape::Table(table) => self.table(at, table),
            Shape::Named(table, what, most) => self.named(at, table, what, *most),
        }
        self.show_example(said, key);
    }

    /// What is of the wrong type gets an example; inner values have got theirs by now.
    fn show_example(&mut self, said: usize, key: &Key) {
        let without = |it: &&mut Diagnostic| it.code == "E101" && it.help.is_none();
        for diagnostic in self.report[said..].iter_mut().filter(without) {
            diagnostic.help = Some(format!("for instance: `{}`", key.example));
        }
    }

    fn named(&mut self, at: At<'_>, table: &Table, what: &'static str, most: usize) {
        if !self.is_map(at) {
            return;
        }
        let count = at.node.entries().len();
        if count > most {
            let summary = format!("{count} {what}s are too many: {most} are allowed");
            self.report
                .push(Diagnostic::error("E209", summary).label(at.key_span.clone(), "here"));
        }
        if count == 0 && what == "stage" {
            let help =
                "a stage is a name with `image`, `in` and `out`: see docs/reference/manifest.md";
            self.report.push(
                Diagnostic::error("E014", "there is no stage")
                    .label(at.key_span.clone(), "nothing below this")
                    .help(help),
            );
        }
        for entry in at.node.entries() {
            let path = join(at.path, &entry.key);
            self.place(&path, entry);
            self.rule(TextRule::Name(what), &entry.key, &entry.key_span, &path);
            self.table(
                At {
                    node: &entry.value,
                    key_span: &entry.key_span,
                    path: &path,
                },
                table,
            );
        }
    }

    pub(crate) fn no_key(&mut self, path: &str, entry: &Entry, table: &Table) {
        let span = entry.key_span.clone();
        if let Some((name, advice)) = table.later.iter().find(|(name, _)| *name == entry.key) {
            let summary = format!("`{name}` in {} is not supported yet", owner(path));
            let label = "a key of a later version";
            self.report.push(
                Diagnostic::error("E012", summary)
                    .label(span, label)
                    .help(*advice),
            );
            return;
        }
        let summary = format!("unknown key {} in {}", quoted(&entry.key), part(path));
        let label = match meant::key(&entry.key, table) {
            _ if meant::is_stage(entry, table) => "stages stand below `stages`".to_owned(),
            Some(near) => format!("did you mean `{near}`?"),
            None => "this key".to_owned(),
        };
        let known = table.keys.iter().map(|key| key.name);
        let list = known.collect::<Vec<_>>().join(", ");
        self.report.push(
            Diagnostic::error("E010", summary)
                .label(span, label)
                .help(format!("keys here: {list}")),
        );
    }

    pub(crate) fn path(&mut self, at: At<'_>, check: impl Fn(&str) -> Result<(), Problem>) {
        if let Some(text) = self.as_text(at) {
            self.problem(check(text), text, &at.span(), at.path);
        }
    }

    pub(crate) fn rule(&mut self, rule: TextRule, text: &str, span: &Span, path: &str) -> bool {
        self.problem(rule.check(text), text, span, path)
    }

    pub(crate) fn problem(
        &mut self,
        result: Result<(), Problem>,
        text: &str,
        span: &Span,
        path: &str,
    ) -> bool {
        let Err(problem) = result else { return true };
        let summary = format!("{} {}", quoted(text), problem.what);
        let label = format!("in {}", owner(path));
        self.report.push(
            Diagnostic::error(problem.code, summary)
                .label(span.clone(), label)
                .help(problem.help),
        );
        false
    }

    /// The text of a value that must be text, or a report why it is none.
    pub(crate) fn as_text<'n>(&mut self, at: At<'n>) -> Option<&'n str> {
        match &at.node.value {
            Value::Text(text) | Value::Number(text) => return Some(text),
            Value::Ambiguous(text, _) => {
                let help = format!("put it in quotes if it is text: \"{text}\"");
                self.ambiguous(at, &help);
            }
            Value::Boolean(value) => {
                let help = format!("put it in quotes if it is text: \"{value}\"");
                self.ambiguous(at, &help);
            }
            _ => self.wrong_type(at, "text"),
        }
        None
    }

    pub(crate) fn is_map(&mut self, at: At<'_>) -> bool {
        let is_map = matches!(at.node.value, Value::Map(_) | Value::Null);
        if !is_map {
            self.wrong_type(at, "a map");
        }
        is_map
    }

    pub(crate) fn ambiguous(&mut self, at: At<'_>, help: &str) {
        let summary = format!(
            "{} of {} can be read as {}",
            quoted(at.name()),
            owner(at.path),
            at.node.describe()
        );
        self.report.push(
            Diagnostic::error("E102", summary)
                .label(at.span(), "ambiguous without quotes")
                .help(help),
        );
    }

    pub(crate) fn wrong_type(&mut self, at: At<'_>, wanted: &str) {
        if at.node.value != Value::Reported {
            self.report.push(self.type_error(at, wanted));
        }
    }

    pub(crate) fn type_error(&self, at: At<'_>, wanted: &str) -> Diagnostic {
        let owner = owner(at.path);
        let subject = match quoted(at.name()) {
            _ if at.path.is_empty() => owner,
            name if owner.ends_with(&name) => owner,
            name => format!("{name} of {owner}"),
        };
        let summary = format!("{subject} must be {wanted}");
        Diagnostic::error("E101", summary)
            .label(at.short_span(), format!("this is {}", at.node.describe()))
    }

    pub(crate) fn item(&mut self, path: &str, index: usize, item: &Node) -> String {
        let path = format!("{path}.{index}");
        self.places.insert(
            path.clone(),
            Place {
                key: item.span.clone(),
                value: item.span.clone(),
            },
        );
        path
    }

    pub(crate) fn place(&mut self, path: &str, entry: &Entry) {
        let value = if entry.value.span.is_empty() {
            &entry.key_span
        } else {
            &entry.value.span
        };
        self.places.insert(
            path,
            Place {
                key: entry.key_span.clone(),
                value: value.clone(),
            },
        );
    }
}

pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
