//! Schedule expressions ("Schedule types in `EventBridge` Scheduler" in its user guide).

/// Whether `at(…)` is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Once {
    /// Schedules of the scheduler may happen once.
    Allowed,
    /// Rules of an event bus repeat.
    Refused,
}

/// What is wrong with an expression.
pub(super) fn problem(expression: &str, once: Once) -> Option<String> {
    let Some((kind, rest)) = expression.split_once('(') else {
        return Some("a schedule is cron(…), rate(…) or at(…)".to_owned());
    };
    let Some(body) = rest.strip_suffix(')') else {
        return Some("the closing parenthesis is missing".to_owned());
    };
    match (kind, once) {
        ("cron", _) => problem_of_cron(body),
        ("rate", _) => problem_of_rate(body),
        ("at", Once::Allowed) => problem_of_time(body),
        ("at", Once::Refused) => {
            Some("rules repeat; at(…) is for AWS::Scheduler::Schedule".to_owned())
        }
        _ => Some(format!("{kind:?} is neither cron, rate nor at")),
    }
}

fn problem_of_rate(body: &str) -> Option<String> {
    let parts: Vec<&str> = body.split(' ').collect();
    let [value, unit] = parts.as_slice() else {
        return Some("a rate is a number and a unit, for instance rate(5 minutes)".to_owned());
    };
    let Some(value) = value.parse::<u32>().ok().filter(|value| *value > 0) else {
        return Some(format!("{value:?} is no whole number above 0"));
    };
    let singular = unit.strip_suffix('s').unwrap_or(unit);
    if !matches!(singular, "minute" | "hour" | "day") {
        return Some(format!("{unit:?} is no unit; use minutes, hours or days"));
    }
    match (value == 1, unit.ends_with('s')) {
        (true, true) => Some(format!("write rate(1 {singular})")),
        (false, false) => Some(format!("write rate({value} {singular}s)")),
        _ => None,
    }
}

struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
    /// Letters with a meaning of their own, such as `L` for last.
    letters: &'static str,
}

const MONTHS: &[&str] = &[
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: [Field; 6] = [
    Field {
        name: "minutes",
        low: 0,
        high: 59,
        names: &[],
        letters: "",
    },
    Field {
        name: "hours",
        low: 0,
        high: 23,
        names: &[],
        letters: "",
    },
    Field {
        name: "day of month",
        low: 1,
        high: 31,
        names: &[],
        letters: "LW",
    },
    Field {
        name: "month",
        low: 1,
        high: 12,
        names: MONTHS,
        letters: "",
    },
    Field {
        name: "day of week",
        low: 1,
        high: 7,
        names: DAYS,
        letters: "L#",
    },
    Field {
        name: "year",
        low: 1970,
        high: 2199,
        names: &[],
        letters: "",
    },
];

fn problem_of_cron(body: &str) -> Option<String> {
    let parts: Vec<&str> = body.split(' ').filter(|part| !part.is_empty()).collect();
    if parts.len() != FIELDS.len() {
        let count = parts.len();
        return Some(format!(
            "cron has {count} fields, not 6 (minutes, hours, day of month, month, day of week, year)"
        ));
    }
    let wrong = FIELDS
        .iter()
        .zip(&parts)
        .find(|(field, part)| !is_field(field, part));
    if let Some((field, part)) = wrong {
        return Some(format!(
            "{part:?} is no {} of a cron expression",
            field.name
        ));
    }
    let is_open = |index: usize| parts[index] == "?";
    match (is_open(2), is_open(4)) {
        (false, false) => Some("one of day of month and day of week must be ?".to_owned()),
        (true, true) => Some("only one of day of month and day of week may be ?".to_owned()),
        _ => None,
    }
}

fn is_field(field: &Field, part: &str) -> bool {
    let has_days = field.name.starts_with("day");
    if part == "*" || (part == "?" && has_days) {
        return true;
    }
    part.split(',').all(|one| is_range(field, one))
}

fn is_range(field: &Field, part: &str) -> bool {
    let (range, step) = part
        .split_once('/')
        .map_or((part, None), |(range, step)| (range, Some(step)));
    if step.is_some_and(|step| step.parse::<u32>().map_or(true, |step| step == 0)) {
        return false;
    }
    if range == "*" {
        return true;
    }
    match range.split_once('-') {
        Some((low, high)) => is_value(field, low) && is_value(field, high),
        None => is_value(field, range),
    }
}

fn is_value(field: &Field, text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let is_letter = |letter: char| field.letters.contains(letter);
    let plain: String = match upper
        .split_once('#')
        .filter(|_| field.letters.contains('#'))
    {
        Some((day, week)) if week.parse().is_ok_and(|week: u32| (1..=5).contains(&week)) => {
            day.to_owned()
        }
        Some(_) => return false,
        None if field.names.contains(&upper.as_str()) => return true,
        None => upper.chars().filter(|letter| !is_letter(*letter)).collect(),
    };
    let is_last = plain.is_empty() && !upper.is_empty();
    let is_number = plain
        .parse()
        .is_ok_and(|number: u32| (field.low..=field.high).contains(&number));
    is_last || is_number || field.names.contains(&plain.as_str())
}

/// `yyyy-mm-ddThh:mm:ss`, without a zone: that stands beside it.
fn problem_of_time(body: &str) -> Option<String> {
    let form = "dddd-dd-ddTdd:dd:dd";
    let is_form = body.len() == form.len()
        && body
            .bytes()
            .zip(form.bytes())
            .all(|(byte, wanted)| match wanted {
                b'd' => byte.is_ascii_digit(),
                other => byte == other,
            });
    let part =
        |from: usize, to: usize| body.get(from..to).and_then(|text| text.parse::<u32>().ok());
    let within =
        |part: Option<u32>, low, high| part.is_some_and(|part| (low..=high).contains(&part));
    let is_time = is_form
        && within(part(5, 7), 1, 12)
        && within(part(8, 10), 1, 31)
        && within(part(11, 13), 0, 23)
        && within(part(14, 16), 0, 59)
        && within(part(17, 19), 0, 59);
    (!is_time).then(|| format!("{body:?} is no time such as 2026-11-20T03:00:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        for good in [
            "cron(0 3 * * ? *)",
            "cron(0/15 8-17 ? * MON-FRI *)",
            "cron(0 0 L * ? 2026)",
            "cron(0 0 ? * 6#3 *)",
            "cron(0 9 1,15 JAN,JUL ? 2026-2030)",
            "cron(*/5 * * * ? *)",
            "rate(1 minute)",
            "rate(5 hours)",
            "at(2026-11-20T03:00:00)",
        ] {
            assert_eq!(problem(good, Once::Allowed), None, "{good}");
        }
        for bad in [
            "cron(0 3 * * *)",
            "cron(0 3 * * * *)",
            "cron(0 3 ? * ? *)",
            "cron(60 3 * * ? *)",
            "cron(0 25 * * ? *)",
            "cron(0 3 * FOO ? *)",
            "cron(0 3 ? * 6#9 *)",
            "rate(0 minutes)",
            "rate(1 minutes)",
            "rate(5 minute)",
            "rate(5 weeks)",
            "every day",
            "cron(0 3 * * ? *",
            "at(2026-13-20T03:00:00)",
        ] {
            assert!(problem(bad, Once::Allowed).is_some(), "{bad}");
        }
        assert!(problem("at(2026-11-20T03:00:00)", Once::Refused).is_some());
    }
}
