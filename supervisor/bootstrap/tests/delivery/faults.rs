//! Faults of a network and a storage: from a seed, or planned for certain requests.

use hyper::Method;
use hyper::http::request::Parts;

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answered with this status and code, without effect.
    Status(u16, &'static str),
    /// The connection ends before the effect.
    ResetBefore,
    /// The connection ends after the effect.
    ResetAfter,
    /// The answer takes its time.
    Slow,
}

/// A source of faults.
#[derive(Debug)]
pub(crate) struct Faults {
    random: Random,
    /// Share of requests that fail, in percent.
    percent: u64,
    /// How many there were.
    pub(crate) count: u64,
    /// Those that wait for their request.
    pub(crate) planned: Vec<Planned>,
}

/// What goes wrong with the next request that is meant.
#[derive(Debug)]
pub(crate) struct Planned {
    /// Its method.
    pub(crate) method: Method,
    /// Parts of its path and query.
    pub(crate) parts: &'static [&'static str],
    /// The fault.
    pub(crate) fault: Fault,
}

impl Faults {
    /// None at all.
    pub(crate) fn none() -> Self {
        Self::new(1, 0)
    }

    /// So many percent of requests fail.
    pub(crate) fn new(seed: u64, percent: u64) -> Self {
        Self {
            random: Random(seed | 1),
            percent,
            count: 0,
            planned: Vec::new(),
        }
    }

    /// What goes wrong with this request.
    pub(crate) fn next(&mut self, head: &Parts) -> Option<Fault> {
        let text = head.uri.to_string();
        let is_meant = |one: &Planned| {
            one.method == head.method && one.parts.iter().all(|part| text.contains(part))
        };
        if let Some(found) = self.planned.iter().position(is_meant) {
            self.count += 1;
            return Some(self.planned.remove(found).fault);
        }
        if self.random.below(100) >= self.percent {
            return None;
        }
        self.count += 1;
        let is_conditional = head.headers.contains_key("if-none-match")
            || head.headers.contains_key("if-match") && head.method == Method::PUT;
        Some(match self.random.below(7) {
            0 => Fault::Status(500, "InternalError"),
            1 => Fault::Status(503, "SlowDown"),
            2 | 3 if is_conditional => Fault::Status(409, "ConditionalRequestConflict"),
            2 | 4 => Fault::ResetBefore,
            3 | 5 => Fault::ResetAfter,
            _ => Fault::Slow,
        })
    }
}

/// Numbers from a seed (xorshift).
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
