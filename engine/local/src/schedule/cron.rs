//! Cron expressions with six fields ("Schedule types in EventBridge Scheduler" in its user guide).

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
/// The week begins with Sunday, which is 1.
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// Years that a cron expression can have.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2199;

/// A cron expression: minute, hour, day of the month, month, day of the week, year.
#[derive(Debug)]
pub(super) struct Cron {
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    days: Days,
    months: BTreeSet<i16>,
    years: BTreeSet<i16>,
}

#[derive(Debug)]
enum Days {
    /// Days of the month.
    OfMonth(BTreeSet<i16>),
    /// The last day of the month.
    Last,
    /// The weekday nearest to a day of the month.
    NearestWeekday(i16),
    /// Days of the week, 1 is Sunday.
    OfWeek(BTreeSet<i16>),
    /// The last one of a day of the week in the month.
    LastOfWeek(i16),
    /// The nth one of a day of the week in the month.
    NthOfWeek(i16, i16),
}

impl Cron {
    /// Reads six fields.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, day, month, weekday, year] = fields.as_slice() else {
            return Err("a cron expression has six fields");
        };
        Ok(Self {
            minutes: values(minutes, 0..=59, &[])?,
            hours: values(hours, 0..=23, &[])?,
            days: days(day, weekday)?,
            months: values(month, 1..=12, &MONTHS)?,
            years: values(year, YEARS, &[])?,
        })
    }

    /// The first time from a local time on that `accept` takes.
    pub(super) fn after(
        &self,
        local: DateTime,
        accept: impl Fn(DateTime) -> Option<u64>,
    ) -> Option<u64> {
        let mut date = local.date();
        // A leap day of a certain weekday comes within 28 years, or 40 across 2100.
        for _ in 0..366 * 41 {
            if date.year() > *YEARS.end() {
                return None;
            }
            if self.takes(date) {
                let times = self.hours.iter().flat_map(|hour| {
                    let minutes = self.minutes.iter();
                    minutes.filter_map(|minute| {
                        let hour = i8::try_from(*hour).ok()?;
                        Some(date.at(hour, i8::try_from(*minute).ok()?, 0, 0))
                    })
                });
                if let Some(found) = times.filter_map(&accept).min() {
                    return Some(found);
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn takes(&self, date: Date) -> bool {
        self.years.contains(&date.year())
            && self.months.contains(&i16::from(date.month()))
            && self.days.take(date)
    }
}

impl Days {
    fn take(&self, date: Date) -> bool {
        let day = i16::from(date.day());
        let weekday = i16::from(date.weekday().to_sunday_one_offset());
        let last = i16::from(date.days_in_month());
        match self {
            Self::OfMonth(days) => days.contains(&day),
            Self::Last => day == last,
            Self::NearestWeekday(wanted) => nearest_weekday(date, *wanted) == Some(date),
            Self::OfWeek(days) => days.contains(&weekday),
            Self::LastOfWeek(wanted) => weekday == *wanted && day > last - 7,
            Self::NthOfWeek(wanted, nth) => weekday == *wanted && (day - 1) / 7 + 1 == *nth,
        }
    }
}

/// The weekday that is nearest to a day of the month of `date`, within the month.
fn nearest_weekday(date: Date, day: i16) -> Option<Date> {
    let wanted = date.with().day(i8::try_from(day).ok()?).build().ok()?;
    let shift = match (wanted.weekday(), day == i16::from(date.days_in_month())) {
        (Weekday::Saturday, _) if day == 1 => 2,
        (Weekday::Saturday, _) => -1,
        (Weekday::Sunday, true) => -2,
        (Weekday::Sunday, false) => 1,
        _ => 0,
    };
    wanted.checked_add(shift.days()).ok()
}

fn days(day: &str, weekday: &str) -> Result<Days, &'static str> {
    match (day, weekday) {
        ("?", "?") => Err("one of the fields for days must be given"),
        ("L", "?") => Ok(Days::Last),
        (day, "?") => match day.strip_suffix('W') {
            Some(day) => number(day, &(1..=31), &[]).map(Days::NearestWeekday),
            None => values(day, 1..=31, &[]).map(Days::OfMonth),
        },
        ("?", weekday) => week(weekday),
        ("*", weekday) if weekday != "*" => Err("one of the fields for days must be ?"),
        _ => Err("one of the fields for days must be ?"),
    }
}

fn week(text: &str) -> Result<Days, &'static str> {
    let range = 1..=7;
    if let Some((weekday, nth)) = text.split_once('#') {
        let weekday = number(weekday, &range, &WEEKDAYS)?;
        return number(nth, &(1..=5), &[]).map(|nth| Days::NthOfWeek(weekday, nth));
    }
    match text.strip_suffix('L') {
        Some("") => Ok(Days::OfWeek(BTreeSet::from([7]))),
        Some(weekday) => number(weekday, &range, &WEEKDAYS).map(Days::LastOfWeek),
        None => values(text, range, &WEEKDAYS).map(Days::OfWeek),
    }
}

/// The values of a field: `*`, numbers or names, ranges and steps, separated by commas.
fn values(
    text: &str,
    range: std::ops::RangeInclusive<i16>,
    names: &[&str],
) -> Result<BTreeSet<i16>, &'static str> {
    let mut found = BTreeSet::new();
    for part in text.split(',') {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, Some(number(step, &(1..=i16::MAX), &[])?)),
            None => (part, None),
        };
        let (first, last) = match span.split_once('-') {
            _ if span == "*" => (*range.start(), *range.end()),
            Some((first, last)) => (number(first, &range, names)?, number(last, &range, names)?),
            None => {
                let first = number(span, &range, names)?;
                (first, if step.is_some() { *range.end() } else { first })
            }
        };
        if first > last {
            return Err("a range ends before it begins");
        }
        let step = usize::try_from(step.unwrap_or(1)).unwrap_or(1);
        found.extend((first..=last).step_by(step));
    }
    Ok(found)
}

fn number(
    text: &str,
    range: &std::ops::RangeInclusive<i16>,
    names: &[&str],
) -> Result<i16, &'static str> {
    let named = names
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text));
    let value = match named {
        Some(position) => i16::try_from(position).unwrap_or(0) + 1,
        None => text
            .parse()
            .map_err(|_| "a field has something that is no value")?,
    };
    match range.contains(&value) {
        true => Ok(value),
        false => Err("a value is out of range"),
    }
}
