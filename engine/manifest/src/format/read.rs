//! YAML text → [`Document`]: the parser's events for the values, the source for how they are written.

use std::collections::BTreeMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, StrInput, StructureStyle};

use super::comments::{self, Comment, Place};
use super::document::{Block, Collection, Document, Form, Item, Node};
use crate::place::Span;

/// Reads a text that the manifest's own reader has accepted; `None` if it cannot be read here.
pub(crate) fn read(text: &str) -> Option<Document> {
    let mut reader = Reader::new(text);
    let (root, place) = reader.document().ok()??;
    let mut document = Document {
        header: Vec::new(),
        root,
    };
    comments::attach(&mut document, &place, &reader.comments, text);
    Some(document)
}

/// The text is not what a document can be made of.
struct Unreadable;

impl From<ScanError> for Unreadable {
    fn from(_: ScanError) -> Self {
        Self
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    text: &'a str,
    comments: Vec<Comment>,
    /// Names of anchors by number.
    names: BTreeMap<usize, String>,
    /// One event that was read too early.
    ahead: Option<(Event<'a>, Mark)>,
    /// Where the last event ended.
    last_end: usize,
}

/// Where an event stands.
#[derive(Clone)]
struct Mark {
    span: Span,
    /// Characters before it on its line.
    column: usize,
    /// Where the event before it ended.
    before: usize,
}

type Read<T> = Result<T, Unreadable>;

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let mut options = Options::default();
        options.set_emit_comments(true);
        options.max_buffered_comment_events = text.len();
        options.emit_anchor_events = true;
        Self {
            events: Parser::new_from_str_with_options(text, options),
            text,
            comments: Vec::new(),
            names: BTreeMap::new(),
            ahead: None,
            last_end: 0,
        }
    }

    fn document(&mut self) -> Read<Option<(Node, Place)>> {
        let mut found = None;
        loop {
            let (event, mark) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(found),
                event => found = Some(self.node(event, &mark)?),
            }
        }
    }

    /// The next event that is no comment.
    fn next(&mut self) -> Read<(Event<'a>, Mark)> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(ahead);
        }
        loop {
            let (event, span) = match self.events.next_event() {
                Some(next) => next?,
                None => (Event::StreamEnd, granit_parser::Span::default()),
            };
            let range = span.byte_range().unwrap_or(0..0);
            match event {
                Event::Comment(text, _) => self.comments.push(Comment {
                    span: range,
                    column: span.start.col(),
                    text: format!("#{}", text.trim_end()),
                }),
                event => {
                    let mark = Mark {
                        column: span.start.col(),
                        before: self.last_end,
                        span: range,
                    };
                    self.last_end = self.last_end.max(mark.span.end);
                    return Ok((event, mark));
                }
            }
        }
    }

    fn node(&mut self, event: Event<'a>, mark: &Mark) -> Read<(Node, Place)> {
        let anchor = self.anchor()?;
        let mut place = Place::of(self.trimmed(&mark.span), mark.column);
        let form = match event {
            Event::Scalar(value, style, ..) => self.scalar(&value, style, mark),
            Event::Alias(id) => Form::Alias(self.names.get(&id).cloned().ok_or(Unreadable)?),
            Event::SequenceStart(style, ..) => Form::List(self.list(style, &mut place)?),
            Event::MappingStart(style, ..) => Form::Map(self.map(style, &mut place)?),
            _ => return Err(Unreadable),
        };
        Ok((Node { anchor, form }, place))
    }

    /// Without the white space that the parser counts to the end of some values.
    fn trimmed(&self, span: &Span) -> Span {
        let text = self.text.get(span.clone()).unwrap_or_default();
        span.start..span.start + text.trim_end().len()
    }

    /// The parser tells an anchor's name after the node's first event.
    fn anchor(&mut self) -> Read<Option<String>> {
        // A scalar's anchor comes before whatever follows, so one event is read ahead.
        let (event, mark) = self.next()?;
        if let Event::Anchor(id, name) = event {
            self.names.insert(id, name.clone().into_owned());
            return Ok(Some(name.into_owned()));
        }
        self.ahead = Some((event, mark));
        Ok(None)
    }

    fn scalar(&self, value: &str, style: ScalarStyle, mark: &Mark) -> Form {
        match style {
            ScalarStyle::Plain if mark.span.is_empty() => Form::Empty,
            ScalarStyle::Plain if value.contains('\n') => Form::Text(value.to_owned()),
            ScalarStyle::Plain => Form::Plain(value.to_owned()),
            ScalarStyle::Literal | ScalarStyle::Folded => self
                .block(value, mark)
                .map_or_else(|| Form::Text(value.to_owned()), Form::Block),
            _ => Form::Text(value.to_owned()),
        }
    }

    /// A block scalar as it is written, without its indentation; `None` if that cannot be told.
    fn block(&self, value: &str, mark: &Mark) -> Option<Block> {
        let before = self.text.get(mark.before..mark.span.start)?;
        let (header, header_end) = header(before)?;
        let written = self.text.get(mark.before + header_end..mark.span.end)?;
        let mut lines: Vec<&str> = written.lines().collect();
        if !written.ends_with('\n') && lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
        let chomping = header.chars().find(|c| matches!(c, '-' | '+'));
        Some(Block {
            style: header.chars().next()?,
            chomping,
            lines: dedent(&lines, value, chomping == Some('+'))?,
        })
    }

    fn list(&mut self, style: StructureStyle, place: &mut Place) -> Read<Collection> {
        let mut collection = Collection {
            is_flow: style == StructureStyle::Flow,
            ..Collection::default()
        };
        loop {
            let (event, mark) = self.next()?;
            if event == Event::SequenceEnd {
                place.close(collection.is_flow, &mark.span);
                if !collection.is_flow {
                    place.begin_at_dash(self.text);
                }
                return Ok(collection);
            }
            let (value, inner) = self.node(event, &mark)?;
            let start = match collection.is_flow {
                true => inner.span.start,
                false => comments::dash(self.text, place, &self.comments, inner.span.start),
            };
            place.push(start, inner);
            collection.items.push(Item {
                value,
                ..Item::default()
            });
        }
    }

    fn map(&mut self, style: StructureStyle, place: &mut Place) -> Read<Collection> {
        let mut collection = Collection {
            is_flow: style == StructureStyle::Flow,
            ..Collection::default()
        };
        loop {
            let (event, mark) = self.next()?;
            if event == Event::MappingEnd {
                place.close(collection.is_flow, &mark.span);
                return Ok(collection);
            }
            let (key, key_place) = self.node(event, &mark)?;
            let (event, mark) = self.next()?;
            let (value, inner) = self.node(event, &mark)?;
            place.push(key_place.span.start, inner);
            collection.items.push(Item {
                key: Some(key),
                value,
                ..Item::default()
            });
        }
    }
}

