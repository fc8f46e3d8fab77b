//! Single texts that every manifest has: names, variables, tags, scripts.

use scar_schemas::contract::{ARTIFACTS, container_variable};

use crate::limits;
use crate::text_rule::Problem;

pub(crate) fn name(text: &str, what: &str) -> Result<(), Problem> {
    let fits = text.len() <= limits::NAME
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !fits {
        let help = match proposal(text) {
            Some(better) => format!(
                "use a-z, 0-9 and -, at most {} characters: `{better}`",
                limits::NAME
            ),
            None => format!(
                "start with a-z, go on with a-z, 0-9 and -, at most {} characters",
                limits::NAME
            ),
        };
        return Err(Problem::new(
            "E401",
            format!("is no name for a {what}"),
            help,
        ));
    }
    if what == "bucket" && text == ARTIFACTS {
        let help = "choose another name: scar keeps its own files in a bucket of this name";
        return Err(Problem::new(
            "E402",
            "is a name that scar uses itself",
            help,
        ));
    }
    Ok(())
}

/// A name like this one that would be right.
fn proposal(text: &str) -> Option<String> {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let better: String = text
        .chars()
        .map(letter)
        .skip_while(|c| !c.is_ascii_lowercase())
        .take(limits::NAME)
        .collect();
    let better = better.trim_end_matches('-');
    (!better.is_empty()).then(|| better.to_owned())
}

pub(crate) fn description(text: &str) -> Result<(), Problem> {
    if text.len() > limits::DESCRIPTION_BYTES {
        let what = format!(
            "has {} bytes, CloudFormation allows {}",
            text.len(),
            limits::DESCRIPTION_BYTES
        );
        return Err(Problem::new(
            "E207",
            what,
            "shorten it, or put it into a comment",
        ));
    }
    Ok(())
}

pub(crate) fn region(text: &str) -> Result<(), Problem> {
    let parts: Vec<&str> = text.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let fits = match parts.as_slice() {
        [area, middle @ .., number] => {
            (2..=4).contains(&area.len())
                && letters(area)
                && !middle.is_empty()
                && middle.iter().all(letters)
                && !number.is_empty()
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err(Problem::new(
            "E105",
            "is no AWS region",
            "write it like `eu-west-1`",
        ))
    }
}

pub(crate) fn real_bucket(text: &str) -> Result<(), Problem> {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = (3..=63).contains(&text.len())
        && text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text
            .chars()
            .all(|c| alphanumeric(c) || c == '.' || c == '-')
        && !text.contains("..");
    if fits {
        return Ok(());
    }
    let help = match text.strip_prefix("s3://") {
        Some(rest) => format!("leave out `s3://`: `{}`", rest.trim_end_matches('/')),
        None => "write the bucket's own name: 3 to 63 of a-z, 0-9, `.` and -".to_owned(),
    };
    Err(Problem::new("E403", "cannot be the name of a bucket", help))
}

pub(crate) fn identifier(text: &str) -> Result<(), Problem> {
    let fits = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && text.len() <= 128;
    if fits {
        return Ok(());
    }
    let help = "use letters, digits and _, and start with a letter";
    Err(Problem::new("E106", "is no name for a variable", help))
}

pub(crate) fn constant(text: &str) -> Result<(), Problem> {
    if text.contains("{{") {
        let help = "variables are not filled in within `vars`: write the value out";
        return Err(Problem::new("E704", "contains `{{`", help));
    }
    Ok(())
}

/// Variables of SCAR 4 that the supervisor sets.
const OLD_NAMES: &[&str] = &[
    container_variable::OLD_INPUT_FILE_PATH,
    container_variable::OLD_TMP_INPUT_DIR,
    container_variable::OLD_TMP_OUTPUT_DIR,
    container_variable::OLD_STORAGE_OBJECT_KEY,
    container_variable::OLD_EVENT_TIME,
    container_variable::OLD_EVENT,
    container_variable::OLD_REQUEST_ID,
];

pub(crate) fn container_variable_name(text: &str) -> Result<(), Problem> {
    identifier(text)?;
    if text.starts_with("SCAR_") || OLD_NAMES.contains(&text) {
        let help = "choose another name: the supervisor sets this one for every task";
        return Err(Problem::new(
            "E107",
            "is a variable that scar sets itself",
            help,
        ));
    }
    Ok(())
}

pub(crate) fn tag_key(text: &str) -> Result<(), Problem> {
    let lower = text.to_ascii_lowercase();
    if text.is_empty() || lower.starts_with("aws:") || lower.starts_with("scar:") {
        let help = "choose another key: those that start with `aws:` and `scar:` are taken";
        return Err(Problem::new("E206", "cannot be the key of a tag", help));
    }
    tag(text, limits::TAG_KEY)
}

pub(crate) fn tag(text: &str, most: usize) -> Result<(), Problem> {
    let allowed = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    if text.chars().count() > most {
        let what = format!("has {} characters, AWS allows {most}", text.chars().count());
        return Err(Problem::new("E206", what, "shorten it"));
    }
    match text.chars().find(|c| !allowed(*c)) {
        Some(bad) => {
            let help = "use letters, digits, spaces and _ . : / = + - @";
            Err(Problem::new(
                "E206",
                format!("contains {bad:?}, which tags cannot have"),
                help,
            ))
        }
        None => Ok(()),
    }
}

pub(crate) fn script(text: &str) -> Result<(), Problem> {
    let help = "copy the script into the manifest's folder and write its path from there";
    let outside = text.starts_with('/') || text.starts_with('~') || text.contains('\\');
    if outside || text.split('/').any(|part| part == "..") {
        return Err(Problem::new(
            "E504",
            "leads out of the manifest's folder",
            help,
        ));
    }
    if text.trim().is_empty() || text.ends_with('/') || text.chars().any(char::is_control) {
        return Err(Problem::new(
            "E502",
            "names no file",
            "write the path of a script file",
        ));
    }
    Ok(())
}

pub(crate) fn shell(text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        let help = "write the commands, or remove `run`: then the image's own entrypoint runs";
        return Err(Problem::new("E505", "is empty", help));
    }
    Ok(())
}
