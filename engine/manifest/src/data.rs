//! `in` and `out`: one path, a list, or a map.

use crate::check::{At, Checker, join};
use crate::diagnostic::Diagnostic;
use crate::keys::{Key, Table};
use crate::limits;
use crate::paths;
use crate::tree::{Node, Value};
use crate::words::{owner, quoted};

/// The map form of an input has its own few keys.
const INPUT_TABLE: Table = Table {
    name: "input",
    keys: &[],
    later: &[],
};

impl Checker<'_> {
    pub(crate) fn inputs(&mut self, at: At<'_>, key: &Key) {
        let items = self.items(at, key);
        for (node, path) in items {
            let at = At {
                node,
                key_span: &node.span,
                path: &path,
            };
            match &node.value {
                Value::Map(_) => self.input_map(at),
                _ => self.path(at, paths::check_input),
            }
        }
    }

    /// `{path: …, from: outside}`.
    fn input_map(&mut self, at: At<'_>) {
        for entry in at.node.entries() {
            let path = join(at.path, &entry.key);
            self.place(&path, entry);
            let inner = At {
                node: &entry.value,
                key_span: &entry.key_span,
                path: &path,
            };
            match entry.key.as_str() {
                "path" => self.path(inner, paths::check_input),
                "from" => self.choice(inner, &["outside", "stage"], &[]),
                _ => {
                    self.no_key(at.path, entry, &INPUT_TABLE);
                }
            }
        }
        if at.node.get("path").is_none() {
            let diagnostic = Diagnostic::error(
                "E011",
                format!("an input of {} has no `path`", owner(at.path)),
            );
            let help = "for instance: `in: {path: uploads/*.jpg, from: outside}`";
            self.report.push(
                diagnostic
                    .label(at.span(), "`path` is missing here")
                    .help(help),
            );
        }
    }

    pub(crate) fn outputs(&mut self, at: At<'_>, key: &Key) {
        if let Value::Map(entries) = &at.node.value {
            self.few(at, entries.len());
            for (index, entry) in entries.iter().enumerate() {
                let path = format!("{}.{index}", at.path);
                self.place(&path, entry);
                self.problem(
                    paths::check_output(&entry.key, true),
                    &entry.key,
                    &entry.key_span,
                    &path,
                );
                self.path(
                    At {
                        node: &entry.value,
                        key_span: &entry.key_span,
                        path: &path,
                    },
                    paths::check_files,
                );
            }
            return;
        }
        for (node, path) in self.items(at, key) {
            self.path(
                At {
                    node,
                    key_span: &node.span,
                    path: &path,
                },
                |text| paths::check_output(text, false),
            );
        }
    }

    fn few(&mut self, at: At<'_>, count: usize) {
        let most = if at.path.ends_with(".scatter.list") {
            limits::ITEMS
        } else {
            limits::PATHS
        };
        if count > most {
            let summary = format!(
                "{} of {} has {count} entries",
                quoted(at.name()),
                owner(at.path)
            );
            let label = format!("{most} are possible");
            self.report
                .push(Diagnostic::error("E209", summary).label(at.key_span.clone(), label));
        }
    }

    /// The items of a list, or the one value that stands for a list.
    pub(crate) fn items<'n>(&mut self, at: At<'n>, key: &Key) -> Vec<(&'n Node, String)> {
        match &at.node.value {
            Value::List(items) if items.is_empty() => {
                let diagnostic = Diagnostic::error(
                    "E014",
                    format!("{} of {} is empty", quoted(at.name()), owner(at.path)),
                );
                self.report.push(
                    diagnostic
                        .label(at.span(), "an empty list")
                        .help(format!("for instance: `{}`", key.example)),
                );
                Vec::new()
            }
            Value::List(items) => {
                self.few(at, items.len());
                let places = |(index, item)| (item, self.item(at.path, index, item));
                items.iter().enumerate().map(places).collect()
            }
            _ => vec![(at.node, at.path.to_owned())],
        }
    }
}
