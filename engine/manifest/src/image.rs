//! Image references: their three forms and what can be wrong with them.

use crate::text_rule::Problem;

/// Prefix of an OCI layout beside the manifest.
const LAYOUT: &str = "oci:";
/// Prefix of a saved image.
const ARCHIVE: &str = "archive:";

/// Whether this can be an image reference.
pub(crate) fn check(text: &str) -> Result<(), Problem> {
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(no_image("write a reference such as `debian:13-slim`"));
    }
    if text.contains(['“', '”', '‘', '’']) {
        return Err(no_image("write straight quotes, or none"));
    }
    for prefix in [LAYOUT, ARCHIVE] {
        match text.strip_prefix(prefix) {
            Some("") => return Err(no_image(&format!("name what is meant after `{prefix}`"))),
            Some(_) => return Ok(()),
            None => {}
        }
    }
    if let Some(path) = text.strip_prefix("file:") {
        return Err(no_image(&format!("did you mean `{ARCHIVE}{path}`?")));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let help = format!("leave out `{scheme}://`: `{}`", rest.trim_end_matches('/'));
        return Err(no_image(&help));
    }
    registry(text)
}

/// Whether a reference may mean another image tomorrow.
pub(crate) fn is_floating(text: &str) -> bool {
    if text.starts_with(LAYOUT) || text.starts_with(ARCHIVE) || text.contains('@') {
        return false;
    }
    let last = text.rsplit('/').next().unwrap_or(text);
    last.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn registry(text: &str) -> Result<(), Problem> {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Err(no_image("a digest is `@sha256:` and 64 digits of 0-9a-f"));
    }
    let (host, path) = split_host(name);
    let (path, tag) = match path.rsplit_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (path, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(no_image(
            "a tag has letters, digits, `_`, `.` and `-`, at most 128",
        ));
    }
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(no_image(&format!(
            "write it in lower case: `{}`",
            path.to_ascii_lowercase()
        )));
    }
    if !host.is_none_or(is_host) || !path.split('/').all(is_component) {
        return Err(no_image("write it as `[host/]path[:tag][@sha256:digest]`"));
    }
    Ok(())
}

/// The first part is a host if it looks like one: with a dot, a port, or `localhost`.
fn split_host(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => {
            (Some(host), path)
        }
        _ => (None, name),
    }
}

fn is_host(host: &str) -> bool {
    let (host, port) = host.split_once(':').unwrap_or((host, "443"));
    let name = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b));
    name && port.parse::<u16>().is_ok()
}

fn is_component(part: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    part.bytes().next().is_some_and(inner)
        && part.bytes().next_back().is_some_and(inner)
        && part.bytes().all(|b| inner(b) || b"._-".contains(&b))
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

fn is_digest(digest: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    digest
        .strip_prefix("sha256:")
        .is_some_and(|hash| hash.len() == 64 && hash.bytes().all(hex))
}

fn no_image(help: &str) -> Problem {
    Problem::new("E501", "is no image reference", help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let digest = format!("a/b@sha256:{}", "0f".repeat(32));
        let good = [
            "debian",
            "debian:13-slim",
            "ghcr.io/acme/vips:8.15",
            "localhost:5000/a:1",
            "oci:../images/shell",
            "oci:dir:tag",
            "archive:a.tar",
            "quay.io/biocontainers/bwa-mem2:2.2.1--hd03093a_5",
            digest.as_str(),
        ];
        for text in good {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        let bad = [
            "",
            "a b",
            "oci:",
            "archive:",
            "file:./x.tar",
            "docker://debian",
            "Debian",
            "a//b",
            "a:",
            "a@sha256:12",
            "-a",
            "a:b:c",
            "host.io:x/a",
            "http://x",
        ];
        for text in bad {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn floating_references() {
        assert!(is_floating("debian"));
        assert!(is_floating("localhost:5000/debian"));
        assert!(is_floating("debian:latest"));
        assert!(!is_floating("debian:13"));
        assert!(!is_floating("oci:dir"));
    }
}
