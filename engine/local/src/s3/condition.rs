//! Preconditions of reads and writes.

use http::HeaderMap;
use s3s::dto::{ETag, ETagCondition, Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::object::{Object, timestamp};

/// Conditions on the object that a write would replace.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteCondition {
    /// The object must be there with this ETag.
    pub(super) if_match: Option<ETagCondition>,
    /// The object must not be there.
    pub(super) if_none_match: Option<ETagCondition>,
}

impl WriteCondition {
    /// Reads the conditions from headers, for operations whose modelled input lacks them.
    pub(super) fn from_headers(headers: &HeaderMap) -> S3Result<Self> {
        let condition = |name: http::HeaderName| {
            let value = headers
                .get(name)
                .map(|value| ETagCondition::parse_http_header(value.as_bytes()));
            value
                .transpose()
                .map_err(|_| s3_error!(InvalidArgument, "a condition is not an ETag"))
        };
        Ok(Self {
            if_match: condition(http::header::IF_MATCH)?,
            if_none_match: condition(http::header::IF_NONE_MATCH)?,
        })
    }

    /// Checks the conditions against what is there, inside the transaction that writes.
    pub(super) fn check(&self, current: Option<&Object>) -> S3Result<()> {
        match (&self.if_none_match, current) {
            (None, _) | (Some(ETagCondition::Any), None) => {}
            (Some(ETagCondition::Any), Some(_)) => {
                return Err(precondition_failed("If-None-Match"));
            }
            // S3 accepts nothing but `*` here.
            (Some(ETagCondition::ETag(_)), _) => {
                return Err(s3_error!(
                    NotImplemented,
                    "If-None-Match takes only * for writes"
                ));
            }
        }
        match (&self.if_match, current) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(super::fault::no_such_key()),
            (Some(condition), Some(object)) if matches(condition, object) => Ok(()),
            (Some(_), Some(_)) => Err(precondition_failed("If-Match")),
        }
    }
}

/// Conditions on the object that a read finds.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadCondition {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

/// Takes the conditions on what is read out of the input of an operation.
macro_rules! read_condition_of {
    ($input:expr) => {
        $crate::s3::condition::ReadCondition {
            if_match: $input.if_match,
            if_none_match: $input.if_none_match,
            if_modified_since: $input.if_modified_since,
            if_unmodified_since: $input.if_unmodified_since,
        }
    };
}

/// Takes the conditions on what is copied out of the input of an operation.
macro_rules! source_condition_of {
    ($input:expr) => {
        $crate::s3::condition::ReadCondition {
            if_match: $input.copy_source_if_match.take(),
            if_none_match: $input.copy_source_if_none_match.take(),
            if_modified_since: $input.copy_source_if_modified_since.take(),
            if_unmodified_since: $input.copy_source_if_unmodified_since.take(),
        }
    };
}

pub(super) use {read_condition_of, source_condition_of};

impl ReadCondition {
    /// Checks the conditions in the order of RFC 9110 section 13.2.2. A copy answers 412 where a read
    /// answers 304.
    pub(super) fn check(&self, object: &Object, is_copy: bool) -> S3Result<()> {
        let modified = timestamp(object.modified_ms / 1000 * 1000);
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !matches(condition, object) => {
                return Err(precondition_failed("If-Match"));
            }
            (None, Some(since)) if modified > *since => {
                return Err(precondition_failed("If-Unmodified-Since"));
            }
            _ => {}
        }
        let unchanged = match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) => matches(condition, object),
            (None, Some(since)) => modified <= *since,
            (None, None) => false,
        };
        match (unchanged, is_copy) {
            (false, _) => Ok(()),
            (true, true) => Err(precondition_failed("x-amz-copy-source-if-none-match")),
            (true, false) => Err(not_modified(object)),
        }
    }
}

fn matches(condition: &ETagCondition, object: &Object) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == object.etag,
    }
}

fn precondition_failed(condition: &str) -> S3Error {
    s3_error!(
        PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold: {}",
        condition
    )
}

fn not_modified(object: &Object) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    if let Ok(etag) = ETag::Strong(object.etag.clone()).to_http_header() {
        error.set_headers([(http::header::ETAG, etag)].into_iter().collect());
    }
    error
}
