//! CloudFormation: changing stacks. What only looks at them is in the views.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

use super::cloudformation_drift as drift;
use super::cloudformation_input::{check_name, definition, on_failure, template};
use super::cloudformation_views as views;
use super::query::{Parameters, Xml, answer};
use super::{Fault, authorize};
use crate::auth::Identity;
use crate::services::Services;
use crate::stack::{
    self, Change, ChangeSet, Checked, Definition, DefinitionError, OnFailure, Operation, Stack,
};
use crate::store::Table;
use crate::{clock, random};

/// XML namespace of the answers.
pub(super) const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
/// Why a change set without changes has failed; clients look for this text.
const NO_CHANGES: &str = "The submitted information didn't contain changes. Submit different information to create a change set.";

/// Answers one request.
pub(super) async fn handle(
    services: Arc<Services>,
    request: &Request<Bytes>,
    identity: &Identity,
) -> Result<Response<Bytes>, Fault> {
    let parameters = Parameters::of(request);
    let action = parameters.required("Action")?.to_owned();
    authorize(
        &services,
        identity,
        &format!("cloudformation:{action}"),
        "*",
    )?;
    let result = match action.as_str() {
        "CreateChangeSet" => create_change_set(&services, &parameters).await,
        "ExecuteChangeSet" => execute_change_set(&services, &parameters).await,
        "DeleteChangeSet" => delete_change_set(&services, &parameters).await,
        "CreateStack" => create_stack(&services, &parameters).await,
        "UpdateStack" => update_stack(&services, &parameters).await,
        "DeleteStack" => delete_stack(&services, &parameters).await,
        "UpdateTerminationProtection" => protect(&services, &parameters).await,
        "ValidateTemplate" => validate_template(&services, &parameters).await,
        "DetectStackDrift" => drift::detect_drift(&services, &parameters).await,
        "DescribeStackDriftDetectionStatus" => drift::status(&services, &parameters),
        "DescribeStackResourceDrifts" => drift::resources(&services, &parameters),
        "SetStackPolicy" => drift::set_policy(&services, &parameters).await,
        "GetStackPolicy" => drift::policy(&services, &parameters),
        _ => views::handle(&services, &action, &parameters),
    }?;
    Ok(answer(&action, NAMESPACE, result))
}

async fn create_change_set(
    services: &Arc<Services>,
    parameters: &Parameters,
) -> Result<Xml, Fault> {
    let named = parameters.required("StackName")?;
    let name = parameters.required("ChangeSetName")?.to_owned();
    let is_creation = parameters.text("ChangeSetType") == Some("CREATE");
    let stack = stack_for_change_set(services, named, is_creation)?;
    let definition = definition(services, parameters, &stack).await?;
    let (change_set, stack) = compose(services, parameters, name, is_creation, stack, definition)?;
    let (id, stack_id) = (change_set.id.clone(), change_set.stack_id.clone());
    services
        .store
        .transact(move |transaction| {
            let key = format!("{}\n{}", change_set.stack_id, change_set.name);
            if transaction.contains(Table::ChangeSets, &key)? {
                let message = format!("ChangeSet {} already exists", change_set.name);
                return Err(Fault::new("AlreadyExistsException", message));
            }
            if !transaction.contains(Table::Stacks, &stack.name)? {
                let mut stack = stack;
                stack.enter(transaction, "REVIEW_IN_PROGRESS", Some("User Initiated"))?;
                stack.put(transaction)?;
            }
            Ok(transaction.put(Table::ChangeSets, &key, &change_set)?)
        })
        .await?;
    let mut result = Xml::default();
    result.text("Id", &id);
    result.text("StackId", &stack_id);
    Ok(result)
}

fn stack_for_change_set(
    services: &Services,
    named: &str,
    is_creation: bool,
) -> Result<Stack, Fault> {
    match (stack::find(services, named)?, is_creation) {
        (Some(stack), true) if stack.status != "REVIEW_IN_PROGRESS" => {
            Err(Fault::validation(format!(
                "Stack [{named}] already exists and cannot be created again with the changeSet [CREATE]."
            )))
        }
        (Some(stack), _) => Ok(stack),
        (None, true) => Ok(Stack::in_review(services, check_name(named)?)),
        (None, false) => Err(views::missing(named)),
    }
}

