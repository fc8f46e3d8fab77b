//! Faults of a network and a storage, from a seed.

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
        }
    }

    /// What goes wrong with this request.
    pub(crate) fn next(&mut self, head: &Parts) -> Option<Fault> {
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