/// The sign of a block scalar (`|2-`) at the end of a line, and where the next line begins.
fn header(before: &str) -> Option<(&str, usize)> {
    let mut start = 0;
    for line in before.split_inclusive('\n') {
        let end = start + line.len();
        let code = if line.starts_with('#') { "" } else { line };
        let code = code.split(" #").next().unwrap_or_default();
        let word = code.split_whitespace().next_back().unwrap_or_default();
        if word.starts_with(['|', '>']) && line.ends_with('\n') {
            return Some((word, end));
        }
        start = end;
    }
    None
}

/// The lines without the indentation, which is what the first one has more than its value.
fn dedent(lines: &[&str], value: &str, keeps_end: bool) -> Option<Vec<String>> {
    let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let is_text = |line: &&str| !line.trim_matches([' ', '\r']).is_empty();
    let written = lines.iter().copied().find(is_text)?;
    let meant = value.lines().find(is_text)?;
    let indent = blanks(written).checked_sub(blanks(meant))?;
    let cut = |line: &&str| {
        let line = line.get(indent.min(blanks(line))..).unwrap_or_default();
        line.trim_end_matches('\r').to_owned()
    };
    let mut lines: Vec<String> = lines.iter().map(cut).collect();
    if !keeps_end {
        let kept = lines.iter().rposition(|line| !line.is_empty());
        lines.truncate(kept.map_or(0, |last| last + 1));
    }
    Some(lines)
}

/// How often each comment is there.
pub(super) fn count_comments(text: &str) -> Option<BTreeMap<String, usize>> {
    let mut reader = Reader::new(text);
    reader.document().ok()?;
    let mut counts = BTreeMap::new();
    for comment in reader.comments {
        *counts.entry(comment.text).or_insert(0) += 1;
    }
    Some(counts)
}
