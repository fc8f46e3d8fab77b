//! Single texts of the constructs: what they mean, or what is wrong with them.

use scar_schemas::construct::{RetryClass, SecretReference};

use crate::limits;
use crate::suggest::nearest;
use crate::text_rule::Problem;
use crate::units::{DAY_S, duration_s, size_bytes};

/// Names of time zones (IANA Time Zone Database, in the public domain), one on each line.
const TIME_ZONES: &str = include_str!("time_zones.txt");

/// `80%`, from 1 to 100.
pub(crate) fn percent(text: &str) -> Result<u8, Problem> {
    let number = text
        .strip_suffix('%')
        .and_then(|digits| digits.parse().ok());
    number
        .filter(|percent| (1..=100).contains(percent))
        .ok_or_else(|| {
            Problem::new(
                "E112",
                "is no share",
                "write a whole number of percent: `80%`, at most `100%`",
            )
        })
}

/// `<64MiB`, `>=1MiB, <64MiB`: the least size and the first that is too large, in bytes.
pub(crate) fn sizes(text: &str) -> Result<(Option<u64>, Option<u64>), Problem> {
    let wrong = |help: String| Problem::new("E110", "is no range of sizes", help);
    let (mut min, mut below) = (None, None);
    for part in text.split(',').map(str::trim) {
        let end = part
            .find(|c: char| !"<>=".contains(c))
            .unwrap_or(part.len());
        let (sign, size) = part.split_at(end);
        let bytes = size_bytes(size.trim()).map_err(wrong)?;
        let (slot, value) = match sign {
            "<" => (&mut below, Some(bytes)),
            "<=" => (&mut below, bytes.checked_add(1)),
            ">=" => (&mut min, Some(bytes)),
            ">" => (&mut min, bytes.checked_add(1)),
            _ => return Err(wrong("begin with `<`, `<=`, `>` or `>=`: `<64MiB`".into())),
        };
        if slot.is_some() {
            return Err(wrong("one lower and one upper bound are possible".into()));
        }
        *slot = value;
    }
    match (min, below) {
        (Some(min), Some(below)) if min >= below => {
            Err(wrong("no size is in it: swap the two".into()))
        }
        (_, Some(0)) => Err(wrong("no size is below 0".into())),
        range => Ok(range),
    }
}

/// The end of a key.
pub(crate) fn suffix(text: &str) -> Result<(), Problem> {
    let wrong = text.is_empty() || text.contains(['*', '?', '{', '}', '/']);
    if wrong || text.chars().any(char::is_control) {
        let help = "write how keys end, without stars and slashes: `.fastq.gz`";
        return Err(Problem::new("E111", "is no end of a key", help));
    }
    Ok(())
}

/// A time zone of the IANA database.
pub(crate) fn time_zone(text: &str) -> Result<(), Problem> {
    if TIME_ZONES.lines().any(|zone| zone == text) {
        return Ok(());
    }
    let same = TIME_ZONES
        .lines()
        .find(|zone| zone.eq_ignore_ascii_case(text));
    let city = || {
        let end = |zone: &&str| {
            zone.rsplit('/')
                .next()
                .is_some_and(|city| city.eq_ignore_ascii_case(text))
        };
        TIME_ZONES.lines().find(end)
    };
    let help = match same
        .or_else(city)
        .or_else(|| nearest(text, TIME_ZONES.lines()))
    {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write a name of the IANA database: `Europe/Madrid`, `UTC`".to_owned(),
    };
    Err(Problem::new("E114", "is no time zone", help))
}

/// Twelve digits.
pub(crate) fn account(text: &str) -> Result<(), Problem> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    let help = "write its twelve digits in quotes: \"123456789012\"";
    Err(Problem::new("E115", "is no AWS account", help))
}

