//! Rules for single texts: names, references, values of variables.

use scar_schemas::contract::{ARTIFACTS, container_variable};

use crate::image;
use crate::limits;

/// What a text must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TextRule {
    /// Anything.
    Free,
    /// A name in the manifest; the word says of what.
    Name(&'static str),
    Description,
    Region,
    /// Name of a bucket as S3 has it.
    RealBucket,
    /// Name of a value in `vars`.
    Variable,
    /// A value in `vars`.
    Constant,
    /// Name of a variable in `env`.
    ContainerVariable,
    TagKey,
    TagValue,
    Image,
    /// Path of a script file.
    Script,
    /// An inline script.
    Shell,
}

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    /// What is wrong, after the text itself: "`X` is no …".
    pub(crate) what: String,
    pub(crate) help: String,
}

impl Problem {
    pub(crate) fn new(
        code: &'static str,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            code,
            what: what.into(),
            help: help.into(),
        }
    }
}

const ANY_NAME: &str = "^[a-z][a-z0-9-]{0,30}$";

impl TextRule {
    /// Whether the text keeps the rule.
    pub(crate) fn check(self, text: &str) -> Result<(), Problem> {
        if text.contains('\0') {
            return Err(Problem::new(
                "E005",
                "contains a NUL character",
                "remove `\\0`",
            ));
        }
        match self {
            Self::Free => Ok(()),
            Self::Name(what) => name(text, what),
            Self::Description => description(text),
            Self::Region => region(text),
            Self::RealBucket => real_bucket(text),
            Self::Variable => identifier(text),
            Self::Constant => constant(text),
            Self::ContainerVariable => container_variable_name(text),
            Self::TagKey => tag_key(text),
            Self::TagValue => tag(text, limits::TAG_VALUE),
            Self::Image => image::check(text),
            Self::Script => script(text),
            Self::Shell => shell(text),
        }
    }

    /// The rule as a regular expression of JSON Schema, where it is one.
    pub(crate) fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Name(_) => Some(ANY_NAME),
            Self::Region => Some("^[a-z]{2,4}(-[a-z]+)+-[0-9]+$"),
            Self::RealBucket => Some("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"),
            Self::Variable | Self::ContainerVariable => Some("^[A-Za-z_][A-Za-z0-9_]*$"),
            Self::Image | Self::Script | Self::Shell => Some("\\S"),
            _ => None,
        }
    }

    /// What the reference page calls it.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Name(_) => "name",
            Self::Region => "region",
            Self::RealBucket => "bucket name",
            Self::Image => "image reference",
            Self::Script => "file path",
            Self::Shell => "shell script",
            _ => "text",
        }
    }

    /// The limit for the reference page.
    pub(crate) fn limit(self) -> Option<String> {
        match self {
            Self::Name(_) => Some(format!(
                "a-z, 0-9 and -, starts with a letter, at most {} characters",
                limits::NAME
            )),
            Self::Description => Some(format!("{} bytes", limits::DESCRIPTION_BYTES)),
            Self::RealBucket => Some("3 to 63 characters: a-z, 0-9, `.` and -".to_owned()),
            _ => None,
        }
    }
}

fn name(text: &str, what: &str) -> Result<(), Problem> {
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

fn description(text: &str) -> Result<(), Problem> {
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

fn region(text: &str) -> Result<(), Problem> {
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

fn real_bucket(text: &str) -> Result<(), Problem> {
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

fn identifier(text: &str) -> Result<(), Problem> {
    let fits = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && text.len() <= 128;
    if fits {
        return Ok(());
    }
    let help = "use letters, digits and _, and start with a letter";
    Err(Problem::new("E106", "is no name for a variable", help))
}

fn constant(text: &str) -> Result<(), Problem> {
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

fn container_variable_name(text: &str) -> Result<(), Problem> {
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

fn tag_key(text: &str) -> Result<(), Problem> {
    let lower = text.to_ascii_lowercase();
    if text.is_empty() || lower.starts_with("aws:") || lower.starts_with("scar:") {
        let help = "choose another key: those that start with `aws:` and `scar:` are taken";
        return Err(Problem::new("E206", "cannot be the key of a tag", help));
    }
    tag(text, limits::TAG_KEY)
}

fn tag(text: &str, most: usize) -> Result<(), Problem> {
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

fn script(text: &str) -> Result<(), Problem> {
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

fn shell(text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        let help = "write the commands, or remove `run`: then the image's own entrypoint runs";
        return Err(Problem::new("E505", "is empty", help));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(rule: TextRule, text: &str) -> Option<&'static str> {
        rule.check(text).err().map(|problem| problem.code)
    }

    #[test]
    fn names() {
        let name = TextRule::Name("stage");
        assert_eq!(code(name, "a-1"), None);
        for text in ["", "A", "1a", "a_b", "é", &"a".repeat(32)] {
            assert_eq!(code(name, text), Some("E401"), "{text}");
        }
        assert!(
            name.check("My_Stage")
                .unwrap_err()
                .help
                .ends_with("`my-stage`")
        );
        assert_eq!(code(TextRule::Name("bucket"), "artifacts"), Some("E402"));
    }

    #[test]
    fn regions() {
        for text in ["eu-west-1", "us-gov-east-1", "eusc-de-east-1"] {
            assert_eq!(code(TextRule::Region, text), None, "{text}");
        }
        for text in ["", "eu", "eu-west", "Eu-west-1", "eu--1", "ireland"] {
            assert_eq!(code(TextRule::Region, text), Some("E105"), "{text}");
        }
    }

    #[test]
    fn scripts_stay_inside() {
        assert_eq!(code(TextRule::Script, "scripts/a.sh"), None);
        for text in ["/etc/passwd", "../a", "a/../../b", "~/x", "a\\..\\b"] {
            assert_eq!(code(TextRule::Script, text), Some("E504"), "{text}");
        }
    }
}
