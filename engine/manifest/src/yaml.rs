//! YAML text → tree, without the parts of YAML that a manifest does not need.

use std::collections::BTreeMap;

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, StrInput};

use crate::diagnostic::Diagnostic;
use crate::place::Span;
use crate::scalar;
use crate::syntax::help_with_yaml;
use crate::text::MAX_DEPTH;
use crate::tree::{Entry, Node, Value};

/// Bytes of tree, aliases counted at every use; a small file must not become a large tree.
const MAX_WEIGHT: usize = 3 * 1024 * 1024;
/// Bytes that a node weighs besides its text.
const NODE_WEIGHT: usize = 64;

/// Reads the tree, or reports why not. Mistakes that do not stop the reader are reported all.
pub(crate) fn read(text: &str, report: &mut Vec<Diagnostic>) -> Option<Node> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    options.disallow_directives = true;
    let mut reader = Reader {
        events: Parser::new_from_str_with_options(text, options),
        text,
        anchors: BTreeMap::new(),
        weight_left: MAX_WEIGHT,
        report,
    };
    match reader.document() {
        Ok(node) => node,
        Err(stop) => {
            // A variable without quotes is a map to the reader, which it then stumbles over.
            if !report.iter().any(|it| it.code == "E704") {
                report.push(*stop);
            }
            None
        }
    }
}

/// What a file without a document holds.
const NOTHING: Node = Node {
    span: 0..0,
    value: Value::Null,
};

/// Reading cannot go on.
type Stop = Box<Diagnostic>;

struct Reader<'a, 'r> {
    events: Parser<'a, StrInput<'a>>,
    text: &'a str,
    /// Anchored nodes with their weight.
    anchors: BTreeMap<usize, (Node, usize)>,
    weight_left: usize,
    report: &'r mut Vec<Diagnostic>,
}

