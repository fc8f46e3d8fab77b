//! When schedules fire: `rate(…)`, `at(…)` and `cron(…)` with a time zone
//! ("Schedule types in EventBridge Scheduler" in its user guide).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::cron::Cron;

/// When a schedule fires. Stored as it was written; it was read when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Expression {
    text: String,
    time_zone: String,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid Schedule Expression {text}: {reason}")]
pub(crate) struct ExpressionError {
    text: String,
    reason: &'static str,
}

impl Expression {
    /// Reads an expression and the name of a time zone.
    pub(crate) fn parse(text: &str, time_zone: &str) -> Result<Self, ExpressionError> {
        let expression = Self {
            text: text.trim().to_owned(),
            time_zone: time_zone.to_owned(),
        };
        let fail = |reason| ExpressionError {
            text: text.to_owned(),
            reason,
        };
        TimeZone::get(time_zone).map_err(|_| fail("there is no such time zone"))?;
        expression.kind().map_err(fail)?;
        Ok(expression)
    }

    /// The expression as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The name of its time zone.
    pub(crate) fn time_zone(&self) -> &str {
        &self.time_zone
    }

    /// The first time after `after_ms` at which it fires. Rates count from `anchor_ms`. All in milliseconds
    /// since the Unix epoch.
    pub(crate) fn next_ms(&self, after_ms: u64, anchor_ms: u64) -> Option<u64> {
        let zone = TimeZone::get(&self.time_zone).ok()?;
        match self.kind().ok()? {
            Kind::Rate(period_ms) => {
                let periods = after_ms.saturating_sub(anchor_ms) / period_ms + 1;
                Some(anchor_ms + periods * period_ms)
            }
            Kind::At(time) => milliseconds(time, &zone).filter(|time_ms| *time_ms > after_ms),
            Kind::Cron(cron) => {
                let after = Timestamp::from_millisecond(i64::try_from(after_ms).ok()?).ok()?;
                let local = after.to_zoned(zone.clone()).datetime();
                cron.after(local, |time| {
                    milliseconds(time, &zone).filter(|at| *at > after_ms)
                })
            }
        }
    }

    fn kind(&self) -> Result<Kind, &'static str> {
        let (name, rest) = self.text.split_once('(').ok_or("it has no brackets")?;
        let inner = rest
            .strip_suffix(')')
            .ok_or("the closing bracket is missing")?;
        match name {
            "rate" => rate(inner).map(Kind::Rate),
            "at" => inner
                .parse()
                .map(Kind::At)
                .map_err(|_| "the time is not yyyy-mm-ddThh:mm:ss"),
            "cron" => Cron::parse(inner).map(|cron| Kind::Cron(Box::new(cron))),
            _ => Err("it is neither rate(…) nor at(…) nor cron(…)"),
        }
    }
}

fn milliseconds(time: DateTime, zone: &TimeZone) -> Option<u64> {
    let zoned = zone.to_ambiguous_zoned(time).compatible().ok()?;
    u64::try_from(zoned.timestamp().as_millisecond()).ok()
}

enum Kind {
    /// Milliseconds from one time to the next.
    Rate(u64),
    At(DateTime),
    Cron(Box<Cron>),
}

