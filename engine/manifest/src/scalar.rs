//! What an unquoted scalar means, and whether every reader agrees.
//!
//! YAML 1.1 readers see a number to the base 60 in `12:30`, an octal number in `010` and a boolean in
//! `no`; none of that is what people mean. Here such text is neither: it must be quoted or rewritten.

use crate::tree::{Reading, Value};

/// The words for booleans in YAML 1.1 (yaml.org/type/bool.html), lower case, without the two of YAML 1.2.
const OLD_BOOLEANS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false"];

/// The value of an unquoted YAML scalar.
pub(crate) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" => return Value::Boolean(true),
        "false" => return Value::Boolean(false),
        _ => {}
    }
    if is_canonical_number(text) {
        return Value::Number(text.to_owned());
    }
    match other_reading(text) {
        Some(reading) => Value::Ambiguous(text.to_owned(), reading),
        None => Value::Text(text.to_owned()),
    }
}

/// Whether a number survives being read and written again: `7`, `-0.35`, but not `1.10`, `010`, `1e3`.
pub(crate) fn is_canonical_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let whole_fits = digits(whole) && (whole == "0" || !whole.starts_with('0')) && whole.len() < 16;
    let fraction_fits = fraction.is_none_or(|f| digits(f) && !f.ends_with('0') && f.len() < 16);
    whole_fits && fraction_fits && text != "-0"
}

fn other_reading(text: &str) -> Option<Reading> {
    if OLD_BOOLEANS.contains(&text.to_ascii_lowercase().as_str()) {
        return Some(Reading::YesOrNo);
    }
    if is_number_like(text) {
        return Some(Reading::Number);
    }
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.trim_start_matches(['+', '-']);
    if unsigned.contains(':') && unsigned.split([':', '.']).all(digits) {
        return Some(Reading::Time);
    }
    let date = text.split(['T', 't', ' ']).next().unwrap_or(text);
    let parts: Vec<&str> = date.split('-').collect();
    let is_date = parts.len() == 3 && parts[0].len() == 4 && parts.iter().all(|part| digits(part));
    is_date.then_some(Reading::Date)
}

fn is_number_like(text: &str) -> bool {
    let text = text.replace('_', "").to_ascii_lowercase();
    let unsigned = text.trim_start_matches(['+', '-']);
    if matches!(unsigned, ".inf" | ".nan") {
        return true;
    }
    let in_base = |prefix, base| {
        unsigned
            .strip_prefix(prefix)
            .is_some_and(|digits| u128::from_str_radix(digits, base).is_ok())
    };
    let begins = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    begins
        && (unsigned.parse::<f64>().is_ok()
            || in_base("0x", 16)
            || in_base("0o", 8)
            || in_base("0b", 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_meaning_or_none() {
        for text in ["7", "0", "-3", "0.35", "4711"] {
            assert_eq!(plain(text), Value::Number(text.into()), "{text}");
        }
        for text in [
            "010", "1.10", "1e3", "+1", "0x1f", "1_000", ".5", "-0", ".inf", "1.0",
        ] {
            assert!(
                matches!(plain(text), Value::Ambiguous(_, Reading::Number)),
                "{text}"
            );
        }
        for text in ["no", "On", "Y", "TRUE", "off"] {
            assert!(
                matches!(plain(text), Value::Ambiguous(_, Reading::YesOrNo)),
                "{text}"
            );
        }
        for text in ["12:30", "1:02:03", "12:30:45.5"] {
            assert!(
                matches!(plain(text), Value::Ambiguous(_, Reading::Time)),
                "{text}"
            );
        }
        for text in [
            "2GiB", "in/*.png", "a:b", "data:x/", "5f1d", "inf", "1.2.3", "north",
        ] {
            assert_eq!(plain(text), Value::Text(text.into()), "{text}");
        }
        assert!(matches!(
            plain("2026-11-21"),
            Value::Ambiguous(_, Reading::Date)
        ));
    }
}
