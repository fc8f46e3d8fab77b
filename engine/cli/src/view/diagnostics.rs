//! Diagnostics of a manifest: for people, as JSON, and as SARIF 2.1.0 for code scanning.

use std::fmt::Write as _;

use miette::{GraphicalReportHandler, GraphicalTheme, ThemeCharacters, ThemeStyles};
use scar_manifest::{Diagnostic, Finding, Label, Severity, Source};
use serde_json::{Value, json};

use crate::error::{CliError, Kind};

use super::Screen;
use super::sarif::log;
use super::style::Style;
use super::text::{clean, count, is_unsafe};

/// A drawing shows whole lines; a text with a longer one than this is not drawn.
const LINE_LIMIT_BYTES: usize = 2_000;

/// One drawing per diagnostic, with the lines that it is about.
pub(crate) fn human(source: &Source, diagnostics: &[Diagnostic], style: Style) -> String {
    if source
        .text
        .lines()
        .any(|line| line.len() > LINE_LIMIT_BYTES)
    {
        return diagnostics
            .iter()
            .map(|one| in_words(source, one))
            .collect();
    }
    let styles = if style.is_coloured() {
        ThemeStyles::ansi()
    } else {
        ThemeStyles::none()
    };
    let theme = GraphicalTheme {
        characters: ThemeCharacters::unicode(),
        styles,
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(100)
        .with_links(false);
    let mut out = String::new();
    let source = Source {
        text: same_length(&source.text),
        ..source.clone()
    };
    let diagnostics: Vec<Diagnostic> = diagnostics.iter().map(safe).collect();
    for finding in Finding::all(&diagnostics, &source) {
        // Writing to a string cannot fail; a drawing that cannot be made falls back to its first line.
        if handler.render_report(&mut out, &finding).is_err() {
            let _ = writeln!(out, "{finding}");
        }
        out.push('\n');
    }
    out
}

/// A diagnostic whose lines cannot be shown: its places as numbers.
fn in_words(source: &Source, diagnostic: &Diagnostic) -> String {
    let diagnostic = safe(diagnostic);
    let mut out = format!("scar::{}\n\n  × {}\n", diagnostic.code, diagnostic.summary);
    for label in &diagnostic.labels {
        let (line, column) = line_and_column(&source.text, label.span.start);
        let name = clean(&source.name);
        let _ = writeln!(out, "    {name}:{line}:{column}: {}", label.text);
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(out, "  help: {help}");
    }
    out.push('\n');
    out
}

/// The text with characters that are not safe on a terminal replaced, all bytes staying where they are.
fn same_length(text: &str) -> String {
    let keep = |character| matches!(character, '\n' | '\t' | '\r') || !is_unsafe(character);
    let replace = |character: char| "?".repeat(character.len_utf8());
    text.chars()
        .map(|character| {
            if keep(character) {
                character.to_string()
            } else {
                replace(character)
            }
        })
        .collect()
}

fn safe(diagnostic: &Diagnostic) -> Diagnostic {
    let label = |label: &Label| Label {
        text: clean(&label.text).into_owned(),
        ..label.clone()
    };
    Diagnostic {
        summary: clean(&diagnostic.summary).into_owned(),
        labels: diagnostic.labels.iter().map(label).collect(),
        help: diagnostic
            .help
            .as_ref()
            .map(|help| help.lines().map(clean).collect::<Vec<_>>().join("\n")),
        ..diagnostic.clone()
    }
}

/// `4 errors, 0 warnings in workflow.yaml (21 lines)`.
pub(crate) fn summary(source: &Source, diagnostics: &[Diagnostic]) -> String {
    let of = |severity| {
        diagnostics
            .iter()
            .filter(|one| one.severity == severity)
            .count()
    };
    format!(
        "{}, {} in {} ({})",
        count(of(Severity::Error), "error"),
        count(of(Severity::Warning), "warning"),
        source.name,
        count(source.text.lines().count(), "line"),
    )
}

/// The document of `scar validate --json`.
pub(crate) fn document(source: &Source, diagnostics: &[Diagnostic], valid: bool) -> Value {
    let all = objects(source, diagnostics);
    json!({ "format_version": "1.0", "valid": valid, "diagnostics": all })
}

/// One JSON object per diagnostic.
pub(crate) fn objects(source: &Source, diagnostics: &[Diagnostic]) -> Vec<Value> {
    diagnostics
        .iter()
        .map(|one| diagnostic(source, one))
        .collect()
}

/// The end of a verb whose manifest, or other file of a person, has mistakes. They are drawn at once,
/// unless a program reads them in the error.
pub(crate) fn invalid(source: &Source, diagnostics: &[Diagnostic], screen: &Screen) -> CliError {
    let mut error = CliError::new(Kind::Invalid, summary(source, diagnostics))
        .hint("`scar explain CODE` shows the page of a mistake");
    error.diagnostics = objects(source, diagnostics);
    if !screen.json {
        screen.complain(&human(source, diagnostics, screen.note_style));
    }
    error
}

fn diagnostic(source: &Source, diagnostic: &Diagnostic) -> Value {
    let labels: Vec<Value> = diagnostic
        .labels
        .iter()
        .map(|one| label(source, one))
        .collect();
    json!({
        "code": diagnostic.code,
        "severity": severity(diagnostic.severity),
        "summary": diagnostic.summary,
        "help": diagnostic.help,
        "labels": labels,
    })
}

fn label(source: &Source, label: &Label) -> Value {
    json!({
        "file": source.name,
        "start": position(&source.text, label.span.start),
        "end": position(&source.text, label.span.end),
        "text": label.text,
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn position(text: &str, byte: usize) -> Value {
    let (line, column) = line_and_column(text, byte);
    json!({ "line": line, "col": column, "byte": byte })
}

/// Line and column of a byte, both from 1; columns count characters.
pub(crate) fn line_and_column(text: &str, byte: usize) -> (usize, usize) {
    let mut end = byte.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// The document of `scar validate --sarif`.
pub(crate) fn sarif(source: &Source, diagnostics: &[Diagnostic]) -> Value {
    let codes: Vec<&str> = diagnostics.iter().map(|one| one.code).collect();
    let results = diagnostics.iter().map(|one| sarif_result(source, one));
    log(&codes, results.collect())
}

fn sarif_result(source: &Source, diagnostic: &Diagnostic) -> Value {
    let message = match &diagnostic.help {
        Some(help) => format!("{}. {help}", diagnostic.summary),
        None => diagnostic.summary.clone(),
    };
    let mut places: Vec<Value> = diagnostic
        .labels
        .iter()
        .map(|one| sarif_location(source, one))
        .collect();
    let first: Vec<Value> = places.drain(..places.len().min(1)).collect();
    json!({
        "ruleId": diagnostic.code,
        "level": severity(diagnostic.severity),
        "message": { "text": message },
        "locations": first,
        "relatedLocations": places,
    })
}

fn sarif_location(source: &Source, label: &Label) -> Value {
    let (start_line, start_column) = line_and_column(&source.text, label.span.start);
    let (end_line, end_column) = line_and_column(&source.text, label.span.end);
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": source.name },
            "region": {
                "startLine": start_line, "startColumn": start_column,
                "endLine": end_line, "endColumn": end_column,
            },
        },
        "message": { "text": label.text },
    })
}

#[cfg(test)]
mod tests {
    use scar_manifest::{Diagnostic, Format, Source};

    use super::{Style, human, line_and_column};

    #[test]
    fn lines_that_no_terminal_can_show_are_left_out() {
        let source = Source {
            format: Format::Yaml,
            name: "a.yaml".to_owned(),
            text: "x".repeat(1_000_000),
        };
        let found = [Diagnostic::error("E002", "too large").label(0..0, "this file")];
        assert_eq!(
            human(&source, &found, Style::new(true)),
            "scar::E002\n\n  × too large\n    a.yaml:1:1: this file\n\n"
        );
    }

    #[test]
    fn positions_count_characters_and_never_split_one() {
        assert_eq!(line_and_column("a\nüb", 0), (1, 1));
        assert_eq!(line_and_column("a\nüb", 4), (2, 2));
        assert_eq!(line_and_column("a\nüb", 3), (2, 1));
        assert_eq!(line_and_column("a", 99), (1, 2));
    }
}
