//! Faults that are injected on purpose, at given rates and from a seed, so that what survives them is
//! proven to.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// Which faults happen, and how often: the document of `PUT /_local/faults`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rates {
    /// Where the sequence of decisions starts.
    pub(crate) seed: u64,
    /// Faults of deliveries.
    pub(crate) events: EventRates,
    /// Faults of S3.
    pub(crate) s3: S3Rates,
}

/// Faults of deliveries. Rates are from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EventRates {
    pub(crate) duplicate: f64,
    pub(crate) duplicates_max: u64,
    pub(crate) delay: f64,
    pub(crate) delay_max_ms: u64,
    pub(crate) reorder: f64,
    pub(crate) drop: f64,
}

impl Default for EventRates {
    fn default() -> Self {
        Self {
            duplicate: 0.0,
            duplicates_max: 1,
            delay: 0.0,
            delay_max_ms: 1000,
            reorder: 0.0,
            drop: 0.0,
        }
    }
}

/// Faults of S3. Rates are from 0 to 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct S3Rates {
    pub(crate) conflict: f64,
    pub(crate) internal: f64,
    pub(crate) unavailable: f64,
    pub(crate) reset_before: f64,
    pub(crate) reset_after: f64,
    pub(crate) operations: Vec<String>,
    pub(crate) prefix: String,
    pub(crate) root: bool,
}

/// What happens to one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fate {
    /// How often it is made: 0 if it is lost.
    pub(crate) copies: u64,
    /// How long it waits.
    pub(crate) delay_ms: u64,
    /// Whether the next one goes first; `delay_ms` is the longest wait for it then.
    pub(crate) is_held: bool,
}

/// What happens to one request of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum S3Fault {
    /// 409 without effect.
    Conflict,
    /// 500 without effect.
    Internal,
    /// 503 without effect.
    Unavailable,
    /// No answer and no effect.
    ResetBefore,
    /// The effect, but no answer.
    ResetAfter,
}

/// A request of S3, as far as faults look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct S3Call<'a> {
    /// For instance `PutObject`.
    pub(crate) operation: &'a str,
    /// Key of the object, if it is about one.
    pub(crate) key: &'a str,
    /// Whether it depends on an ETag.
    pub(crate) is_conditional: bool,
    /// Whether it is made with the root key.
    pub(crate) by_root: bool,
}

/// Why rates were refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RatesError {
    /// The text is not the document.
    #[error("the faults cannot be read: {0}")]
    Format(serde_json::Error),
    /// A rate is not from 0 to 1, or those of S3 add up to more than 1.
    #[error("rates are numbers from 0 to 1, and those of S3 add up to at most 1")]
    Range,
}

/// The faults of a cloud.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rates: Rates,
    events: Dice,
    requests: Dice,
}

impl Rates {
    /// Reads and checks the document.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, RatesError> {
        let rates: Self = serde_json::from_slice(text).map_err(RatesError::Format)?;
        let (events, s3) = (&rates.events, &rates.s3);
        let shares = s3.shares().map(|(share, _)| share);
        let all = [events.duplicate, events.delay, events.reorder, events.drop];
        let good = all
            .iter()
            .chain(&shares)
            .all(|rate| (0.0..=1.0).contains(rate));
        // Sums of decimal fractions miss 1 by a little.
        match good && shares.iter().sum::<f64>() <= 1.000_001 {
            true => Ok(rates),
            false => Err(RatesError::Range),
        }
    }
}

impl S3Rates {
    fn shares(&self) -> [(f64, S3Fault); 5] {
        [
            (self.conflict, S3Fault::Conflict),
            (self.internal, S3Fault::Internal),
            (self.unavailable, S3Fault::Unavailable),
            (self.reset_before, S3Fault::ResetBefore),
            (self.reset_after, S3Fault::ResetAfter),
        ]
    }

    fn concerns(&self, call: S3Call<'_>) -> bool {
        let is_named = |names: &[String]| names.iter().any(|name| name == call.operation);
        (self.root || !call.by_root)
            && (self.operations.is_empty() || is_named(&self.operations))
            && call.key.starts_with(&self.prefix)
    }
}

impl Faults {
    /// The rates in force.
    pub(crate) fn rates(&self) -> Rates {
        self.state().rates.clone()
    }

