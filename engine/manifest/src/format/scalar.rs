//! How single values are written: without quotes where every reader takes them for the same text.

use crate::scalar::plain;
use crate::tree::Value;

/// Text as a YAML scalar on one line; `in_flow` is inside brackets or braces.
pub(crate) fn text(value: &str, in_flow: bool) -> String {
    if is_safe_without_quotes(value, in_flow) {
        value.to_owned()
    } else {
        quoted(value)
    }
}

/// Stricter than YAML, so that no reader can differ.
fn is_safe_without_quotes(text: &str, in_flow: bool) -> bool {
    let begins = |c: char| c.is_alphanumeric() || "/_.$(".contains(c);
    let ends = |c: char| !c.is_whitespace() && c != ':';
    let inner = |c: char| {
        c.is_alphanumeric()
            || c == ' '
            || c.is_ascii_graphic() && !(in_flow && ",[]{}:?".contains(c))
    };
    text.starts_with(begins)
        && text.ends_with(ends)
        && text.chars().all(inner)
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("...")
        && plain(text) == Value::Text(text.to_owned())
}

/// Double quotes; escapes only where they must be.
fn quoted(text: &str) -> String {
    let is_simple = |c: char| c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric();
    let has_escapes = text.contains(['"', '\\']);
    if has_escapes && !text.contains('\'') && text.chars().all(is_simple) {
        return format!("'{text}'");
    }
    let mut out = String::from('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if needs_escape(c) => out.push_str(&escape(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Characters that are invisible, or ends of lines to some readers.
fn needs_escape(character: char) -> bool {
    character.is_control()
        || character.is_whitespace() && character != ' '
        || matches!(character, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(u32::from(character), 0xfffe | 0xffff)
}

fn escape(character: char) -> String {
    match u32::from(character) {
        code @ 0..=0xff => format!("\\x{code:02x}"),
        code @ 0x100..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn quotes_only_where_needed() {
        for bare in [
            "in/*.png",
            "2GiB",
            "a b",
            "ghcr.io/a/b:1",
            "a=b",
            "/bin/sh",
            "été",
        ] {
            assert_eq!(text(bare, false), bare);
        }
        let needing = [
            "",
            "no",
            "4711",
            "1.10",
            "*.avi",
            "{{ a }}",
            "a: b",
            "a #b",
            "a:",
            " a",
            "- a",
            "12:30",
            "x\u{a0}y",
            "a\u{2028}",
        ];
        for quoted in needing {
            assert!(text(quoted, false).starts_with('"'), "{quoted}");
        }
        assert_eq!(text("a, b", false), "a, b");
        assert_eq!(text("a, b", true), "\"a, b\"");
        assert_eq!(
            text("say \"x\" #", false),
            "say \"x\" #".replace("say \"x\" #", "'say \"x\" #'")
        );
        assert_eq!(text("it's \"x\"\n", false), "\"it's \\\"x\\\"\\n\"");
    }
}
