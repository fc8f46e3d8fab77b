//! Rules for single texts: names, references, values of variables.

use crate::basic_text as basic;
use crate::{construct_text, image, limits, place_text};

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
    /// A file of items, one on each line.
    Lines,
    /// One item of a scatter.
    Item,
    /// Sizes that are taken.
    SizeRange,
    /// The end of a key.
    Suffix,
    Percent,
    Cron,
    TimeZone,
    Account,
    /// Name or ARN of an SNS topic.
    Topic,
    /// ARN of a KMS key.
    KmsKey,
    Money,
    Processors,
    Secret,
    /// Absolute path in the container.
    MountPath,
    /// `[bucket:]prefix/`.
    MountSource,
    HttpPath,
    Issuer,
    Audience,
    RetryClass,
    Subnet,
    SecurityGroup,
    /// Key prefix in `expire`.
    ExpirePrefix,
    Days,
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
            Self::Name(what) => basic::name(text, what),
            Self::Description => basic::description(text),
            Self::Region => basic::region(text),
            Self::RealBucket => basic::real_bucket(text),
            Self::Variable => basic::identifier(text),
            Self::Constant => basic::constant(text),
            Self::ContainerVariable => basic::container_variable_name(text),
            Self::TagKey => basic::tag_key(text),
            Self::TagValue => basic::tag(text, limits::TAG_VALUE),
            Self::Image => image::check(text),
            Self::Script | Self::Lines => basic::script(text),
            Self::Shell => basic::shell(text),
            _ => self.check_construct(text),
        }
    }

    /// The rules of the constructs.
    fn check_construct(self, text: &str) -> Result<(), Problem> {
        use construct_text as construct;
        match self {
            Self::Item => construct::item(text),
            Self::SizeRange => construct::sizes(text).map(|_| ()),
            Self::Suffix => construct::suffix(text),
            Self::Percent => construct::percent(text).map(|_| ()),
            Self::TimeZone => construct::time_zone(text),
            Self::Account => construct::account(text),
            Self::Topic => construct::topic(text),
            Self::KmsKey => construct::kms_key(text),
            Self::Money => construct::money(text).map(|_| ()),
            Self::Processors => construct::processors(text).map(|_| ()),
            Self::Secret => construct::secret(text).map(|_| ()),
            Self::RetryClass => construct::retry_class(text).map(|_| ()),
            Self::Subnet => construct::network_id(text, "subnet-"),
            Self::SecurityGroup => construct::network_id(text, "sg-"),
            Self::ExpirePrefix => construct::expire_prefix(text),
            Self::Days => construct::days(text).map(|_| ()),
            Self::MountPath => place_text::mount_path(text),
            Self::MountSource => place_text::mount_source(text),
            Self::HttpPath => place_text::http_path(text),
            Self::Issuer => place_text::issuer(text),
            Self::Audience => place_text::audience(text),
            // The place within the text is told, so this is the checker's.
            _ => Ok(()),
        }
    }

    /// The rule as a regular expression of JSON Schema, where it is one.
    pub(crate) fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Name(_) => Some(ANY_NAME),
            Self::Region => Some("^[a-z]{2,4}(-[a-z]+)+-[0-9]+$"),
            Self::RealBucket => Some("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"),
            Self::Variable | Self::ContainerVariable => Some("^[A-Za-z_][A-Za-z0-9_]*$"),
            Self::Image | Self::Script | Self::Shell | Self::Lines | Self::Cron => Some("\\S"),
            Self::SizeRange => {
                Some("^ *[<>]=? *[0-9]+ *[KMGT]?i?B( *, *[<>]=? *[0-9]+ *[KMGT]?i?B)? *$")
            }
            Self::Suffix => Some("^[^*?{}/]+$"),
            Self::Percent => Some("^[0-9]{1,3}%$"),
            Self::Account => Some("^[0-9]{12}$"),
            Self::KmsKey => Some("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.|[{][{]"),
            Self::Secret => Some("^(ssm|secret):."),
            Self::MountPath | Self::HttpPath => Some("^/"),
            Self::MountSource => Some("/$"),
            Self::ExpirePrefix => Some("^$|/$"),
            Self::Issuer => Some("^https://"),
            Self::RetryClass => Some("^(spot|pull|throttle|memory|timeout|exit:[0-9]{1,3})$"),
            Self::Subnet => Some("^subnet-[0-9a-f]+$"),
            Self::SecurityGroup => Some("^sg-[0-9a-f]+$"),
            Self::Days => Some("^[0-9]+d$"),
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
            Self::Script | Self::Lines => "file path",
            Self::Shell => "shell script",
            Self::SizeRange => "range of sizes",
            Self::Percent => "share in percent",
            Self::Cron => "cron expression",
            Self::TimeZone => "time zone",
            Self::Account => "account of twelve digits, in quotes",
            Self::KmsKey => "ARN",
            Self::Money | Self::Processors => "number",
            Self::HttpPath => "path",
            Self::Issuer => "URL",
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
