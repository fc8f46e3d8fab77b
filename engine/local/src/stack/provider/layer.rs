//! `AWS::Lambda::LayerVersion`.

use serde::Deserialize;
use serde_json::Value;

use super::{Context, Made, Properties, Refusal, attributes, read, refuse};
use crate::clock;
use crate::lambda::{LayerVersion, Package};
use crate::store::{Table, Transaction};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LayerProperties {
    layer_name: Option<String>,
    description: Option<String>,
    #[serde(rename = "Content")]
    _content: Value,
    #[serde(default)]
    compatible_runtimes: Vec<String>,
    #[serde(default)]
    compatible_architectures: Vec<String>,
    #[serde(rename = "LicenseInfo")]
    _license_info: Option<String>,
}

pub(super) fn create(
    transaction: &mut Transaction<'_>,
    context: &Context,
    properties: &Properties,
    package: Option<&Package>,
) -> Result<Made, Refusal> {
    let read: LayerProperties = read(properties)?;
    let layer = read.layer_name.unwrap_or_else(|| context.name(64));
    let version = transaction.next_number(&format!("layer/{layer}"))?;
    let arn = context.arn("lambda", &format!("layer:{layer}:{version}"));
    let stored = LayerVersion {
        layer,
        version,
        arn: arn.clone(),
        description: read.description.unwrap_or_default(),
        runtimes: read.compatible_runtimes,
        architectures: read.compatible_architectures,
        package: package
            .cloned()
            .ok_or_else(|| refuse("the layer has no content"))?,
        created_ms: clock::now_ms(),
    };
    transaction.put(Table::Layers, &arn, &stored)?;
    let attributes = attributes(&[("LayerVersionArn", &arn)]);
    Ok(Made::new(arn, attributes))
}

pub(super) fn delete(transaction: &mut Transaction<'_>, arn: &str) -> Result<(), Refusal> {
    transaction.delete(Table::Layers, arn);
    Ok(())
}
