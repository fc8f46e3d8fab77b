//! Single values of an old file, as the old program's reader (YAML 1.1) took them.

use super::report::{Found, Report};
use crate::tree::{Reading, Value};

/// Text, numbers and booleans as text; reports anything else.
pub(crate) fn text(found: &Found<'_>, report: &mut Report) -> Option<String> {
    let text = match &found.node.value {
        Value::Text(text) | Value::Number(text) | Value::Ambiguous(text, _) => text.clone(),
        Value::Boolean(value) => value.to_string(),
        Value::Reported => return None,
        _ => {
            let what = format!("is {}, not text", found.node.describe());
            report.wrong(found, &what, "write one value");
            return None;
        }
    };
    if text.contains("{{") {
        let help =
            "manifests fill in variables there: replace the text by one without double braces";
        report.wrong(found, "contains `{{`", help);
        return None;
    }
    Some(text)
}

/// Text that is not empty; an empty one is the same as none.
pub(crate) fn filled(found: &Found<'_>, report: &mut Report) -> Option<String> {
    if found.node.value == Value::Null {
        return None;
    }
    text(found, report).filter(|text| !text.trim().is_empty())
}

/// A whole number.
pub(crate) fn integer(found: &Found<'_>, report: &mut Report) -> Option<u64> {
    let number = match &found.node.value {
        Value::Number(text) | Value::Text(text) => text.trim().parse().ok(),
        Value::Reported => return None,
        _ => None,
    };
    if number.is_none() {
        let what = format!("is {}, not a whole number", found.node.describe());
        report.wrong(
            found,
            &what,
            "write a whole number without a unit, as SCAR 4 did",
        );
    }
    number
}

/// Yes or no, in all spellings of YAML 1.1.
pub(crate) fn boolean(found: &Found<'_>, report: &mut Report) -> Option<bool> {
    let word = match &found.node.value {
        Value::Boolean(value) => return Some(*value),
        Value::Ambiguous(word, Reading::YesOrNo) | Value::Text(word) => word.to_ascii_lowercase(),
        Value::Number(number) => number.clone(),
        Value::Null => return Some(false),
        Value::Reported => return None,
        _ => String::new(),
    };
    match word.as_str() {
        "true" | "yes" | "on" | "y" | "1" => Some(true),
        "false" | "no" | "off" | "n" | "0" | "" => Some(false),
        _ => {
            report.wrong(
                found,
                "is neither true nor false",
                "write `true` or `false`",
            );
            None
        }
    }
}

/// The items of a list, or the one value that stands in its place.
pub(crate) fn list<'a>(found: &Found<'a>) -> Vec<Found<'a>> {
    match &found.node.value {
        Value::List(items) => {
            let items = items.iter().enumerate();
            items.map(|(index, node)| found.item(index, node)).collect()
        }
        Value::Null => Vec::new(),
        _ => vec![found.clone()],
    }
}

/// A list of texts.
pub(crate) fn texts(found: &Found<'_>, report: &mut Report) -> Vec<String> {
    list(found)
        .iter()
        .filter_map(|item| text(item, report))
        .collect()
}

/// MiB in the largest unit that fits.
pub(crate) fn size(mib: u64) -> String {
    match mib {
        mib if mib > 0 && mib.is_multiple_of(1024) => format!("{}GiB", mib / 1024),
        mib => format!("{mib}MiB"),
    }
}

/// Seconds in the largest unit that fits.
pub(crate) fn duration(seconds: u64) -> String {
    for (unit, length) in [("d", 86_400), ("h", 3600), ("m", 60)] {
        if seconds > 0 && seconds.is_multiple_of(length) {
            return format!("{}{unit}", seconds / length);
        }
    }
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(size(1024), "1GiB");
        assert_eq!(size(1536), "1536MiB");
        assert_eq!(size(0), "0MiB");
        assert_eq!(duration(300), "5m");
        assert_eq!(duration(90), "90s");
        assert_eq!(duration(7200), "2h");
    }
}
