//! The usual reasons why a text is neither YAML nor TOML, and what to do.

const QUOTE: &str = "put the value in quotes";

/// Why the YAML reader may have stopped at a place, by what it said.
pub(crate) fn help_with_yaml(text: &str, at: usize, info: &str) -> Option<&'static str> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let before = text[start..at].trim_start();
    let is_value = before.ends_with(": ") || before.ends_with("- ");
    match info {
        _ if info.contains("tab") => Some("indent with spaces: YAML forbids tabs there"),
        // The first colon of its line ends a key: the value before it ran on, since the line is indented further.
        _ if info.contains("mapping values") && !before.contains(": ") => {
            Some("indent this line like the other keys beside it, or quote the value above it")
        }
        _ if info.contains("mapping values") => {
            Some("put the value in quotes: it contains a colon and a space")
        }
        _ if info.contains("quoted scalar") => Some("close the quote that is open above"),
        _ if info.contains("':' indicator") => {
            Some("close the `[` that is open above, or quote it")
        }
        _ if info.contains("flow") => {
            Some("inside `[…]` and `{…}`, put values with `,`, `{`, `}`, `[` or `]` in quotes")
        }
        _ if info.contains("expected key") => Some("indent this line like the keys above it"),
        _ => is_value.then_some(QUOTE),
    }
}

/// Why the TOML reader may have stopped at a place, by what it said.
pub(crate) fn help_with_toml(message: &str) -> Option<&'static str> {
    match message {
        _ if message.contains("expected `=`") => Some("TOML has `=` between key and value"),
        _ if message.contains("boolean") => Some("write `true` or `false`, in lower case"),
        _ if message.contains("must be quoted") => Some("put the value in quotes: \"…\""),
        _ if message.contains("escaped value") => {
            Some("write it in single quotes, where a backslash is only a backslash")
        }
        _ if message.contains("unclosed table") => Some("close the table's name with `]`"),
        _ if message.contains("string, expected") => Some("close the quote"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_in_a_value_is_not_a_wrong_indentation() {
        let help =
            |text: &str, at: usize| help_with_yaml(text, at, "mapping values are not allowed");
        assert_eq!(
            help("a: b: c", 4),
            Some("put the value in quotes: it contains a colon and a space")
        );
        assert!(help("a: b\n  c: d", 8).is_some_and(|help| help.starts_with("indent")));
    }
}
