//! `AWS::Lambda::Function`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Context, Made, Properties, Refusal, Tag, attributes, exists, missing, number, read, refuse,
    tags,
};
use crate::lambda::{Function, Package, function_name};
use crate::store::{Table, Transaction};
use crate::{clock, random};

const FUNCTION: &str = "AWS::Lambda::Function";
/// Bytes of all variables together, the limit that Lambda has.
const ENVIRONMENT_LIMIT: usize = 4096;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FunctionProperties {
    function_name: Option<String>,
    description: Option<String>,
    #[serde(rename = "Code")]
    _code: Value,
    role: String,
    handler: Option<String>,
    runtime: Option<String>,
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(default, deserialize_with = "number")]
    memory_size: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    timeout: Option<u64>,
    ephemeral_storage: Option<Size>,
    environment: Option<Environment>,
    #[serde(default)]
    layers: Vec<String>,
    logging_config: Option<LoggingConfig>,
    #[serde(default)]
    tags: Vec<Tag>,
    package_type: Option<String>,
    #[serde(default, deserialize_with = "number")]
    reserved_concurrent_executions: Option<u64>,
    kms_key_arn: Option<String>,
    vpc_config: Option<Value>,
    #[serde(rename = "RecursiveLoop")]
    _recursive_loop: Option<String>,
    #[serde(rename = "TracingConfig")]
    _tracing_config: Option<Value>,
    #[serde(rename = "RuntimeManagementConfig")]
    _runtime_management_config: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Size {
    #[serde(default, deserialize_with = "number")]
    size: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LoggingConfig {
    log_format: Option<String>,
    log_group: Option<String>,
    #[serde(rename = "ApplicationLogLevel")]
    _application_log_level: Option<String>,
    #[serde(rename = "SystemLogLevel")]
    _system_log_level: Option<String>,
}

impl FunctionProperties {
    fn check(&self, is_image: bool) -> Result<(), Refusal> {
        let within = |name: &str, value: Option<u64>, least: u64, most: u64| match value {
            Some(value) if !(least..=most).contains(&value) => Err(refuse(format!(
                "{name} must be between {least} and {most}, not {value}"
            ))),
            _ => Ok(()),
        };
        within("MemorySize", self.memory_size, 128, 10_240)?;
        within("Timeout", self.timeout, 1, 900)?;
        let disk_mib = self
            .ephemeral_storage
            .as_ref()
            .and_then(|storage| storage.size);
        within("EphemeralStorage", disk_mib, 512, 10_240)?;
        self.check_kind(is_image)?;
        if self.layers.len() > 5 {
            return Err(refuse("a function has at most 5 layers"));
        }
        let variables = self
            .environment
            .iter()
            .flat_map(|environment| &environment.variables);
        let bytes: usize = variables
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if bytes > ENVIRONMENT_LIMIT {
            return Err(refuse(format!(
                "the variables have {bytes} bytes, at most {ENVIRONMENT_LIMIT} are allowed"
            )));
        }
        Ok(())
    }

    /// An image brings what the others need to be told.
    fn check_kind(&self, is_image: bool) -> Result<(), Refusal> {
        let kind = self.package_type.as_deref().unwrap_or("Zip");
        if kind != if is_image { "Image" } else { "Zip" } {
            return Err(refuse(format!(
                "the code is not that of a function of PackageType {kind}"
            )));
        }
        let provided = |runtime: &str| runtime.starts_with("provided");
        match is_image {
            true if self.runtime.is_some() || self.handler.is_some() || !self.layers.is_empty() => {
                Err(refuse(
                    "Runtime, Handler and Layers are not for functions of PackageType Image",
                ))
            }
            false if !self.runtime.as_deref().is_some_and(provided) => Err(refuse(
                "the local cloud runs zip functions of the runtimes provided.* only",
            )),
            _ => Ok(()),
        }
    }

    fn into_function(
        self,
        transaction: &Transaction<'_>,
        name: String,
        arn: String,
        package: Package,
    ) -> Result<Function, Refusal> {
        self.check(package.image.is_some())?;
        let role = self.role.rsplit('/').next().unwrap_or_default();
        if !transaction.contains(Table::Roles, role)? {
            return Err(refuse(
                "The role defined for the function cannot be assumed by Lambda.",
            ));
        }
        for layer in &self.layers {
            if !transaction.contains(Table::Layers, layer)? {
                return Err(refuse(format!("Layer version {layer} does not exist.")));
            }
        }
        let logging = self.logging_config.unwrap_or_default();
        Ok(Function {
            log_group: logging
                .log_group
                .unwrap_or_else(|| format!("/aws/lambda/{name}")),
            json_logs: logging.log_format.as_deref() == Some("JSON"),
            name,
            arn,
            revision: random::uuid(),
            description: self.description.unwrap_or_default(),
            runtime: self.runtime.unwrap_or_default(),
            handler: self.handler.unwrap_or_default(),
            role_arn: self.role,
            package,
            layers: self.layers,
            environment: self
                .environment
                .map(|environment| environment.variables)
                .unwrap_or_default(),
            architecture: self
                .architectures
                .first()
                .cloned()
                .unwrap_or_else(|| "x86_64".to_owned()),
            memory_mib: self.memory_size.unwrap_or(128),
            timeout_s: self.timeout.unwrap_or(3),
            disk_mib: self
                .ephemeral_storage
                .and_then(|storage| storage.size)
                .unwrap_or(512),
            modified_ms: clock::now_ms(),
            permissions: BTreeMap::new(),
            asynchronous: None,
            tags: tags(self.tags),
            reserved: self.reserved_concurrent_executions,
            url: None,
            kms_key: self.kms_key_arn,
            network: self.vpc_config,
        })
    }
}

pub(super) fn create(
    transaction: &mut Transaction<'_>,
    context: &Context,
    properties: &Properties,
    package: Option<&Package>,
) -> Result<Made, Refusal> {
    let read: FunctionProperties = read(properties)?;
    let name = read
        .function_name
        .clone()
        .unwrap_or_else(|| context.name(64));
    if transaction.contains(Table::Functions, &name)? {
        return Err(exists(FUNCTION, &name));
    }
    let arn = context.arn("lambda", &format!("function:{name}"));
    let package = package
        .cloned()
        .ok_or_else(|| refuse("the function has no code"))?;
    let function = read.into_function(transaction, name.clone(), arn.clone(), package)?;
    transaction.put(Table::Functions, &name, &function)?;
    let attributes = attributes(&[("Arn", &arn)]);
    Ok(Made::new(name, attributes))
}

pub(super) fn update(
    transaction: &mut Transaction<'_>,
    context: &Context,
    name: &str,
    properties: &Properties,
    package: Option<&Package>,
) -> Result<(), Refusal> {
    let read: FunctionProperties = read(properties)?;
    let before = find(transaction, name)?;
    let arn = context.arn("lambda", &format!("function:{name}"));
    let package = package.cloned().unwrap_or(before.package);
    let mut function = read.into_function(transaction, name.to_owned(), arn, package)?;
    function.permissions = before.permissions;
    function.asynchronous = before.asynchronous;
    function.url = before.url;
    Ok(transaction.put(Table::Functions, name, &function)?)
}

pub(super) fn delete(transaction: &mut Transaction<'_>, name: &str) -> Result<(), Refusal> {
    transaction.delete(Table::Functions, name);
    Ok(())
}

/// A function by name or ARN.
pub(super) fn find(transaction: &Transaction<'_>, named: &str) -> Result<Function, Refusal> {
    let name = function_name(named);
    transaction
        .get(Table::Functions, name)?
        .ok_or_else(|| missing(FUNCTION, name))
}
