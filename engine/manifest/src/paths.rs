//! `[bucket:]pattern` of `in` and `out`.

use scar_schemas::glob::{Glob, MAX_LENGTH};
use scar_schemas::manifest::Path;

use crate::text_rule::Problem;

/// Splits the bucket off, if one is written. A colon further on belongs to the key.
pub(crate) fn split(text: &str) -> Path {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    match text.split_once(':') {
        Some((bucket, pattern)) if is_name(bucket) => Path {
            bucket: Some(bucket.to_owned()),
            pattern: pattern.to_owned(),
        },
        _ => Path {
            bucket: None,
            pattern: text.to_owned(),
        },
    }
}

/// Whether this can be an input.
pub(crate) fn check_input(text: &str) -> Result<(), Problem> {
    let path = split(text);
    key_text(text, &path.pattern)?;
    let bad = |why: &str, help: &str| Problem::new("E108", why, help);
    if path.pattern.ends_with('/') {
        let help = format!("say which objects: `{text}*` or, with all folders below, `{text}**`");
        return Err(bad("is a folder, no key pattern", &help));
    }
    if path.pattern.contains(['[', ']', '\\']) {
        let help = "patterns have only `*`, `?`, `**` and `{a,b}`";
        return Err(bad("has characters that patterns do not have", help));
    }
    let glob = path.pattern.parse::<Glob>();
    glob.map(|_| ()).map_err(|error| {
        bad(
            &format!("is no key pattern: {error}"),
            "see `in` in docs/reference/manifest.md",
        )
    })
}

/// Whether this can be an output; in the map form only a prefix can.
pub(crate) fn check_output(text: &str, in_map: bool) -> Result<(), Problem> {
    let path = split(text);
    key_text(text, &path.pattern)?;
    let bad = |why: &str, help: &str| Err(Problem::new("E109", why, help));
    let pattern = path.pattern.as_str();
    if pattern.contains(['?', '{', '}', '[', ']', '\\']) || pattern.contains("**") {
        return bad(
            "has more than one `*`",
            "use a prefix (`thumbs/`) or one `*` (`thumbs/*.webp`)",
        );
    }
    let stars = pattern.matches('*').count();
    if in_map && stars > 0 {
        return bad(
            "is no prefix",
            "write `PREFIX/: \"PATTERN\"`, for instance `video/: \"*.avi\"`",
        );
    }
    let last = pattern.rsplit('/').next().unwrap_or(pattern);
    match stars {
        0 if !pattern.ends_with('/') => {
            let help = format!(
                "`{text}/` is a prefix for any files, `{text}/*.txt` one file named like the input"
            );
            bad("is neither a prefix nor a pattern", &help)
        }
        0 => Ok(()),
        1 if last.contains('*') => Ok(()),
        1 => bad(
            "has its `*` in a folder",
            "the `*` is the name of the file: `thumbs/*.webp`",
        ),
        _ => bad(
            "has more than one `*`",
            "the `*` is the input's name: it can be there once",
        ),
    }
}

/// Whether this can be the file pattern of an output.
pub(crate) fn check_files(text: &str) -> Result<(), Problem> {
    key_text(text, text)?;
    let glob = text.parse::<Glob>();
    glob.map(|_| ()).map_err(|error| {
        Problem::new(
            "E108",
            format!("is no file pattern: {error}"),
            "write for instance `*.avi`",
        )
    })
}

fn key_text(text: &str, pattern: &str) -> Result<(), Problem> {
    let bad = |why: &str, help: &str| Err(Problem::new("E108", why, help));
    if let Some(rest) = text.strip_prefix("s3://") {
        let key = rest.split_once('/').map_or("", |(_, key)| key);
        let help = format!("name the bucket in `buckets` and write `NAME:{key}`");
        return bad("is a URL", &help);
    }
    if pattern.is_empty() {
        return bad(
            "has no key",
            "write a folder at least: scar keeps the root of a bucket for itself",
        );
    }
    if pattern.starts_with('/') {
        return bad(
            "starts with `/`",
            &format!("leave the slash out: `{}`", pattern.trim_start_matches('/')),
        );
    }
    if pattern.contains("//") || pattern.split('/').any(|part| part == "." || part == "..") {
        return bad(
            "has an empty, `.` or `..` folder",
            "keys are taken byte for byte: leave it out",
        );
    }
    if pattern.chars().any(char::is_control) {
        return bad("contains a control character", "remove it");
    }
    if pattern.len() > MAX_LENGTH {
        return bad("is longer than any key", "S3 allows 1024 bytes");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_split_off() {
        assert_eq!(split("data:in/*").bucket.as_deref(), Some("data"));
        assert_eq!(split("in/a:b").bucket, None);
        assert_eq!(split("in/*").pattern, "in/*");
    }

    #[test]
    fn outputs() {
        for text in ["thumbs/", "data:thumbs/*.webp", "*.txt", "a/b/*"] {
            assert_eq!(check_output(text, false), Ok(()), "{text}");
        }
        for text in [
            "",
            "thumbs",
            "/thumbs/",
            "a/*/b",
            "a/*.*",
            "a/**",
            "a/{b,c}/",
            "s3://b/a/",
            "a//",
            "../a/",
        ] {
            assert!(check_output(text, false).is_err(), "{text}");
        }
        assert!(check_output("a/*.x", true).is_err());
    }

    #[test]
    fn inputs() {
        for text in ["in/*.{mp4,avi}", "data:**/*.gz", "*.txt", "in/**"] {
            assert_eq!(check_input(text), Ok(()), "{text}");
        }
        for text in ["", "in/", "/in/*", "in/{a", "in/[ab]", "in/\n*", "data:"] {
            assert!(check_input(text).is_err(), "{text}");
        }
    }
}