/// Name or ARN of an SNS topic.
pub(crate) fn topic(text: &str) -> Result<(), Problem> {
    let is_name = |name: &str| {
        (1..=256).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let fits = match text.split(':').collect::<Vec<_>>().as_slice() {
        [name] => is_name(name),
        ["arn", partition, "sns", region, owner, name] => {
            partition.starts_with("aws")
                && !region.is_empty()
                && account(owner).is_ok()
                && is_name(name)
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let help = "write its name, `ops-pager`, or its ARN, `arn:aws:sns:REGION:ACCOUNT:NAME`; FIFO topics cannot be used";
    Err(Problem::new("E116", "is no SNS topic", help))
}

/// ARN of a KMS key. An alias is none: IAM looks at the key that is meant, never at its alias ("Key ARNs
/// and aliases in policies" of the KMS developer guide).
pub(crate) fn kms_key(text: &str) -> Result<(), Problem> {
    let is_id = |id: &str| {
        (1..=256).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let key = match text.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", partition, "kms", region, owner, resource]
            if partition.starts_with("aws") && !region.is_empty() && account(owner).is_ok() =>
        {
            resource.strip_prefix("key/").filter(|id| is_id(id))
        }
        _ => None,
    };
    if key.is_some() {
        return Ok(());
    }
    if text.starts_with("alias/") || text.contains(":alias/") {
        let help = format!(
            "policies know keys, not aliases; its key: `aws kms describe-key --key-id {text} --query KeyMetadata.Arn`"
        );
        return Err(Problem::new(
            "E128",
            "is an alias, not the ARN of a KMS key",
            help,
        ));
    }
    let help = "write the key's ARN: `arn:aws:kms:REGION:ACCOUNT:key/ID`";
    Err(Problem::new("E128", "is no ARN of a KMS key", help))
}

/// `ssm:/NAME`, `secret:NAME`, `secret:NAME#KEY`.
pub(crate) fn secret(text: &str) -> Result<SecretReference, Problem> {
    let help = "write `ssm:/NAME` for Parameter Store, `secret:NAME` or `secret:NAME#KEY` for Secrets Manager; never the \
                value itself";
    let wrong = || Problem::new("E117", "names no secret", help);
    let is_name = |name: &str, more: &[u8]| {
        !name.is_empty()
            && name.len() <= 1011
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
    };
    if let Some(name) = text.strip_prefix("ssm:") {
        return if is_name(name, b"/._-") && !name.contains("//") && !name.ends_with('/') {
            Ok(SecretReference::Parameter(name.to_owned()))
        } else {
            Err(wrong())
        };
    }
    let rest = text.strip_prefix("secret:").ok_or_else(wrong)?;
    let (name, key) = match rest.split_once('#') {
        Some((name, key)) => (name, Some(key)),
        None => (rest, None),
    };
    if !is_name(name, b"/_+=.@:-") || key.is_some_and(str::is_empty) {
        return Err(wrong());
    }
    Ok(SecretReference::Secret {
        name: name.to_owned(),
        key: key.map(str::to_owned),
    })
}

/// A failure that can be tried again.
pub(crate) fn retry_class(text: &str) -> Result<RetryClass, Problem> {
    const WORDS: &[&str] = &["spot", "pull", "throttle", "memory", "timeout", "exit:137"];
    match text {
        "spot" => return Ok(RetryClass::Spot),
        "pull" => return Ok(RetryClass::Pull),
        "throttle" => return Ok(RetryClass::Throttle),
        "memory" => return Ok(RetryClass::Memory),
        "timeout" => return Ok(RetryClass::Timeout),
        _ => {}
    }
    let code: Option<u8> = text
        .strip_prefix("exit:")
        .and_then(|code| code.parse().ok());
    match code {
        Some(code) if code != 0 && code != 65 => Ok(RetryClass::Exit(code)),
        Some(_) => Err(Problem::new(
            "E122",
            "is never tried again",
            "exit code 0 is success, and 65 means bad input: remove it",
        )),
        None => {
            let help = match nearest(text, WORDS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("possible: {}", WORDS.join(", ")),
            };
            Err(Problem::new("E122", "is no kind of failure", help))
        }
    }
}

/// `subnet-…` or `sg-…` with 8 or 17 hexadecimal digits.
pub(crate) fn network_id(text: &str, prefix: &str) -> Result<(), Problem> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let fits = text
        .strip_prefix(prefix)
        .is_some_and(|id| matches!(id.len(), 8 | 17) && id.bytes().all(hex));
    if fits {
        return Ok(());
    }
    let help = format!("write `{prefix}` and 8 or 17 digits of 0-9a-f");
    Err(Problem::new("E123", "is no id of this kind", help))
}

/// `30d`, in days.
pub(crate) fn days(text: &str) -> Result<u64, Problem> {
    let wrong = |help: String| Problem::new("E124", "is no number of days", help);
    let seconds = duration_s(text).map_err(wrong)?;
    if seconds == 0 || !seconds.is_multiple_of(DAY_S) || seconds / DAY_S > 36_500 {
        return Err(wrong("write whole days, from `1d` to `36500d`".to_owned()));
    }
    Ok(seconds / DAY_S)
}

/// A key prefix in `expire`: empty, or with its closing slash.
pub(crate) fn expire_prefix(text: &str) -> Result<(), Problem> {
    if text.is_empty() {
        return Ok(());
    }
    if !text.ends_with('/') || text.contains(['*', '?', '{']) || text.starts_with('/') {
        let help = "write a folder, `frames/`, or \"\" for every object";
        return Err(Problem::new("E125", "is no prefix of keys", help));
    }
    Ok(())
}

/// Processors in thousandths: `4`, `0.25`.
pub(crate) fn processors(text: &str) -> Result<u64, Problem> {
    let (least, most) = limits::VCPU_MILLI;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let milli = format!("{fraction:0<3}").parse::<u64>().ok();
    let milli = milli
        .filter(|_| fraction.len() <= 3)
        .zip(whole.parse::<u64>().ok());
    milli
        .and_then(|(milli, whole)| whole.checked_mul(1000)?.checked_add(milli))
        .filter(|milli| (least..=most).contains(milli))
        .filter(|milli| milli.is_multiple_of(1000) || matches!(milli, 250 | 500))
        .ok_or_else(|| {
            Problem::new(
                "E126",
                "is no number of processors",
                "write `0.25`, `0.5` or a whole number from 1",
            )
        })
}

/// An amount of US dollars.
pub(crate) fn money(text: &str) -> Result<f64, Problem> {
    text.parse::<f64>()
        .ok()
        .filter(|amount| amount.is_finite() && *amount >= 0.0)
        .ok_or_else(|| {
            Problem::new(
                "E127",
                "is no amount",
                "write US dollars without a sign: `20` or `12.5`",
            )
        })
}

/// One item of a scatter.
pub(crate) fn item(text: &str) -> Result<(), Problem> {
    if text.is_empty() || text.len() > limits::ITEM_BYTES {
        let help = format!("an item has 1 to {} bytes", limits::ITEM_BYTES);
        return Err(Problem::new("E212", "cannot be an item", help));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_sizes() {
        assert_eq!(sizes("<64MiB").ok(), Some((None, Some(64 << 20))));
        assert_eq!(sizes(">1KiB, <= 2KiB").ok(), Some((Some(1025), Some(2049))));
        for text in ["", "64MiB", "<64", "<1MiB,>=1MiB", "<1B,<2B", "<0B", "=1B"] {
            assert!(sizes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn secrets() {
        let key = |text| match secret(text) {
            Ok(SecretReference::Secret { name, key }) => Some((name, key)),
            _ => None,
        };
        assert!(
            matches!(secret("ssm:/a/b"), Ok(SecretReference::Parameter(name)) if name == "/a/b")
        );
        assert_eq!(key("secret:a#k"), Some(("a".into(), Some("k".into()))));
        for text in [
            "hunter2",
            "ssm:",
            "ssm:/a/",
            "secret:",
            "secret:a#",
            "ssm:a b",
        ] {
            assert!(secret(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(processors("0.25").ok(), Some(250));
        assert_eq!(processors("16").ok(), Some(16_000));
        for text in [
            "",
            "0",
            "0.3",
            "1.5",
            "-1",
            "1e3",
            "99999999999999999999",
            ".",
        ] {
            assert!(processors(text).is_err(), "{text}");
        }
        assert_eq!(percent("100%").ok(), Some(100));
        assert!(percent("0%").is_err() && percent("80").is_err() && percent("101%").is_err());
        assert_eq!(days("30d").ok(), Some(30));
        assert!(days("12h").is_err() && days("0d").is_err());
    }

    #[test]
    fn time_zones() {
        assert!(time_zone("Europe/Madrid").is_ok() && time_zone("UTC").is_ok());
        let help = |text| time_zone(text).unwrap_err().help;
        assert_eq!(help("madrid"), "did you mean `Europe/Madrid`?");
        assert_eq!(help("Europe/Madird"), "did you mean `Europe/Madrid`?");
    }
}