    /// Replaces the rates and starts again from their seed.
    pub(crate) fn set(&self, rates: Rates) {
        *self.state() = State {
            events: Dice(rates.seed),
            requests: Dice(rates.seed.wrapping_add(1)),
            rates,
        };
    }

    /// Decides on a delivery.
    pub(crate) fn fate(&self) -> Fate {
        let mut state = self.state();
        let rates = state.rates.events.clone();
        let dice = &mut state.events;
        let mut fate = Fate {
            copies: 1,
            delay_ms: 0,
            is_held: false,
        };
        if dice.happens(rates.drop) {
            fate.copies = 0;
        } else if dice.happens(rates.duplicate) {
            fate.copies = 2 + dice.below(rates.duplicates_max.max(1));
        }
        if dice.happens(rates.delay) {
            fate.delay_ms = dice.below(rates.delay_max_ms.max(1)) + 1;
        } else if dice.happens(rates.reorder) {
            fate.delay_ms = rates.delay_max_ms;
            fate.is_held = true;
        }
        fate
    }

    /// Decides on a request of S3.
    pub(crate) fn s3_fault(&self, call: S3Call<'_>) -> Option<S3Fault> {
        let mut state = self.state();
        let rates = state.rates.s3.clone();
        if !rates.concerns(call) {
            return None;
        }
        let mut thrown = state.requests.share();
        for (share, fault) in rates.shares() {
            if thrown < share {
                let applies = fault != S3Fault::Conflict || call.is_conditional;
                return applies.then_some(fault);
            }
            thrown -= share;
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Numbers that look random and follow from a seed: `SplitMix64` by Steele, Lea and Flood (2014).
#[derive(Debug, Default)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1, 1 excluded.
    fn share(&mut self) -> f64 {
        let digits = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        f64::from(digits) / (f64::from(u32::MAX) + 1.0)
    }

    fn happens(&mut self, rate: f64) -> bool {
        self.share() < rate
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUT: S3Call<'_> = S3Call {
        operation: "PutObject",
        key: "results/x",
        is_conditional: false,
        by_root: false,
    };

    fn faults(text: &str) -> Faults {
        let faults = Faults::default();
        faults.set(Rates::parse(text.as_bytes()).unwrap());
        faults
    }

    #[test]
    fn a_seed_decides_everything() {
        let text = r#"{"seed":7,"events":{"duplicate":0.3,"delay":0.3,"reorder":0.2,"drop":0.1}}"#;
        let fates = || {
            let faults = faults(text);
            (0..500).map(|_| faults.fate()).collect::<Vec<_>>()
        };
        let first = fates();
        assert_eq!(first, fates());
        let share = |test: fn(&Fate) -> bool| first.iter().filter(|fate| test(fate)).count();
        assert!((30..75).contains(&share(|fate| fate.copies == 0)));
        assert!((100..180).contains(&share(|fate| fate.copies > 1)));
        assert!((110..190).contains(&share(|fate| fate.delay_ms > 0 && !fate.is_held)));
        assert!(share(|fate| fate.is_held) > 40);
    }

    #[test]
    fn requests_are_chosen_by_operation_key_and_caller() {
        let faults =
            faults(r#"{"s3":{"unavailable":1,"operations":["PutObject"],"prefix":"results/"}}"#);
        assert_eq!(faults.s3_fault(PUT), Some(S3Fault::Unavailable));
        let spared = [
            S3Call {
                by_root: true,
                ..PUT
            },
            S3Call { key: "in/x", ..PUT },
            S3Call {
                operation: "GetObject",
                ..PUT
            },
        ];
        assert!(
            spared
                .into_iter()
                .all(|call| faults.s3_fault(call).is_none())
        );
    }

    #[test]
    fn only_conditional_writes_conflict() {
        let faults = faults(r#"{"s3":{"conflict":1}}"#);
        assert_eq!(faults.s3_fault(PUT), None);
        let conditional = S3Call {
            is_conditional: true,
            ..PUT
        };
        assert_eq!(faults.s3_fault(conditional), Some(S3Fault::Conflict));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            r#"{"s3":{"internal":2}}"#,
            r#"{"x":1}"#,
            r#"{"s3":{"internal":0.6,"unavailable":0.6}}"#,
        ] {
            assert!(Rates::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
