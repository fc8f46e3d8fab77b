//! How diagnostics name things.

/// Longest text that is quoted whole.
const SHOWN: usize = 60;

/// Text in backticks, shortened, without control characters.
#[must_use]
pub fn quoted(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut shown: String = text.chars().take(SHOWN).map(visible).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// What a path belongs to: `stages.split.in` to "stage `split`".
#[must_use]
pub(crate) fn owner(path: &str) -> String {
    let mut parts = path.split('.');
    match (parts.next(), parts.next()) {
        (Some("stages"), Some(name)) => format!("stage {}", quoted(name)),
        (Some("envs"), Some(name)) => format!("environment {}", quoted(name)),
        (Some("buckets"), Some(name)) => format!("bucket {}", quoted(name)),
        (Some(table @ ("tags" | "vars")), Some(_)) => format!("`{table}`"),
        (Some("defaults"), _) => "`defaults`".to_owned(),
        _ => "the manifest".to_owned(),
    }
}

/// The same for a map of its own within that: `stages.split.join` to "`join` of stage `split`".
#[must_use]
pub(crate) fn part(path: &str) -> String {
    let mut parts = path.splitn(3, '.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("stages" | "envs" | "buckets"), Some(_), Some(inner)) => {
            let is_name = |part: &&str| !part.bytes().all(|b| b.is_ascii_digit());
            let last = inner.rsplit('.').find(is_name).unwrap_or(inner);
            format!("{} of {}", quoted(last), owner(path))
        }
        _ => owner(path),
    }
}
