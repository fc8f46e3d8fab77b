//! Time as Lambda tells it: milliseconds since the Unix epoch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest time kept for publishing.
const MAX_MARGIN: Duration = Duration::from_secs(10);

/// Now, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Time that stays for publishing when the container must end: a tenth of the stage's timeout, at most
/// ten seconds.
pub(crate) fn publish_margin(timeout_s: u32) -> Duration {
    (Duration::from_secs(timeout_s.into()) / 10).min(MAX_MARGIN)
}

/// Time until the container must end.
pub(crate) fn left(deadline_ms: u64, timeout_s: u32) -> Duration {
    let until_deadline = Duration::from_millis(deadline_ms.saturating_sub(now_ms()));
    until_deadline.saturating_sub(publish_margin(timeout_s))
}
