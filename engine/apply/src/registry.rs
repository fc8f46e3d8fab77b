//! The environment's registry: what is in it, and how one gets in.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use scar_plan::Push;
use serde_json::{Value, json};

use crate::service::{Ask, Service};
use crate::{Cloud, Error};

/// A repository, and the way in.
#[derive(Clone)]
pub struct Repository {
    /// Host, and port if it is not the usual one.
    pub host: String,
    /// Name of the repository.
    pub name: String,
    /// User name.
    pub user: String,
    /// Password, good for some hours. It is never shown.
    pub password: String,
    /// Without TLS: a registry on this machine.
    pub plain_http: bool,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Repository({}/{})", self.host, self.name)
    }
}

/// What makes images and sends them to a registry.
pub trait Pusher {
    /// Sends an image; answers the bytes that were sent. What is there already is not sent again.
    /// `on_layer` hears of the parts of a stage's image as they arrive, with the bytes sent for each.
    fn push<'a>(
        &'a self,
        push: &'a Push,
        repository: &'a Repository,
        on_layer: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, std::io::Result<u64>>;
}

/// Those of some tags that a repository has. `uri` is `host/name`.
pub(crate) async fn present(
    cloud: &Cloud,
    uri: &str,
    tags: &[&str],
) -> Result<BTreeSet<String>, Error> {
    let name = uri.split_once('/').map_or(uri, |(_, name)| name);
    let mut found = BTreeSet::new();
    for tag in tags {
        let body = json!({ "repositoryName": name, "imageIds": [{ "imageTag": tag }] });
        match ask(cloud, "DescribeImages", name, body).await {
            Ok(_) => {
                found.insert((*tag).to_owned());
            }
            Err(Error::Call {
                code: Some(code), ..
            }) if code.starts_with("ImageNotFound") || code.starts_with("RepositoryNotFound") => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The way into a repository. `uri` is `host/name`.
pub(crate) async fn repository(cloud: &Cloud, uri: &str) -> Result<Repository, Error> {
    let (host, name) = uri.split_once('/').unwrap_or(("", uri));
    let answer = ask(cloud, "GetAuthorizationToken", name, json!({})).await?;
    let data = &answer["authorizationData"][0];
    let token = data["authorizationToken"].as_str().unwrap_or_default();
    let pair = decode(token).unwrap_or_default();
    let (user, password) = pair.split_once(':').unwrap_or_default();
    // A local cloud answers at its own address, which the repository's name does not tell.
    let endpoint = data["proxyEndpoint"].as_str().unwrap_or_default();
    let plain_http = endpoint.starts_with("http://");
    let host = match plain_http {
        true => endpoint.trim_start_matches("http://").trim_end_matches('/'),
        false => host,
    };
    Ok(Repository {
        host: host.to_owned(),
        name: name.to_owned(),
        user: user.to_owned(),
        password: password.to_owned(),
        plain_http,
    })
}

async fn ask(
    cloud: &Cloud,
    operation: &'static str,
    subject: &str,
    body: Value,
) -> Result<Value, Error> {
    let ask = Ask {
        service: Service::Ecr,
        operation,
        subject: format!("of repository {subject}"),
        method: "POST",
        path: "/".to_owned(),
        body,
    };
    cloud.wire.ask(&ask).await
}

fn decode(base64: &str) -> Option<String> {
    let bytes = aws_smithy_types::base64::decode(base64).ok()?;
    String::from_utf8(bytes).ok()
}
