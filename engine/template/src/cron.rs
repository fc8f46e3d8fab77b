//! Times of a schedule as `EventBridge` Scheduler writes them.
//!
//! Five fields of cron become six: a year is added, one of the two day fields must be `?`, and days of the
//! week are named because they are counted differently ("Schedule types" of `EventBridge` Scheduler).

use std::collections::BTreeSet;

use scar_schemas::construct::Times;

const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The schedule expression; `None` if the five fields are none, or ask for two kinds of days at once.
pub(crate) fn expression(times: &Times) -> Option<String> {
    match times {
        Times::EveryMinutes(1) => Some("rate(1 minute)".to_owned()),
        Times::EveryMinutes(minutes) => Some(format!("rate({minutes} minutes)")),
        Times::Cron(text) => six_fields(text),
    }
}

fn six_fields(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else {
        return None;
    };
    let (day, weekday) = match (is_any(day), is_any(weekday)) {
        (_, true) => (stepped(day, 1), "?".to_owned()),
        (true, false) => ("?".to_owned(), weekdays(weekday)?),
        (false, false) => return None,
    };
    let (minute, hour, month) = (stepped(minute, 0), stepped(hour, 0), stepped(month, 1));
    Some(format!("cron({minute} {hour} {day} {month} {weekday} *)"))
}

fn is_any(field: &str) -> bool {
    field == "*" || field == "?"
}

/// `*/5` counts from the first value, which has to be said.
fn stepped(field: &str, first: u32) -> String {
    let parts = field.split(',').map(|part| match part.strip_prefix("*/") {
        Some(step) => format!("{first}/{step}"),
        None => part.to_uppercase(),
    });
    parts.collect::<Vec<String>>().join(",")
}

fn weekdays(field: &str) -> Option<String> {
    let mut days = BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let step: usize = step.parse().ok().filter(|step| *step > 0)?;
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (0, 6),
            Some((from, to)) => (weekday(from)?, weekday(to)?),
            // `5/2` means from the fifth on.
            None if part.contains('/') => (weekday(range)?, 6),
            None => (weekday(range)?, weekday(range)?),
        };
        let to = if to < from { to + 7 } else { to };
        days.extend((from..=to).step_by(step).map(|day| day % 7));
    }
    let names: Vec<&str> = days.iter().map(|day| DAYS[*day]).collect();
    Some(names.join(","))
}

fn weekday(text: &str) -> Option<usize> {
    let named = DAYS.iter().position(|day| day.eq_ignore_ascii_case(text));
    named.or_else(|| text.parse().ok().filter(|number| *number <= 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_fields_become_six() {
        let six = |text: &str| expression(&Times::Cron(text.to_owned()));
        let is = |text: &str, expected: &str| assert_eq!(six(text).as_deref(), Some(expected));
        is("0 6 * * MON", "cron(0 6 ? * MON *)");
        is("*/5 * * * *", "cron(0/5 * * * ? *)");
        is("0 0 1,15 jan-mar *", "cron(0 0 1,15 JAN-MAR ? *)");
        is("0 9 * * 1-5", "cron(0 9 ? * MON,TUE,WED,THU,FRI *)");
        is("0 9 * * 0", "cron(0 9 ? * SUN *)");
        is("0 9 * * 7", "cron(0 9 ? * SUN *)");
        is("0 9 * * 5-7", "cron(0 9 ? * SUN,FRI,SAT *)");
        is("0 9 * * sat-mon", "cron(0 9 ? * SUN,MON,SAT *)");
        is("0 9 * * */2", "cron(0 9 ? * SUN,TUE,THU,SAT *)");
        for wrong in ["0 9 1 * MON", "* * * *", "0 9 * * 8", "0 9 * * MON/0"] {
            assert_eq!(six(wrong), None, "{wrong}");
        }
        assert_eq!(
            expression(&Times::EveryMinutes(15)).as_deref(),
            Some("rate(15 minutes)")
        );
    }
}
