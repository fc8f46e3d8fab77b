//! What is refused before any service sees it. The cloud listens on loopback, but web pages in a
//! browser on the same machine can reach that too: through a name that is rebound to 127.0.0.1, or by
//! requests across sites. Both show in headers that a page cannot forge.

use http::request::Parts;

/// Refuses foreign names in `Host` and requests that a web page made.
pub(super) fn check(parts: &Parts) -> Result<(), &'static str> {
    let host = parts
        .headers
        .get(http::header::HOST)
        .and_then(|value| value.to_str().ok());
    let Some(host) = host else {
        return Err("the Host header is missing");
    };
    if parts.headers.get_all(http::header::HOST).iter().count() != 1 || !is_own_name(host) {
        return Err("the Host header does not name this machine");
    }
    if parts.headers.contains_key(http::header::ORIGIN) || is_cross_site(parts) {
        return Err("requests of web pages are not accepted");
    }
    Ok(())
}

/// `127.0.0.1`, `localhost` and names below `localhost`, with a port or without.
fn is_own_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port))
            if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        Some(_) => return false,
        None => host,
    };
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let name = name.to_ascii_lowercase();
    name == "127.0.0.1"
        || name == "localhost"
        || name
            .strip_suffix(".localhost")
            .is_some_and(|rest| rest.split('.').all(label))
}

fn is_cross_site(parts: &Parts) -> bool {
    let site = parts
        .headers
        .get("sec-fetch-site")
        .and_then(|value| value.to_str().ok());
    matches!(site, Some("cross-site" | "same-site"))
}

/// The service that an unsigned request was probably meant for, so that its client understands the
/// answer.
pub(super) fn likely_service(parts: &Parts) -> &'static str {
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    };
    match header("x-amz-target").split('.').next().unwrap_or("") {
        "Logs_20140328" => "logs",
        "AWSEvents" => "events",
        "AmazonSQS" => "sqs",
        _ if parts.uri.path().starts_with("/2015-03-31/")
            || parts.uri.path() == "/2016-08-19/account-settings/" =>
        {
            "lambda"
        }
        _ if header("content-type").starts_with("application/x-www-form-urlencoded") => {
            "cloudformation"
        }
        _ => "s3",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names() {
        for good in [
            "127.0.0.1:4566",
            "localhost",
            "LOCALHOST:1",
            "b.s3.localhost:80",
            "a-b.localhost",
        ] {
            assert!(is_own_name(good), "{good}");
        }
        let bad = [
            "",
            "example.com",
            "127.0.0.1.example.com",
            "localhost.example.com",
            "localhost:",
            "evillocalhost",
            ".localhost",
            "a..localhost",
            "127.0.0.2",
            "0.0.0.0",
            "[::1]:80",
            "localhost:80:90",
            "127.1",
            "localhost.",
            "user@localhost",
            "2130706433",
            "0x7f.1",
        ];
        for bad in bad {
            assert!(!is_own_name(bad), "{bad}");
        }
    }
}
