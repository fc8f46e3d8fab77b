//! Five fields of cron, checked with the place of what is wrong.

use crate::place::Span;

/// A field of cron: its name, its least and greatest number, and the names of its numbers.
struct Field {
    name: &'static str,
    range: (u8, u8),
    words: &'static [&'static str],
}

const MONTHS: &[&str] = &[
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: &[Field] = &[
    Field {
        name: "minute",
        range: (0, 59),
        words: &[],
    },
    Field {
        name: "hour",
        range: (0, 23),
        words: &[],
    },
    Field {
        name: "day of month",
        range: (1, 31),
        words: &[],
    },
    Field {
        name: "month",
        range: (1, 12),
        words: MONTHS,
    },
    Field {
        name: "day of week",
        range: (0, 7),
        words: DAYS,
    },
];

/// What is wrong with a cron expression, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) span: Span,
}

/// Whether these are five fields that a schedule can have.
pub(crate) fn check(text: &str) -> Result<(), Wrong> {
    let fields = split(text);
    if fields.len() != FIELDS.len() {
        let what = format!(
            "has {} fields, not five: minute, hour, day of month, month, day of week",
            fields.len()
        );
        return Err(Wrong {
            what,
            span: 0..text.len(),
        });
    }
    for (span, field) in fields.iter().zip(FIELDS) {
        check_field(text, span, field)?;
    }
    let is_star = |index: usize| text[fields[index].clone()].starts_with('*');
    if !is_star(2) && !is_star(4) {
        // AWS takes one of the two only, and cron would mean either.
        return Err(Wrong {
            what: "names a day of the month and a day of the week: one of them must be `*`".into(),
            span: fields[4].clone(),
        });
    }
    Ok(())
}

/// The places of the fields.
fn split(text: &str) -> Vec<Span> {
    let mut fields = Vec::new();
    let mut start = None;
    for (at, character) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, character.is_whitespace()) {
            (None, false) => start = Some(at),
            (Some(from), true) => {
                fields.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    fields
}

fn check_field(text: &str, span: &Span, field: &Field) -> Result<(), Wrong> {
    let mut at = span.start;
    for part in text[span.clone()].split(',') {
        let wrong = |what: String| Wrong {
            what,
            span: at..at + part.len(),
        };
        check_part(part, field).map_err(wrong)?;
        at += part.len() + 1;
    }
    Ok(())
}

/// `*`, `5`, `1-5`, each perhaps with `/2`.
fn check_part(part: &str, field: &Field) -> Result<(), String> {
    let (base, step) = match part.split_once('/') {
        Some((base, step)) => (base, Some(step)),
        None => (part, None),
    };
    if let Some(step) = step {
        let most = field.range.1;
        if !step
            .parse::<u8>()
            .is_ok_and(|step| (1..=most).contains(&step))
        {
            return Err(format!(
                "has a step of {} that is not 1 to {most}",
                field.name
            ));
        }
    }
    if base == "*" {
        return Ok(());
    }
    match base.split_once('-') {
        None => number(base, field).map(|_| ()),
        Some((first, last)) if number(first, field)? <= number(last, field)? => Ok(()),
        Some(_) => Err(format!("has a range of {} that goes backwards", field.name)),
    }
}

fn number(text: &str, field: &Field) -> Result<u8, String> {
    let (least, most) = field.range;
    let upper = text.to_ascii_uppercase();
    if let Some(index) = field.words.iter().position(|word| *word == upper) {
        return Ok(least + u8::try_from(index).unwrap_or(u8::MAX));
    }
    let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse::<u8>()
        .ok()
        .filter(|number| is_plain && (least..=most).contains(number))
        .ok_or_else(|| match field.words {
            [first, .., last] => format!(
                "has a wrong {}: it is {least} to {most}, or {first} to {last}",
                field.name
            ),
            _ => format!("has a wrong {}: it is {least} to {most}", field.name),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good() {
        for text in [
            "0 6 * * MON",
            "*/5 * * * *",
            "0 0 1,15 * *",
            "30 2-4 * jan-MAR 1-5",
            "0 0 * * 7",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn the_place_is_told() {
        for (text, place) in [
            ("61 * * * *", "61"),
            ("0 6,24 * * *", "24"),
            ("0 6 * * MOM", "MOM"),
            ("0 6 * 0 *", "0"),
            ("0 5-2 * * *", "5-2"),
            ("*/0 * * * *", "*/0"),
            ("0 6 1 * MON", "MON"),
            ("@daily", "@daily"),
            ("0 +6 * * *", "+6"),
        ] {
            let wrong = check(text).unwrap_err();
            assert_eq!(&text[wrong.span.clone()], place, "{wrong:?}");
        }
    }
}
