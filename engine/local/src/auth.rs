//! Who asks: access keys, and Signature Version 4 of requests to services other than S3.

mod keys;

pub use keys::Credentials;
pub(crate) use keys::{Identity, Keys};
