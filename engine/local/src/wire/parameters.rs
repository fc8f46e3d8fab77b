//! SSM parameters and Secrets Manager: values that functions and jobs read when they start. They are
//! in the cloud's directory, which is readable by its owner alone, and nothing prints them.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::json::{answer, input, operation, unknown_operation};
use super::{Fault, authorize};
use crate::auth::Identity;
use crate::services::Services;
use crate::store::{Table, Transaction};
use crate::{clock, random};

/// A parameter, in `Table::Parameters` under its name.
#[derive(Clone, Serialize, Deserialize)]
struct Parameter {
    name: String,
    value: String,
    kind: String,
    version: u64,
    modified_ms: u64,
}

/// A secret, in `Table::Secrets` under its name.
#[derive(Clone, Serialize, Deserialize)]
struct Secret {
    name: String,
    arn: String,
    text: Option<String>,
    binary: Option<String>,
    version: String,
    created_ms: u64,
}

/// The inputs of the operations on parameters.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ParameterInput {
    name: String,
    names: Vec<String>,
    value: String,
    r#type: Option<String>,
    overwrite: bool,
    with_decryption: bool,
}

/// Answers one request to SSM.
pub(super) async fn handle_parameters(
    services: Arc<Services>,
    request: &Request<Bytes>,
    identity: &Identity,
) -> Result<Response<Bytes>, Fault> {
    let name = operation(request)?;
    let input = input::<ParameterInput>(request.body())?;
    let named = if input.names.is_empty() {
        vec![input.name.clone()]
    } else {
        input.names.clone()
    };
    for one in &named {
        let resource = parameter_arn(&services, one);
        authorize(&services, identity, &format!("ssm:{name}"), &resource)?;
    }
    match name {
        "GetParameter" => get_parameter(&services, &input),
        "GetParameters" => get_parameters(&services, &input),
        "PutParameter" => put_parameter(&services, input).await,
        "DeleteParameter" => {
            let found = services
                .store
                .get::<Parameter>(Table::Parameters, &input.name)?;
            found.ok_or_else(parameter_missing)?;
            services
                .store
                .delete(Table::Parameters, &input.name)
                .await?;
            answer(&json!({}))
        }
        other => unknown_operation(other),
    }
}

fn parameter_arn(services: &Services, named: &str) -> String {
    if named.starts_with("arn:") {
        return named.to_owned();
    }
    let settings = &services.settings;
    let (region, account) = (&settings.region, &settings.account);
    let name = named.trim_start_matches('/');
    format!("arn:aws:ssm:{region}:{account}:parameter/{name}")
}

/// The name in an ARN; a name below a path begins with a slash.
fn parameter_name(services: &Services, named: &str) -> String {
    let Some((_, name)) = named.split_once(":parameter/") else {
        return named.to_owned();
    };
    let with_slash = format!("/{name}");
    let stored = services
        .store
        .get::<Parameter>(Table::Parameters, &with_slash);
    match stored {
        Ok(Some(_)) => with_slash,
        _ => name.to_owned(),
    }
}

fn parameter_missing() -> Fault {
    Fault::new("ParameterNotFound", "")
}

fn find_parameter(
    services: &Services,
    input: &ParameterInput,
    named: &str,
) -> Result<Option<Value>, Fault> {
    let name = parameter_name(services, named);
    let found = services.store.get::<Parameter>(Table::Parameters, &name)?;
    Ok(found.map(|one| {
        let is_hidden = one.kind == "SecureString" && !input.with_decryption;
        let value = if is_hidden {
            "(encrypted)".to_owned()
        } else {
            one.value
        };
        json!({
            "Name": one.name,
            "ARN": parameter_arn(services, &one.name),
            "Type": one.kind,
            "Value": value,
            "Version": one.version,
            "LastModifiedDate": one.modified_ms / 1000,
            "DataType": "text",
        })
    }))
}

fn get_parameter(services: &Services, input: &ParameterInput) -> Result<Response<Bytes>, Fault> {
    let found = find_parameter(services, input, &input.name)?;
    answer(&json!({ "Parameter": found.ok_or_else(parameter_missing)? }))
}

fn get_parameters(services: &Services, input: &ParameterInput) -> Result<Response<Bytes>, Fault> {
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for name in &input.names {
        match find_parameter(services, input, name)? {
            Some(parameter) => found.push(parameter),
            None => invalid.push(name),
        }
    }
    answer(&json!({ "Parameters": found, "InvalidParameters": invalid }))
}

