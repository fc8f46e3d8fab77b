//! Who asks: access keys, and Signature Version 4 of requests to services other than S3.

mod keys;
mod signature;

pub use keys::Credentials;
pub(crate) use keys::{Identity, Keys};
pub(crate) use signature::{Refusal, Scope, check_token, verify};