impl<'a> Reader<'a, '_> {
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(Some(root.unwrap_or(NOTHING))),
                Event::DocumentStart(..) if root.is_some() => {
                    self.refuse(
                        span,
                        "a second document begins",
                        "keep one document to a file",
                    );
                    return Ok(root);
                }
                Event::DocumentStart(..) => {
                    let (event, span) = self.next()?;
                    root = Some(self.node(event, span, MAX_DEPTH)?);
                }
                _ => return Err(Box::new(limit(span, "more than a manifest can hold"))),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.events.next_event() {
            Some(Ok((event, span))) => {
                let range = span.byte_range().unwrap_or(0..0);
                Ok((event, self.trimmed(range)))
            }
            Some(Err(error)) => Err(Box::new(self.syntax(&error))),
            None => Ok((Event::StreamEnd, self.text.len()..self.text.len())),
        }
    }

    /// Without the white space that the parser counts to the end of some values.
    fn trimmed(&self, range: Span) -> Span {
        let text = self.written(&range);
        range.start..range.start + text.trim_end().len()
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Stop> {
        if depth == 0 {
            return Err(Box::new(limit(
                span,
                &format!("nested deeper than {MAX_DEPTH} levels"),
            )));
        }
        let is_tagged = event.tag().is_some();
        if is_tagged {
            self.refuse(
                span.clone(),
                "a tag (`!`) stands here",
                "remove it; quote text that must stay text",
            );
        }
        let before = self.weight_left;
        let anchor = event.anchor_id();
        self.spend(
            NODE_WEIGHT + event.scalar().map_or(0, |(text, _)| text.len()),
            &span,
        )?;
        let node = match event {
            Event::Scalar(text, ..) if is_tagged && text.is_empty() => Node {
                span,
                value: Value::Reported,
            },
            Event::Scalar(text, style, ..) => Node {
                span,
                value: value(&text, style),
            },
            Event::SequenceStart(..) => self.list(span, depth)?,
            Event::MappingStart(..) => self.map(span, depth)?,
            Event::Alias(id) => self.alias(id, span)?,
            Event::UnresolvedAlias(_) => {
                self.refuse(
                    span.clone(),
                    "this alias (`*`) has no anchor",
                    "quote text that starts with `*`: \"*.png\"",
                );
                Node {
                    span,
                    value: Value::Reported,
                }
            }
            _ => return Err(Box::new(limit(span, "the reader lost its way"))),
        };
        if let Some(id) = anchor {
            self.anchors
                .insert(id, (node.clone(), before - self.weight_left));
        }
        Ok(node)
    }

    fn written(&self, span: &Span) -> &'a str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Node, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                let last = items.last().map_or(start.end, |item: &Node| item.span.end);
                return Ok(Node {
                    span: start.start..last.max(span.end),
                    value: Value::List(items),
                });
            }
            items.push(self.node(event, span, depth - 1)?);
        }
    }

    /// A map with a key that cannot be read counts as reported: what it lacks may be there.
    fn map(&mut self, start: Span, depth: usize) -> Result<Node, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut places: BTreeMap<String, Span> = BTreeMap::new();
        let mut is_whole = true;
        loop {
            let (event, key_span) = self.next()?;
            if event == Event::MappingEnd {
                let last = entries
                    .last()
                    .map_or(start.end, |entry| entry.value.span.end);
                let span = start.start..last.max(key_span.end);
                let value = if is_whole {
                    Value::Map(entries)
                } else {
                    Value::Reported
                };
                return Ok(Node { span, value });
            }
            let key = self.key(event, &key_span, depth)?;
            let (event, span) = self.next()?;
            let said = self.report.len();
            let value = self.node(event, span, depth - 1)?;
            let Some(key) = key else {
                // What stands below such a key was not meant as a value of its own.
                self.report.truncate(said);
                is_whole = false;
                continue;
            };
            match places.get(&key) {
                Some(first) => self.report.push(twice(&key, key_span, first.clone())),
                None => {
                    places.insert(key.clone(), key_span.clone());
                    entries.push(Entry {
                        key,
                        key_span,
                        value,
                    });
                }
            }
        }
    }

    /// The text of a key, or a report why it cannot be one.
    fn key(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Option<String>, Stop> {
        let node = self.node(event, span.clone(), depth - 1)?;
        let written = self.written(span);
        match node.value {
            Value::Text(text) if text == "<<" && written == "<<" => {
                let help = "say it once in `defaults`, or write the keys out";
                self.refuse(span.clone(), "a merge key (`<<`) stands here", help);
                Ok(None)
            }
            Value::Text(text) | Value::Number(text) => Ok(Some(text)),
            Value::Boolean(_) | Value::Ambiguous(..) => {
                let what = node.describe();
                self.report.push(ambiguous_key(written, what, span));
                Ok(Some(written.to_owned()))
            }
            Value::Map(_) if self.written(&(0..span.start)).ends_with('{') => {
                self.report.push(unquoted_variable(span));
                Ok(None)
            }
            _ => {
                self.refuse(span.clone(), "this key is no text", "keys are single words");
                Ok(None)
            }
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Node, Stop> {
        let Some((node, weight)) = self.anchors.get(&id) else {
            self.refuse(
                span.clone(),
                "this alias contains itself",
                "write the value out",
            );
            return Ok(Node {
                span,
                value: Value::Reported,
            });
        };
        let (node, weight) = (node.clone(), *weight);
        self.spend(weight, &span)?;
        Ok(Node { span, ..node })
    }

    fn spend(&mut self, weight: usize, span: &Span) -> Result<(), Stop> {
        let left = self.weight_left.checked_sub(weight);
        self.weight_left = left.ok_or_else(|| {
            Box::new(
                limit(span.clone(), "more values than a manifest can have")
                    .help("every use of an alias counts: write values out"),
            )
        })?;
        Ok(())
    }

    fn refuse(&mut self, span: Span, what: &str, help: &str) {
        let summary = format!("{what}, which a manifest cannot have");
        self.report.push(
            Diagnostic::error("E004", summary)
                .label(span, "here")
                .help(help),
        );
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let at = error
            .marker()
            .byte_offset()
            .unwrap_or(0)
            .min(self.text.len());
        let span = at..self.text[at..]
            .chars()
            .next()
            .map_or(at, |next| at + next.len_utf8());
        if matches!(error.kind(), ErrorKind::DirectiveDisallowed) {
            return Diagnostic::error(
                "E004",
                "a directive (`%`) stands here, which a manifest cannot have",
            )
            .label(span, "here")
            .help("remove the line");
        }
        let info = error.info();
        let diagnostic = Diagnostic::error("E001", format!("this is not valid YAML: {info}"))
            .label(span, "the reader stopped here");
        match help_with_yaml(self.text, at, &info) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

fn value(text: &str, style: ScalarStyle) -> Value {
    match style {
        ScalarStyle::Plain => scalar::plain(text),
        _ => Value::Text(text.to_owned()),
    }
}

fn twice(key: &str, again: Span, first: Span) -> Diagnostic {
    Diagnostic::error("E003", format!("`{key}` is there twice"))
        .label(again, "again here")
        .label(first, "first here")
        .help("keep one of the two")
}

fn ambiguous_key(written: &str, what: &str, span: &Span) -> Diagnostic {
    Diagnostic::error("E102", format!("the key `{written}` can be read as {what}"))
        .label(span.clone(), "this key")
        .help(format!("put it in quotes: \"{written}\""))
}

fn unquoted_variable(span: &Span) -> Diagnostic {
    Diagnostic::error("E704", "`{{` starts a map here, no variable")
        .label(span.clone(), "this")
        .help("put the whole value in quotes: \"{{ vars.name }}\"")
}

fn limit(span: Span, summary: &str) -> Diagnostic {
    Diagnostic::error("E002", summary).label(span, "here")
}