fn compose(
    services: &Services,
    parameters: &Parameters,
    name: String,
    is_creation: bool,
    stack: Stack,
    definition: Definition,
) -> Result<(ChangeSet, Stack), Fault> {
    let checked = check(services, &stack, &definition)?;
    let changes = stack::foresee(&stack, &checked).map_err(refusal)?;
    let has_changes = is_creation || changes_anything(&stack, &definition, &checked, &changes);
    let settings = &services.settings;
    let id = format!(
        "arn:aws:cloudformation:{}:{}:changeSet/{name}/{}",
        settings.region,
        settings.account,
        random::uuid()
    );
    let change_set = ChangeSet {
        id,
        name,
        description: parameters.text("Description").map(str::to_owned),
        stack_id: stack.id.clone(),
        stack_name: stack.name.clone(),
        is_creation,
        status: if has_changes {
            "CREATE_COMPLETE"
        } else {
            "FAILED"
        }
        .to_owned(),
        reason: (!has_changes).then(|| NO_CHANGES.to_owned()),
        execution_status: if has_changes {
            "AVAILABLE"
        } else {
            "UNAVAILABLE"
        }
        .to_owned(),
        definition,
        changes,
        on_failure: on_failure(parameters.text("OnStackFailure")),
        imports: parameters.flag("ImportExistingResources"),
        created_ms: clock::now_ms(),
    };
    Ok((change_set, stack))
}

/// Metadata of the template alone is no change, but outputs and tags are.
fn changes_anything(
    stack: &Stack,
    definition: &Definition,
    checked: &Checked,
    changes: &[Change],
) -> bool {
    let before = scar_cfn::Document::parse(&stack.definition.template).unwrap_or_default();
    !changes.is_empty()
        || before.outputs != checked.document.outputs
        || stack.definition.tags != definition.tags
}

async fn execute_change_set(
    services: &Arc<Services>,
    parameters: &Parameters,
) -> Result<Xml, Fault> {
    let change_set = views::find_change_set(services, parameters)?;
    if change_set.execution_status != "AVAILABLE" {
        let message = format!(
            "ChangeSet [{}] cannot be executed in its current status of [{}]",
            change_set.id, change_set.status
        );
        return Err(Fault::new("InvalidChangeSetStatus", message));
    }
    let stack = stack::find(services, &change_set.stack_id)?
        .ok_or_else(|| views::missing(&change_set.stack_name))?;
    check_updatable(&stack)?;
    let mut operation =
        Operation::applying(&stack, change_set.definition.clone(), change_set.on_failure);
    operation.removes_new = parameters.flag("RetainExceptOnCreate");
    operation.imports = change_set.imports;
    if parameters.flag("DisableRollback") {
        operation.on_failure = OnFailure::DoNothing;
    }
    begin(services, stack, operation, Some(change_set.id.clone())).await?;
    // One change set is executed; the others were made for a stack that is no more.
    let prefix = format!("{}\n", change_set.stack_id);
    services
        .store
        .transact(move |transaction| {
            for (key, mut other) in transaction.list::<ChangeSet>(Table::ChangeSets, &prefix)? {
                let status = if other.id == change_set.id {
                    "EXECUTE_COMPLETE"
                } else {
                    "OBSOLETE"
                };
                status.clone_into(&mut other.execution_status);
                transaction.put(Table::ChangeSets, &key, &other)?;
            }
            Ok::<_, Fault>(())
        })
        .await?;
    Ok(Xml::default())
}

async fn delete_change_set(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    // Deleting what is not there succeeds, as in AWS.
    if let Ok(change_set) = views::find_change_set(services, parameters) {
        let key = format!("{}\n{}", change_set.stack_id, change_set.name);
        services.store.delete(Table::ChangeSets, &key).await?;
    }
    Ok(Xml::default())
}

async fn create_stack(services: &Arc<Services>, parameters: &Parameters) -> Result<Xml, Fault> {
    let name = check_name(parameters.required("StackName")?)?;
    if stack::find(services, name)?.is_some() {
        return Err(Fault::new(
            "AlreadyExistsException",
            format!("Stack [{name}] already exists"),
        ));
    }
    let mut stack = Stack::in_review(services, name);
    stack.is_protected = parameters.flag("EnableTerminationProtection");
    let definition = definition(services, parameters, &stack).await?;
    check(services, &stack, &definition)?;
    let on_failure = match parameters.flag("DisableRollback") {
        true => OnFailure::DoNothing,
        false => on_failure(parameters.text("OnFailure")),
    };
    let mut operation = Operation::applying(&stack, definition, on_failure);
    operation.removes_new = parameters.flag("RetainExceptOnCreate");
    stack_id(&begin(services, stack, operation, None).await?)
}

async fn update_stack(services: &Arc<Services>, parameters: &Parameters) -> Result<Xml, Fault> {
    let named = parameters.required("StackName")?;
    let stack = stack::find(services, named)?.ok_or_else(|| views::missing(named))?;
    check_updatable(&stack)?;
    let definition = definition(services, parameters, &stack).await?;
    let checked = check(services, &stack, &definition)?;
    let changes = stack::foresee(&stack, &checked).map_err(refusal)?;
    if !changes_anything(&stack, &definition, &checked, &changes) {
        return Err(Fault::validation("No updates are to be performed."));
    }
    let on_failure = if parameters.flag("DisableRollback") {
        OnFailure::DoNothing
    } else {
        OnFailure::Rollback
    };
    let mut operation = Operation::applying(&stack, definition, on_failure);
    operation.removes_new = parameters.flag("RetainExceptOnCreate");
    stack_id(&begin(services, stack, operation, None).await?)
}

