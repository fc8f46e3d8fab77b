//! Texts that say where something is: paths in the container, prefixes of buckets, doors, issuers.

use crate::paths;
use crate::text_rule::Problem;

/// Folders of the container that must stay the image's, the kernel's or scar's own.
const SYSTEM_FOLDERS: &[&str] = &[
    "/", "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys",
    "/tmp", "/usr", "/var",
];

/// An absolute path in the container that a prefix may be seen at.
pub(crate) fn mount_path(text: &str) -> Result<(), Problem> {
    let wrong = |what: &str, help: &str| Err(Problem::new("E118", what, help));
    let help = "write an absolute path of its own: `/reference`";
    let parts = || text.split('/').skip(1);
    if !text.starts_with('/') || text.chars().any(char::is_control) {
        return wrong("is no absolute path", help);
    }
    if text.len() > 1 && parts().any(|part| matches!(part, "" | "." | "..")) {
        return wrong("has an empty, `.` or `..` part", help);
    }
    let is_system = SYSTEM_FOLDERS.contains(&text)
        || ["/proc/", "/sys/", "/dev/"]
            .iter()
            .any(|folder| text.starts_with(folder));
    if is_system {
        return wrong("is a folder of the system", help);
    }
    Ok(())
}

/// `[bucket:]prefix/`.
pub(crate) fn mount_source(text: &str) -> Result<(), Problem> {
    let path = paths::split(text);
    let fits = path.pattern.ends_with('/')
        && !path.pattern.starts_with('/')
        && !path.pattern.contains(['*', '?', '{', '}'])
        && !path.pattern.contains("//")
        && path.pattern.len() <= 1024;
    if fits && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let help = "write a folder of a bucket with its closing slash: `data:reference/`";
    Err(Problem::new("E119", "is no prefix of a bucket", help))
}

/// Path of an HTTP door.
pub(crate) fn http_path(text: &str) -> Result<(), Problem> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
    let fits = text.starts_with('/') && text.bytes().all(allowed) && text.len() <= 128;
    if fits && !text.contains("//") && (text == "/" || !text.ends_with('/')) {
        return Ok(());
    }
    let help = "begin with a slash, and use letters, digits and - . _ ~: `/annotate`";
    Err(Problem::new("E120", "is no path of a door", help))
}

/// Issuer of tokens.
pub(crate) fn issuer(text: &str) -> Result<(), Problem> {
    let host = text
        .strip_prefix("https://")
        .and_then(|rest| rest.split('/').next());
    let fits = host.is_some_and(|host| host.contains('.') && !host.starts_with('.'));
    if fits && !text.contains(['?', '#', ' ']) {
        return Ok(());
    }
    let help = "write its URL as it stands in the tokens: `https://login.example.org/`";
    Err(Problem::new("E121", "is no issuer of tokens", help))
}

/// An audience of tokens.
pub(crate) fn audience(text: &str) -> Result<(), Problem> {
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        let help = "write the client id or URL that tokens are made for";
        return Err(Problem::new("E121", "is no audience of tokens", help));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts() {
        assert!(mount_path("/reference").is_ok() && mount_path("/opt/data/v1.2").is_ok());
        for text in ["", "/", "ref", "/etc", "/proc/1", "/a/../b", "/a//b", "/a/"] {
            assert!(mount_path(text).is_err(), "{text}");
        }
        assert!(mount_source("data:ref/").is_ok());
        for text in ["", "data:ref", "data:*/", "/a/", "data:", "s3://a/"] {
            assert!(mount_source(text).is_err(), "{text}");
        }
    }

    #[test]
    fn doors() {
        assert!(http_path("/").is_ok() && http_path("/v1/annotate").is_ok());
        for text in ["", "a", "/a/", "/a b", "//"] {
            assert!(http_path(text).is_err(), "{text}");
        }
        assert!(issuer("https://login.example.org/").is_ok());
        for text in [
            "",
            "http://a.b",
            "https://",
            "https://a.b?x",
            "login.example.org",
        ] {
            assert!(issuer(text).is_err(), "{text}");
        }
    }
}
