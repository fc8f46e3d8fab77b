//! The whole workflow: fragments put together, read back, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scar_cfn::{Document, validate_content};
use scar_schemas::deployed::{Deployed, METADATA_KEY};
use scar_workflow::Workflow;
use serde_json::{Map, Value, json};

use crate::buckets::Buckets;
use crate::fragment::Fragments;
use crate::stage::{self, Context, Part};
use crate::{
    Asset, Error, Feature, Materials, Origin, Rendered, assets, base, bucket, check, config, limit,
    output, parameter, protection, safeguard, summary, tag,
};

/// Name of the stack that all workflows of an environment share, without `scar-` and the environment.
const BASE: &str = "base";

/// Renders a checked workflow. The same arguments always give the same bytes.
///
/// A workflow of any size: whether its stack is larger than one can be, the plan says.
///
/// # Errors
/// Text that CloudFormation or IAM would read as something else, a service limit, or a missing material.
pub fn render(workflow: &Workflow, materials: &Materials) -> Result<Rendered, Error> {
    if workflow.name == BASE {
        return Err(Error::ReservedName {
            name: workflow.name.clone(),
        });
    }
    check::names(workflow)?;
    safeguard::check(&workflow.safeguards)?;
    let safeguards = safeguard::of_base(&workflow.safeguards, &materials.base.safeguards);
    let fragments = Fragments::compiled()?;
    let mut stack = Stack::default();
    stack.fill(&Context {
        fragments,
        workflow,
        materials,
        buckets: Buckets::new(workflow),
        keys: safeguard::keys(&workflow.safeguards, &safeguards),
    })?;
    let environment = &workflow.environment;
    let prefix = bucket::checked_prefix(format!("scar-{BASE}-{environment}"), workflow)?;
    let features = std::mem::take(&mut stack.features);
    let base = base::render(
        fragments,
        environment,
        &prefix,
        features,
        &safeguards,
        materials,
    )?;
    let summary = summary::summarise(workflow, materials)?;
    Ok(Rendered {
        base_name: scar_schemas::record::deployment(BASE, environment),
        base: checked(base.document)?,
        base_parameters: base.parameters,
        base_tags: tag::of(None, environment),
        stack_name: scar_schemas::record::deployment(&workflow.name, environment),
        parameters: stack.parameters.iter().map(|it| (*it).to_owned()).collect(),
        assets: assets::assets(workflow, materials, std::mem::take(&mut stack.packages)),
        pushes: assets::pushes(workflow, materials),
        notifications: bucket::notifications(workflow),
        protection: protection::of(workflow),
        manifest: materials.manifest.clone(),
        origins: std::mem::take(&mut stack.origins),
        tags: tags(workflow),
        stack: checked(stack.document(workflow, &summary)?)?,
        summary,
    })
}

fn tags(workflow: &Workflow) -> BTreeMap<String, String> {
    let mut tags = workflow.tags.clone();
    tags.extend(tag::of(Some(&workflow.name), &workflow.environment));
    tags
}

/// The workflow's stack as it grows.
#[derive(Default)]
struct Stack {
    resources: Map<String, Value>,
    outputs: Map<String, Value>,
    parameters: BTreeSet<&'static str>,
    origins: BTreeMap<String, Origin>,
    packages: Vec<Asset>,
    features: BTreeSet<Feature>,
}

impl Stack {
    fn fill(&mut self, context: &Context<'_>) -> Result<(), Error> {
        let workflow = context.workflow;
        self.parameters.insert(output::ARTIFACT_BUCKET);
        self.outputs = bucket::outputs(workflow);
        for (id, resource, origin) in bucket::resources(context.fragments, workflow)? {
            self.add(id, resource, origin)?;
        }
        for stage in &workflow.stages {
            let package = config::stage_package(workflow, stage, context.materials)?;
            self.add_stage(&Part::new(context, stage, &package.key)?)?;
            self.packages.push(package);
        }
        Ok(())
    }

    fn add_stage(&mut self, part: &Part<'_>) -> Result<(), Error> {
        let origin = Origin {
            stage: Some(part.stage.name.clone()),
            path: format!("stages.{}", part.stage.name),
        };
        for (id, resource) in part.resources()? {
            self.add(id, resource, origin.clone())?;
        }
        self.outputs.extend(part.door_output());
        self.parameters.extend(stage::parameters(part)?);
        self.features.extend(stage::features(part));
        Ok(())
    }

    fn add(&mut self, id: String, resource: Value, origin: Origin) -> Result<(), Error> {
        if let Some(text) = check::dynamic_reference(&resource) {
            return Err(Error::UnsafeText {
                stage: origin.stage.unwrap_or(origin.path),
                text: text.to_owned(),
            });
        }
        self.origins.insert(id.clone(), origin);
        match self.resources.insert(id.clone(), resource) {
            None => Ok(()),
            Some(_) => Err(Error::DuplicateId { logical_id: id }),
        }
    }

    fn document(self, workflow: &Workflow, summary: &Deployed) -> Result<Document, Error> {
        let parameters = self.parameters.into_iter().map(|name| {
            let value = json!({"Type": "String", "Description": parameter::describe(name)});
            (name.to_owned(), value)
        });
        let metadata = serde_json::to_value(summary).map_err(|error| Error::Package {
            message: error.to_string(),
        })?;
        let description = format!(
            "scar: workflow {} ({})",
            workflow.name, workflow.environment
        );
        let mut document = Map::new();
        let mut put = |section: &str, value| document.insert(section.to_owned(), value);
        put("Description", Value::String(description));
        put("Metadata", json!({ METADATA_KEY: metadata }));
        put("Parameters", parameters.collect());
        put("Resources", Value::Object(self.resources));
        put("Outputs", Value::Object(self.outputs));
        Ok(Document::from_value(Value::Object(document))?)
    }
}

fn checked(document: Document) -> Result<Arc<Document>, Error> {
    let mut problems = validate_content(&document);
    problems.retain(scar_cfn::Finding::is_error);
    if !problems.is_empty() {
        return Err(Error::Invalid { problems });
    }
    limit::check(&document)?;
    Ok(Arc::new(document))
}
