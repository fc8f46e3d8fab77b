//! STS: who the caller is.

use bytes::Bytes;
use http::{Request, Response};

use super::Fault;
use super::query::{Parameters, Xml, answer};
use crate::auth::Identity;
use crate::services::Services;

/// XML namespace of the answers.
pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Answers one request.
pub(super) fn handle(
    services: &Services,
    request: &Request<Bytes>,
    identity: &Identity,
) -> Result<Response<Bytes>, Fault> {
    let parameters = Parameters::of(request);
    match parameters.required("Action")? {
        "GetCallerIdentity" => Ok(caller_identity(&services.settings.account, identity)),
        other => Err(Fault::new(
            "InvalidAction",
            format!("Could not find operation {other}"),
        )),
    }
}

fn caller_identity(account: &str, identity: &Identity) -> Response<Bytes> {
    let mut result = Xml::default();
    result.text("Arn", &identity.arn(account));
    result.text("UserId", account);
    result.text("Account", account);
    answer("GetCallerIdentity", NAMESPACE, result)
}
