//! What a stack is made of: template text, parameters, tags, capabilities; and the checks on them
//! before anything is done.

use std::collections::{BTreeMap, BTreeSet};

use scar_cfn::evaluate::EvaluateError;
use scar_cfn::{Document, Pseudo, Scope, creation_order};
use serde::{Deserialize, Serialize};

use super::provider;

/// What a stack is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    /// The template, as it was sent.
    pub(crate) template: String,
    /// Parameters that were given.
    pub(crate) parameters: BTreeMap<String, String>,
    /// Tags of the stack.
    pub(crate) tags: BTreeMap<String, String>,
    /// Capabilities that were granted.
    pub(crate) capabilities: Vec<String>,
}

/// A definition whose template was read and checked.
pub(crate) struct Checked {
    /// The template.
    pub(crate) document: Document,
    /// Logical ids in an order in which they can be created.
    pub(crate) order: Vec<String>,
    /// Parameters that were given.
    parameters: BTreeMap<String, String>,
    pseudo: Pseudo,
}

/// Why a definition was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DefinitionError {
    /// The text cannot be read.
    #[error("Template format error: {0}")]
    Format(String),
    /// Types that the local cloud does not have.
    #[error("Template format error: Unrecognized resource types: [{}]", .0.join(", "))]
    Kinds(Vec<String>),
    /// Parameters or conditions.
    #[error("{0}")]
    Evaluation(#[from] EvaluateError),
    /// IAM resources need the caller's word.
    #[error("Requires capabilities : [{0}]")]
    Capability(&'static str),
}

impl Definition {
    /// Reads and checks the template.
    pub(crate) fn check(&self, pseudo: Pseudo) -> Result<Checked, DefinitionError> {
        let document = Document::parse(&self.template)
            .map_err(|error| DefinitionError::Format(error.to_string()))?;
        if let Some(problem) = scar_cfn::problems(&document).first() {
            return Err(DefinitionError::Format(problem.to_string()));
        }
        let order = creation_order(&document)
            .map_err(|cycle| DefinitionError::Format(cycle.to_string()))?;
        let kinds: BTreeSet<&str> = document
            .resources
            .values()
            .map(|resource| resource.kind.as_str())
            .collect();
        let unknown: Vec<String> = kinds
            .into_iter()
            .filter(|kind| !provider::is_known(kind))
            .map(str::to_owned)
            .collect();
        if !unknown.is_empty() {
            return Err(DefinitionError::Kinds(unknown));
        }
        self.check_capabilities(&document)?;
        let checked = Checked {
            document,
            order,
            parameters: self.parameters.clone(),
            pseudo,
        };
        checked.scope()?;
        Ok(checked)
    }

    fn check_capabilities(&self, document: &Document) -> Result<(), DefinitionError> {
        let mut needed = None;
        for resource in document
            .resources
            .values()
            .filter(|resource| resource.kind.starts_with("AWS::IAM::"))
        {
            let is_named =
                resource.kind == "AWS::IAM::Role" && resource.properties.contains_key("RoleName");
            needed = if is_named {
                Some("CAPABILITY_NAMED_IAM")
            } else {
                needed.or(Some("CAPABILITY_IAM"))
            };
        }
        let granted = |name: &str| {
            self.capabilities
                .iter()
                .any(|capability| capability == name)
        };
        match needed {
            Some(needed) if !granted(needed) && !granted("CAPABILITY_NAMED_IAM") => {
                Err(DefinitionError::Capability(needed))
            }
            _ => Ok(()),
        }
    }
}

impl Checked {
    /// The template with its parameters bound.
    pub(crate) fn scope(&self) -> Result<Scope<'_>, EvaluateError> {
        Scope::new(&self.document, &self.parameters, self.pseudo.clone())
    }

    /// Logical ids of the resources whose condition holds, in an order in which they can be created.
    pub(crate) fn present(&self, scope: &Scope<'_>) -> Result<Vec<String>, EvaluateError> {
        let mut present = Vec::new();
        for id in &self.order {
            let condition = self
                .document
                .resources
                .get(id)
                .and_then(|resource| resource.condition.as_deref());
            if scope.holds(condition)? {
                present.push(id.clone());
            }
        }
        Ok(present)
    }
}
