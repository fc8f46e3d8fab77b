//! Buckets, log groups and repositories ("Bucket naming rules" and other pages of the S3 user guide).

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, at, flag, text};
use super::super::policy::{self, Purpose};
use super::super::scalar::shown;
use super::super::text::Text;
use super::{lifecycle, notification};

/// What CloudFormation adds to a prefix in the namespace of an account: a hyphen, the account, the region, `-an`.
const SUFFIX_CHARACTERS: usize = "-123456789012-us-east-1-an".len();

/// Checks a bucket.
pub(super) fn check_bucket(item: &Item<'_>, findings: &mut Findings) {
    check_bucket_name(item, findings);
    check_prefix(item, findings);
    lifecycle::check(item, findings);
    notification::check(item, findings);
    if item.has("AccessControl") && !item.has("OwnershipControls") {
        findings
            .error(
                item.place("AccessControl"),
                "access control lists are off unless OwnershipControls says otherwise",
            )
            .fix("remove it, and use a bucket policy");
    }
    check_website(item, findings);
    for (place, rule) in item.list("BucketEncryption.ServerSideEncryptionConfiguration") {
        let default = at(rule, "ServerSideEncryptionByDefault");
        if text(at(default, "SSEAlgorithm")).as_deref() == Some("AES256")
            && !at(default, "KMSMasterKeyID").is_null()
        {
            findings
                .error(item.place(&place), "AES256 has no KMSMasterKeyID")
                .fix("use SSEAlgorithm aws:kms");
        }
    }
    let is_locked = flag(item.at("ObjectLockEnabled")) == Some(true);
    if item.has("ObjectLockConfiguration") && !is_locked {
        findings.error(
            item.place("ObjectLockConfiguration"),
            "needs ObjectLockEnabled: true",
        );
    }
    if item.has("ReplicationConfiguration")
        && item.text("VersioningConfiguration.Status").as_deref() != Some("Enabled")
    {
        findings.error(
            item.place("ReplicationConfiguration"),
            "needs versioning to be enabled",
        );
    }
}

fn check_website(item: &Item<'_>, findings: &mut Findings) {
    let website = item.at("WebsiteConfiguration");
    let others = ["IndexDocument", "ErrorDocument", "RoutingRules"];
    if !at(website, "RedirectAllRequestsTo").is_null()
        && others.iter().any(|key| !at(website, key).is_null())
    {
        let message = "RedirectAllRequestsTo is the only entry of its website";
        findings.error(item.place("WebsiteConfiguration"), message);
    }
    let retention = item.at("ObjectLockConfiguration.Rule.DefaultRetention");
    if !at(retention, "Days").is_null() && !at(retention, "Years").is_null() {
        findings.error(
            item.place("ObjectLockConfiguration"),
            "Days and Years exclude each other",
        );
    }
}

/// Checks a log group.
pub(super) fn check_log_group(item: &Item<'_>, findings: &mut Findings) {
    let name = item.text("LogGroupName").unwrap_or_default();
    if name.starts_with("aws/") {
        findings
            .error(
                item.place("LogGroupName"),
                "names that begin with aws/ belong to AWS",
            )
            .fix("did you mean /aws/?");
    }
}

/// Checks a container repository.
pub(super) fn check_repository(item: &Item<'_>, findings: &mut Findings) {
    if let Some(name) = item.text("RepositoryName") {
        let is_letter = |letter: char| {
            letter.is_ascii_lowercase()
                || letter.is_ascii_digit()
                || matches!(letter, '.' | '_' | '-' | '/')
        };
        let is_part = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphanumeric())
                && part.ends_with(|last: char| last.is_ascii_alphanumeric())
        };
        if !name.chars().all(is_letter) || !name.split('/').all(is_part) {
            findings
                .error(
                    item.place("RepositoryName"),
                    format!("{} is no name of a repository", shown(&name)),
                )
                .fix("lower-case letters, digits and .-_/ between them");
        }
    }
    let path = item.root.key("RepositoryPolicyText");
    let policy = item.at("RepositoryPolicyText");
    policy::check(policy, Purpose::Own, &path, findings);
    let policy = item.text("LifecyclePolicy.LifecyclePolicyText");
    let is_json = policy.is_none_or(|text| {
        serde_json::from_str::<Value>(&text)
            .is_ok_and(|policy| policy.get("rules").is_some_and(Value::is_array))
    });
    if !is_json {
        findings.error(
            item.place("LifecyclePolicy.LifecyclePolicyText"),
            "is no JSON with rules",
        );
    }
}

fn check_bucket_name(item: &Item<'_>, findings: &mut Findings) {
    if item.has("BucketName") && item.has("BucketNamePrefix") {
        findings.error(
            item.place("BucketName"),
            "BucketName and BucketNamePrefix exclude each other",
        );
    }
    let Some(text) = Text::of(item.at("BucketName")) else {
        return;
    };
    let place = item.place("BucketName");
    let is_constant = text.is_constant();
    let name = text.outline();
    let problem = match is_constant {
        true => problem_of_name(&name),
        false => name
            .contains(|letter: char| letter.is_ascii_uppercase() || letter == '_')
            .then_some("has letters that a bucket's name cannot have"),
    };
    if let Some(problem) = problem {
        findings.error(place, format!("{} {problem}", shown(&name)));
    }
}

fn problem_of_name(name: &str) -> Option<&'static str> {
    let is_letter = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '.')
    };
    let is_end = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    if !(3..=63).contains(&name.len()) {
        return Some("does not have 3 to 63 characters");
    }
    if !name.chars().all(is_letter) {
        return Some("has other characters than lower-case letters, digits, hyphens and dots");
    }
    if !name.starts_with(is_end) || !name.ends_with(is_end) {
        return Some("does not begin and end with a letter or digit");
    }
    if name.contains("..") {
        return Some("has two dots in a row");
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some("is formatted as an IP address");
    }
    let is_reserved = ["xn--", "sthree-", "amzn-s3-demo-"]
        .iter()
        .any(|one| name.starts_with(one))
        || ["-s3alias", "--ol-s3", "--x-s3", ".mrap", "--table-s3"]
            .iter()
            .any(|one| name.ends_with(one));
    is_reserved.then_some("begins or ends with what is reserved")
}

fn check_prefix(item: &Item<'_>, findings: &mut Findings) {
    if !item.has("BucketNamePrefix") {
        return;
    }
    let place = item.place("BucketNamePrefix");
    if item.text("BucketNamespace").as_deref() == Some("global") || !item.has("BucketNamespace") {
        findings
            .error(
                &*place,
                "a prefix is for buckets in the namespace of the account",
            )
            .fix("set BucketNamespace: account-regional");
    }
    let prefix = item.text("BucketNamePrefix").unwrap_or_default();
    let most = 63 - SUFFIX_CHARACTERS;
    if prefix.len() > most {
        findings.error(
            place,
            format!(
                "a prefix of {} characters, at most {most} leave room for account and region",
                prefix.len()
            ),
        );
    }
}