fn rate(text: &str) -> Result<u64, &'static str> {
    let (count, unit) = text
        .trim()
        .split_once(' ')
        .ok_or("a rate is a number and a unit")?;
    let count: u64 = count
        .parse()
        .map_err(|_| "the number of a rate is not a number")?;
    let unit_ms = match unit.trim() {
        "minute" | "minutes" => 60_000,
        "hour" | "hours" => 3_600_000,
        "day" | "days" => 86_400_000,
        _ => return Err("the unit of a rate is minutes, hours or days"),
    };
    match count.checked_mul(unit_ms) {
        Some(0) | None => Err("the number of a rate is out of range"),
        Some(period_ms) => Ok(period_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> u64 {
        let time: Timestamp = text.parse().unwrap();
        u64::try_from(time.as_millisecond()).unwrap()
    }

    fn next(expression: &str, zone: &str, after: &str) -> Option<String> {
        let expression = Expression::parse(expression, zone).unwrap();
        let next_ms = expression.next_ms(at(after), at("2026-01-01T00:00:00Z"))?;
        Some(
            Timestamp::from_millisecond(i64::try_from(next_ms).unwrap())
                .unwrap()
                .to_string(),
        )
    }

    /// Expression, time zone, a time, and the next time.
    const CASES: &[(&str, &str, &str, &str)] = &[
        (
            "rate(5 minutes)",
            "UTC",
            "2026-01-01T00:05:00Z",
            "2026-01-01T00:10:00Z",
        ),
        (
            "rate(1 day)",
            "UTC",
            "2026-03-01T01:00:00Z",
            "2026-03-02T00:00:00Z",
        ),
        (
            "cron(0 12 * * ? *)",
            "UTC",
            "2026-01-01T12:00:00Z",
            "2026-01-02T12:00:00Z",
        ),
        (
            "cron(0 12 * * ? *)",
            "Europe/Madrid",
            "2026-07-01T00:00:00Z",
            "2026-07-01T10:00:00Z",
        ),
        (
            "cron(15 10 ? * MON-FRI *)",
            "UTC",
            "2026-11-20T10:15:00Z",
            "2026-11-23T10:15:00Z",
        ),
        (
            "cron(0 8 L * ? *)",
            "UTC",
            "2026-02-01T00:00:00Z",
            "2026-02-28T08:00:00Z",
        ),
        (
            "cron(0 8 ? * 6L *)",
            "UTC",
            "2026-11-01T00:00:00Z",
            "2026-11-27T08:00:00Z",
        ),
        (
            "cron(0 8 ? * MON#2 *)",
            "UTC",
            "2026-11-01T00:00:00Z",
            "2026-11-09T08:00:00Z",
        ),
        (
            "cron(0 8 1W * ? *)",
            "UTC",
            "2026-08-01T00:00:00Z",
            "2026-08-03T08:00:00Z",
        ),
        (
            "cron(0/20 * * * ? *)",
            "UTC",
            "2026-01-01T00:01:00Z",
            "2026-01-01T00:20:00Z",
        ),
        (
            "cron(0 0 29 2 ? *)",
            "UTC",
            "2026-01-01T00:00:00Z",
            "2028-02-29T00:00:00Z",
        ),
        (
            "at(2026-12-24T18:00:00)",
            "America/New_York",
            "2026-01-01T00:00:00Z",
            "2026-12-24T23:00:00Z",
        ),
        // Clocks go from 2:00 to 3:00 in that night.
        (
            "cron(30 2 * * ? *)",
            "Europe/Madrid",
            "2026-03-28T12:00:00Z",
            "2026-03-29T01:30:00Z",
        ),
    ];

    #[test]
    fn the_next_time_is_found() {
        for (expression, zone, after, expected) in CASES {
            assert_eq!(
                next(expression, zone, after).as_deref(),
                Some(*expected),
                "{expression}"
            );
        }
        assert_eq!(
            next("at(2025-01-01T00:00:00)", "UTC", "2026-01-01T00:00:00Z"),
            None
        );
        assert_eq!(
            next("cron(0 0 1 1 ? 2025)", "UTC", "2026-01-01T00:00:00Z"),
            None
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "cron(* * * * *)",
            "cron(0 12 * * * *)",
            "cron(60 * * * ? *)",
            "rate(0 minutes)",
            "rate(5 seconds)",
            "at(tomorrow)",
            "cron(5-1 * * * ? *)",
            "cron(é * * * ? *)",
            "every(1)",
        ] {
            assert!(Expression::parse(bad, "UTC").is_err(), "{bad}");
        }
        assert!(Expression::parse("rate(1 hour)", "Mars/Base").is_err());
    }
}