async fn put_parameter(
    services: &Services,
    input: ParameterInput,
) -> Result<Response<Bytes>, Fault> {
    if input.name.is_empty() || input.value.is_empty() {
        return Err(Fault::new(
            "ValidationException",
            "Name and Value must be given",
        ));
    }
    let change = move |transaction: &mut Transaction<'_>| {
        let before = transaction.get::<Parameter>(Table::Parameters, &input.name)?;
        if before.is_some() && !input.overwrite {
            let message = "The parameter already exists. To overwrite this value, set the overwrite \
                           option in the request to true.";
            return Err(Fault::new("ParameterAlreadyExists", message));
        }
        let kind = input
            .r#type
            .or_else(|| before.as_ref().map(|before| before.kind.clone()));
        let parameter = Parameter {
            value: input.value,
            kind: kind.unwrap_or_else(|| "String".to_owned()),
            version: before.map_or(1, |before| before.version + 1),
            modified_ms: clock::now_ms(),
            name: input.name,
        };
        transaction.put(Table::Parameters, &parameter.name, &parameter)?;
        Ok(parameter.version)
    };
    let version: u64 = services.store.transact(change).await?;
    answer(&json!({ "Version": version, "Tier": "Standard" }))
}

/// The inputs of the operations on secrets.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SecretInput {
    name: Option<String>,
    secret_id: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
}

/// Answers one request to Secrets Manager.
pub(super) async fn handle_secrets(
    services: Arc<Services>,
    request: &Request<Bytes>,
    identity: &Identity,
) -> Result<Response<Bytes>, Fault> {
    let name = operation(request)?;
    let input = input::<SecretInput>(request.body())?;
    let named = input.secret_id.as_deref().or(input.name.as_deref());
    let found = find_secret(&services, named.unwrap_or_default())?;
    let resource = match &found {
        Some(secret) => secret.arn.clone(),
        None => secret_arn(&services, named.unwrap_or_default()),
    };
    authorize(
        &services,
        identity,
        &format!("secretsmanager:{name}"),
        &resource,
    )?;
    match (name, found) {
        ("CreateSecret", Some(_)) => Err(Fault::new(
            "ResourceExistsException",
            "The operation failed because the secret already exists.",
        )),
        ("CreateSecret", None) => {
            let name = input.name.clone().unwrap_or_default();
            let arn = format!("{resource}-{}", &random::hex(3));
            put_secret(&services, name, arn, input).await
        }
        (_, None) => Err(Fault::new(
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
        )),
        ("GetSecretValue", Some(secret)) => show_secret(&secret),
        ("PutSecretValue" | "UpdateSecret", Some(secret)) => {
            put_secret(&services, secret.name, secret.arn, input).await
        }
        ("DescribeSecret", Some(secret)) => {
            answer(&json!({ "ARN": secret.arn, "Name": secret.name }))
        }
        ("DeleteSecret", Some(secret)) => {
            services.store.delete(Table::Secrets, &secret.name).await?;
            answer(&json!({ "ARN": secret.arn, "Name": secret.name }))
        }
        (other, Some(_)) => unknown_operation(other),
    }
}

fn secret_arn(services: &Services, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let settings = &services.settings;
    let (region, account) = (&settings.region, &settings.account);
    format!("arn:aws:secretsmanager:{region}:{account}:secret:{name}")
}

/// A secret by name, by ARN, or by ARN without its last six characters.
fn find_secret(services: &Services, named: &str) -> Result<Option<Secret>, Fault> {
    if !named.starts_with("arn:") {
        return Ok(services.store.get(Table::Secrets, named)?);
    }
    let all = services.store.list::<Secret>(Table::Secrets, "")?;
    let is_meant = |one: &Secret| {
        one.arn == named
            || one
                .arn
                .rsplit_once('-')
                .is_some_and(|(start, _)| start == named)
    };
    Ok(all.into_iter().map(|(_, one)| one).find(is_meant))
}

fn show_secret(secret: &Secret) -> Result<Response<Bytes>, Fault> {
    let mut shown = json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": secret.version,
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": secret.created_ms / 1000,
    });
    if let Some(text) = &secret.text {
        shown["SecretString"] = text.clone().into();
    }
    if let Some(binary) = &secret.binary {
        shown["SecretBinary"] = binary.clone().into();
    }
    answer(&shown)
}

async fn put_secret(
    services: &Services,
    name: String,
    arn: String,
    input: SecretInput,
) -> Result<Response<Bytes>, Fault> {
    let secret = Secret {
        name,
        arn,
        text: input.secret_string,
        binary: input.secret_binary,
        version: random::uuid(),
        created_ms: clock::now_ms(),
    };
    services
        .store
        .put(Table::Secrets, &secret.name, &secret)
        .await?;
    answer(&json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": secret.version }))
}