async fn delete_stack(services: &Arc<Services>, parameters: &Parameters) -> Result<Xml, Fault> {
    let named = parameters.required("StackName")?;
    // Deleting what is not there succeeds, as in AWS.
    let Some(stack) = stack::find(services, named)?.filter(|stack| stack.deleted_ms.is_none())
    else {
        return Ok(Xml::default());
    };
    if stack.is_protected {
        let message = format!(
            "Stack [{}] cannot be deleted while TerminationProtection is enabled",
            stack.name
        );
        return Err(Fault::validation(message));
    }
    let operation = Operation::deleting(&stack, parameters.list("RetainResources"));
    begin(services, stack, operation, None).await?;
    Ok(Xml::default())
}

async fn protect(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let named = parameters.required("StackName")?;
    let id = stack::find(services, named)?
        .ok_or_else(|| views::missing(named))?
        .id;
    let name = stack::stack_name(&id).to_owned();
    let is_protected = parameters.flag("EnableTerminationProtection");
    services
        .store
        .transact(move |transaction| {
            if let Some(mut stack) = transaction.get::<Stack>(Table::Stacks, &name)? {
                stack.is_protected = is_protected;
                stack.put(transaction)?;
            }
            Ok::<_, Fault>(())
        })
        .await?;
    stack_id(&id)
}

async fn validate_template(services: &Services, parameters: &Parameters) -> Result<Xml, Fault> {
    let template = template(services, parameters).await?.unwrap_or_default();
    let document = scar_cfn::Document::parse(&template)
        .map_err(|error| Fault::validation(format!("Template format error: {error}")))?;
    if let Some(problem) = scar_cfn::problems(&document).first() {
        return Err(Fault::validation(format!(
            "Template format error: {problem}"
        )));
    }
    let mut result = Xml::default();
    result.list(
        "Parameters",
        &document.parameters,
        |xml, (name, declared)| {
            views::write_declared(xml, name, declared);
            xml.optional(
                "Description",
                declared.get("Description").and_then(Value::as_str),
            );
            xml.text(
                "NoEcho",
                if declared.get("NoEcho") == Some(&Value::Bool(true)) {
                    "true"
                } else {
                    "false"
                },
            );
        },
    );
    result.optional("Description", document.description.as_deref());
    if document
        .resources
        .values()
        .any(|resource| resource.kind.starts_with("AWS::IAM::"))
    {
        result.list("Capabilities", ["CAPABILITY_IAM"], |xml, name| {
            xml.content(name)
        });
        result.text(
            "CapabilitiesReason",
            "The following resource(s) require capabilities: [AWS::IAM::Role]",
        );
    }
    Ok(result)
}

async fn begin(
    services: &Arc<Services>,
    stack: Stack,
    operation: Operation,
    change_set: Option<String>,
) -> Result<String, Fault> {
    let started = stack::start(services, stack, operation, change_set).await?;
    started.map_err(|stack| {
        let (id, status) = (&stack.id, &stack.status);
        Fault::validation(format!(
            "Stack:{id} is in {status} state and can not be updated."
        ))
    })
}

fn stack_id(id: &str) -> Result<Xml, Fault> {
    let mut result = Xml::default();
    result.text("StackId", id);
    Ok(result)
}

/// A stack that failed in a way that cannot be repaired by changing it must be deleted first.
fn check_updatable(stack: &Stack) -> Result<(), Fault> {
    let is_stuck = matches!(
        stack.status.as_str(),
        "ROLLBACK_COMPLETE"
            | "ROLLBACK_FAILED"
            | "CREATE_FAILED"
            | "DELETE_FAILED"
            | "DELETE_COMPLETE"
    );
    if is_stuck || stack.operation.is_some() {
        let (id, status) = (&stack.id, &stack.status);
        return Err(Fault::validation(format!(
            "Stack:{id} is in {status} state and can not be updated."
        )));
    }
    Ok(())
}

fn check(services: &Services, stack: &Stack, definition: &Definition) -> Result<Checked, Fault> {
    definition
        .check(stack::pseudo(services, stack))
        .map_err(refusal)
}

fn refusal(error: DefinitionError) -> Fault {
    match &error {
        DefinitionError::Capability(_) => {
            Fault::new("InsufficientCapabilitiesException", error.to_string())
        }
        _ => Fault::validation(error.to_string()),
    }
}
