//! Named points at which a test can kill the process. They are compiled in, so that what is tested
//! is what is shipped; without the variable a passage costs one comparison.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use scar_schemas::contract::function_variable::CRASH_AT;

struct Wanted {
    name: String,
    left: AtomicU32,
}

/// Aborts the process if `SCAR_CRASH_AT` is `name`, or `name:n` at the n-th passage.
pub(crate) fn crash_at(name: &str) {
    static WANTED: OnceLock<Option<Wanted>> = OnceLock::new();
    let Some(wanted) = WANTED.get_or_init(|| parse(&std::env::var(CRASH_AT).ok()?)) else {
        return;
    };
    if wanted.name == name && wanted.left.fetch_sub(1, Ordering::Relaxed) == 1 {
        std::process::abort();
    }
}

fn parse(text: &str) -> Option<Wanted> {
    let (name, count) = match text.split_once(':') {
        Some((name, count)) => (name, count.parse().ok()?),
        None => (text, 1),
    };
    Some(Wanted {
        name: name.to_owned(),
        left: AtomicU32::new(count),
    })
}
