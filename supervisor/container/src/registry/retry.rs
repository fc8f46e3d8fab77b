//! When to ask a registry again, and the small texts of requests.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Response, StatusCode};
use hyper::body::Incoming;

const MAX_WAIT: Duration = Duration::from_secs(20);

/// An error of hyper with its causes, which alone say what happened.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// How long to wait before asking again; `None` if that cannot help.
pub(crate) fn retry_wait(response: &Response<Incoming>, tries: u32) -> Option<Duration> {
    let status = response.status();
    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
        return None;
    }
    let header = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let seconds = header
        .and_then(|text| text.parse().ok())
        .map(Duration::from_secs);
    Some(seconds.unwrap_or_else(|| backoff(tries)).min(MAX_WAIT))
}

pub(crate) fn backoff(tries: u32) -> Duration {
    Duration::from_millis(250) * 2_u32.saturating_pow(tries.min(6))
}

/// Percent-encodes a value of a query.
pub(crate) fn escape(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
    let escaped = |byte: u8| match byte {
        byte if keep(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escaped).collect()
}
