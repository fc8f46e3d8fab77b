//! ECR: repositories, their images, and the way in.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{answer, input, operation, unknown_operation};
use super::{Fault, authorize};
use crate::auth::Identity;
use crate::registry::{self, Manifest, Repository, row};
use crate::services::Services;
use crate::store::Table;
use crate::{batch, clock};

/// Seconds for which a token is said to be good: twelve hours.
const TOKEN_S: u64 = 12 * 3600;

/// Answers one request.
pub(super) async fn handle(
    services: Arc<Services>,
    request: &Request<Bytes>,
    identity: &Identity,
) -> Result<Response<Bytes>, Fault> {
    let (name, input) = (operation(request)?, input::<Input>(request.body())?);
    let resource = match &input.repository_name {
        Some(repository) => arn(&services, repository),
        None => "*".to_owned(),
    };
    authorize(&services, identity, &format!("ecr:{name}"), &resource)?;
    match name {
        "GetAuthorizationToken" => token(&services),
        "DescribeRepositories" => describe(&services, &input),
        "CreateRepository" => create(&services, input).await,
        "DeleteRepository" => delete(&services, input).await,
        "DescribeImages" | "ListImages" => images(&services, &input, name),
        other => unknown_operation(other),
    }
}

/// The inputs of all operations.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Input {
    repository_name: Option<String>,
    repository_names: Vec<String>,
    image_tag_mutability: Option<String>,
    force: bool,
    image_ids: Vec<ImageId>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ImageId {
    image_tag: Option<String>,
    image_digest: Option<String>,
}

/// ARN of a repository.
fn arn(services: &Services, name: &str) -> String {
    let settings = &services.settings;
    format!(
        "arn:aws:ecr:{}:{}:repository/{name}",
        settings.region, settings.account
    )
}

/// A user name and password for the registry. Its address is that of this cloud: unlike a host below
/// `amazonaws.com` it can be reached.
fn token(services: &Services) -> Result<Response<Bytes>, Fault> {
    let token = STANDARD.encode(format!("AWS:{}", services.keys.registry_password()));
    answer(&json!({ "authorizationData": [{
        "authorizationToken": token,
        "expiresAt": clock::now_ms() / 1000 + TOKEN_S,
        "proxyEndpoint": services.endpoint,
    }] }))
}

fn shown(services: &Services, repository: &Repository) -> Value {
    json!({
        "repositoryName": repository.name,
        "repositoryArn": repository.arn,
        "registryId": services.settings.account,
        "repositoryUri": format!("{}/{}", batch::ecr_host(services), repository.name),
        "createdAt": repository.created_ms / 1000,
        "imageTagMutability": if repository.is_immutable { "IMMUTABLE" } else { "MUTABLE" },
    })
}

fn describe(services: &Services, input: &Input) -> Result<Response<Bytes>, Fault> {
    let all = services.store.list::<Repository>(Table::Repositories, "")?;
    for name in &input.repository_names {
        find(services, name)?;
    }
    let names = &input.repository_names;
    let wanted = |name: &String| names.is_empty() || names.contains(name);
    let found = all.iter().filter(|(name, _)| wanted(name));
    let found: Vec<Value> = found.map(|(_, one)| shown(services, one)).collect();
    answer(&json!({ "repositories": found }))
}

fn find(services: &Services, name: &str) -> Result<Repository, Fault> {
    let found = services
        .store
        .get::<Repository>(Table::Repositories, name)?;
    found.ok_or_else(|| {
        let account = &services.settings.account;
        let message = format!(
            "The repository with name '{name}' does not exist in the registry with id '{account}'"
        );
        Fault::new("RepositoryNotFoundException", message)
    })
}

async fn create(services: &Services, input: Input) -> Result<Response<Bytes>, Fault> {
    let name = input.repository_name.unwrap_or_default();
    let repository = Repository {
        arn: arn(services, &name),
        name,
        created_ms: clock::now_ms(),
        is_immutable: input.image_tag_mutability.as_deref() == Some("IMMUTABLE"),
        properties: Value::Null,
    };
    let made = repository.clone();
    let change = move |transaction: &mut crate::store::Transaction<'_>| {
        if transaction.contains(Table::Repositories, &made.name)? {
            let message = format!("The repository with name '{}' already exists", made.name);
            return Err(Fault::new("RepositoryAlreadyExistsException", message));
        }
        Ok(transaction.put(Table::Repositories, &made.name, &made)?)
    };
    services.store.transact(change).await?;
    answer(&json!({ "repository": shown(services, &repository) }))
}

async fn delete(services: &Services, input: Input) -> Result<Response<Bytes>, Fault> {
    let repository = find(
        services,
        input.repository_name.as_deref().unwrap_or_default(),
    )?;
    let (name, force) = (repository.name.clone(), input.force);
    let change = move |transaction: &mut crate::store::Transaction<'_>| {
        registry::delete(transaction, &name, force).map_err(Fault::from)
    };
    if !services.store.transact(change).await? {
        let message = format!(
            "The repository with name '{}' is not empty",
            repository.name
        );
        return Err(Fault::new("RepositoryNotEmptyException", message));
    }
    answer(&json!({ "repository": shown(services, &repository) }))
}

fn images(services: &Services, input: &Input, operation: &str) -> Result<Response<Bytes>, Fault> {
    let name = &find(
        services,
        input.repository_name.as_deref().unwrap_or_default(),
    )?
    .name;
    let prefix = row(name, "");
    let tags = services.store.list::<String>(Table::ImageTags, &prefix)?;
    let manifests = services.store.list::<Manifest>(Table::Manifests, &prefix)?;
    let mut details = Vec::new();
    for (key, manifest) in &manifests {
        let digest = &key[prefix.len()..];
        let own = tags.iter().filter(|(_, named)| named == digest);
        let own: Vec<&str> = own.map(|(key, _)| &key[prefix.len()..]).collect();
        let is_asked = |id: &ImageId| {
            id.image_digest
                .as_deref()
                .is_none_or(|asked| asked == digest)
                && id
                    .image_tag
                    .as_deref()
                    .is_none_or(|asked| own.contains(&asked))
        };
        if input.image_ids.is_empty() || input.image_ids.iter().any(is_asked) {
            details.push(json!({
                "registryId": services.settings.account,
                "repositoryName": name,
                "imageDigest": digest,
                "imageTags": own,
                "imageManifestMediaType": manifest.media_type,
                "imagePushedAt": manifest.pushed_ms / 1000,
            }));
        }
    }
    if operation == "DescribeImages" {
        if details.is_empty() && !input.image_ids.is_empty() {
            let message = format!("The image does not exist within the repository '{name}'");
            return Err(Fault::new("ImageNotFoundException", message));
        }
        return answer(&json!({ "imageDetails": details }));
    }
    let ids = details.iter().flat_map(|one| {
        let digest = one["imageDigest"].clone();
        let tags = one["imageTags"].as_array().cloned().unwrap_or_default();
        tags.into_iter()
            .map(move |tag| json!({ "imageDigest": digest, "imageTag": tag }))
    });
    answer(&json!({ "imageIds": ids.collect::<Vec<_>>() }))
}
