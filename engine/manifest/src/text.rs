//! What is checked before any parser sees the text.

use crate::diagnostic::Diagnostic;

/// Longest manifest in bytes. Real ones have a few kilobytes; a limit keeps hostile ones cheap.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// Deepest nesting of maps and lists.
pub(crate) const MAX_DEPTH: usize = 64;

/// Characters that must not be there; reports each kind once.
pub(crate) fn check(text: &str, report: &mut Vec<Diagnostic>) -> bool {
    if text.len() > MAX_BYTES {
        let summary = format!("the file has {} bytes, {MAX_BYTES} are allowed", text.len());
        report.push(
            Diagnostic::error("E002", summary)
                .label(0..0, "this file")
                .help("move long scripts into files and name them with `script`"),
        );
        return false;
    }
    let before = report.len();
    let mut seen = Vec::new();
    for (at, character) in text.char_indices() {
        if let Some((what, help)) = unwanted(at, character)
            && !seen.contains(&character)
        {
            seen.push(character);
            let summary = format!("the file contains {what} (U+{:04X})", u32::from(character));
            let span = at..at + character.len_utf8();
            report.push(
                Diagnostic::error("E005", summary)
                    .label(span, "here")
                    .help(help),
            );
        }
    }
    report.len() == before
}

fn unwanted(at: usize, character: char) -> Option<(&'static str, &'static str)> {
    match character {
        '\t' | '\n' | '\r' => None,
        '\u{feff}' if at == 0 => Some((
            "a byte order mark",
            "save the file as UTF-8 without a byte order mark",
        )),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => Some((
            "a character that changes the direction of writing",
            "remove it: it can make a line look like another one",
        )),
        '\u{feff}' => Some(("a byte order mark", "remove it")),
        _ if character.is_control() => Some(("a control character", "remove it")),
        _ => None,
    }
}
