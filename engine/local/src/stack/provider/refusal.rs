//! Why the provider of a resource refuses.

use crate::Error;

/// Why a resource cannot be made, changed or removed.
#[derive(Debug, thiserror::Error)]
pub(in crate::stack) enum Refusal {
    /// What the service would say.
    #[error("{0}")]
    Reason(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// The local cloud has none of these.
pub(super) fn unknown(kind: &str) -> Refusal {
    refuse(format!("the local cloud has no resource type {kind}"))
}

/// In the words of the service.
pub(super) fn refuse(reason: impl Into<String>) -> Refusal {
    Refusal::Reason(reason.into())
}

/// It is not there any more.
pub(super) fn missing(kind: &str, name: &str) -> Refusal {
    refuse(format!(
        "Resource of type '{kind}' with identifier '{name}' was not found."
    ))
}

/// Something of that name is there.
pub(super) fn exists(kind: &str, name: &str) -> Refusal {
    refuse(format!(
        "Resource of type '{kind}' with identifier '{name}' already exists."
    ))
}
