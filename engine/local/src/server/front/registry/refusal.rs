//! Why a request to the registry is refused, in the words of the specification.

use http::StatusCode;

use crate::Error;
use crate::registry::ManifestError;

/// Why a request was refused: status, error code of the specification, and a text.
pub(super) struct Refusal(
    pub(super) StatusCode,
    pub(super) &'static str,
    pub(super) String,
);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(
            StatusCode::INTERNAL_SERVER_ERROR,
            "UNKNOWN",
            error.to_string(),
        )
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self(
            StatusCode::INTERNAL_SERVER_ERROR,
            "UNKNOWN",
            error.to_string(),
        )
    }
}

impl From<ManifestError> for Refusal {
    fn from(error: ManifestError) -> Self {
        let code = match error {
            ManifestError::Invalid(_) => "MANIFEST_INVALID",
            ManifestError::Unknown(_) => "MANIFEST_BLOB_UNKNOWN",
            ManifestError::Immutable(_) => "TAG_INVALID",
            ManifestError::Store(error) => return error.into(),
        };
        Self(StatusCode::BAD_REQUEST, code, error.to_string())
    }
}

/// Nothing of that name.
pub(super) fn unknown(code: &'static str, what: &str) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, code, format!("there is no {what}"))
}

/// The body did not come whole.
pub(super) fn cut() -> Refusal {
    let message = "the body is too large or was cut".to_owned();
    Refusal(StatusCode::BAD_REQUEST, "SIZE_INVALID", message)
}

/// The body is not what its digest says.
pub(super) fn mismatch(actual: &str) -> Refusal {
    let message = format!("the digest of what was sent is {actual}");
    Refusal(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message)
}
