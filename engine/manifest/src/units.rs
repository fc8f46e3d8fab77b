//! Sizes and durations with their units.

/// Units of sizes with their MiB.
const SIZES: &[(&str, u64)] = &[("MiB", 1), ("GiB", 1024)];
/// Units of sizes with their bytes.
const BYTES: &[(&str, u64)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
/// Units of durations with their seconds.
const DURATIONS: &[(&str, u64)] = &[("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];

/// Seconds of a day.
pub(crate) const DAY_S: u64 = 86_400;

/// Size in MiB: `512MiB`, `1.5GiB`. The error says what to write instead.
pub(crate) fn size_mib(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let Some((_, factor)) = SIZES.iter().find(|(name, _)| *name == unit) else {
        return Err(size_advice(number, unit));
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).unwrap_or(u32::MAX));
    let digits: Option<u64> = format!("{whole}{fraction}").parse().ok();
    match (digits, scale) {
        (Some(digits), Some(scale)) if !whole.is_empty() && !number.ends_with('.') => {
            let scaled = digits
                .checked_mul(*factor)
                .ok_or("this is more than any computer has")?;
            let is_whole = scaled % scale == 0;
            is_whole
                .then_some(scaled / scale)
                .ok_or_else(|| "use whole MiB".to_owned())
        }
        _ => Err(size_advice(number, unit)),
    }
}

/// Size in bytes: `100B`, `64MiB`, `2TiB`; whole numbers only. The error says what to write instead.
pub(crate) fn size_bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor = BYTES.iter().find(|(name, _)| *name == unit);
    match (number.parse::<u64>(), factor) {
        (Ok(count), Some((_, factor))) => count
            .checked_mul(*factor)
            .ok_or_else(|| "no object is that large".to_owned()),
        (Ok(count), None) => Err(match unit.trim().to_ascii_lowercase().as_str() {
            "" => format!("say the unit: `{count}B` or `{count}MiB`"),
            "k" | "kb" | "ki" | "kib" => format!("did you mean `{count}KiB`?"),
            "t" | "tb" | "ti" | "tib" => format!("did you mean `{count}TiB`?"),
            _ => size_advice(number, unit),
        }),
        _ => Err("write a whole number and a unit: `100B`, `64MiB`, `2GiB`".to_owned()),
    }
}

/// Duration in seconds: `90s`, `15m`, `6h`, `30d`. The error says what to write instead.
pub(crate) fn duration_s(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor = DURATIONS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| factor);
    match (number.parse::<u64>(), factor) {
        (Ok(count), Some(factor)) => count
            .checked_mul(*factor)
            .ok_or_else(|| "this is longer than anybody waits".to_owned()),
        (Ok(count), None) if unit.is_empty() => {
            Err(format!("say the unit: `{count}s` or `{count}m`"))
        }
        (Ok(count), None) => {
            let short = unit
                .trim_start()
                .chars()
                .next()
                .filter(|c| "smhd".contains(*c))
                .unwrap_or('s');
            Err(format!("did you mean `{count}{short}`?"))
        }
        _ => Err("write a whole number and a unit: `90s`, `15m`, `6h`, `30d`".to_owned()),
    }
}

/// A size for people, in the largest unit that is exact.
pub(crate) fn show_mib(mib: u64) -> String {
    if mib >= 1024 && mib.is_multiple_of(1024) {
        format!("{}GiB", mib / 1024)
    } else {
        format!("{mib}MiB")
    }
}

/// A duration for people, in the largest unit that is exact.
pub(crate) fn show_seconds(seconds: u64) -> String {
    let exact = DURATIONS
        .iter()
        .rev()
        .find(|(_, factor)| seconds.is_multiple_of(*factor))
        .unwrap_or(&DURATIONS[0]);
    format!("{}{}", seconds / exact.1, exact.0)
}

fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text.split_at(end)
}

fn size_advice(number: &str, unit: &str) -> String {
    let meant = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "m" | "mb" | "mi" | "mib" => "MiB",
        "g" | "gb" | "gi" | "gib" => "GiB",
        _ => return "write a number and a unit: `512MiB`, `4GiB`".to_owned(),
    };
    if number.parse::<f64>().is_err() {
        return "write a number and a unit: `512MiB`, `4GiB`".to_owned();
    }
    format!("did you mean `{number}{meant}`?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size_mib("512MiB"), Ok(512));
        assert_eq!(size_mib("1.5GiB"), Ok(1536));
        assert_eq!(size_mib("512").unwrap_err(), "did you mean `512MiB`?");
        assert_eq!(size_mib("4GB").unwrap_err(), "did you mean `4GiB`?");
        assert_eq!(size_mib("0.3MiB").unwrap_err(), "use whole MiB");
        for text in [
            "",
            "GiB",
            ".GiB",
            "1.GiB",
            "1..2GiB",
            "99999999999999999999GiB",
            "-1GiB",
        ] {
            assert!(size_mib(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration_s("15m"), Ok(900));
        assert_eq!(
            duration_s("90").unwrap_err(),
            "say the unit: `90s` or `90m`"
        );
        assert_eq!(duration_s("15min").unwrap_err(), "did you mean `15m`?");
        for text in [
            "",
            "m",
            "1.5h",
            "1h30m",
            "99999999999999999999d",
            "9999999999999999999d",
        ] {
            assert!(duration_s(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_for_people() {
        assert_eq!(show_mib(2048), "2GiB");
        assert_eq!(show_mib(1536), "1536MiB");
    }
}
