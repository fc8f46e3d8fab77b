//! CloudFormation: stacks, change sets, and what happened to them.

mod change_set;
mod definition;
mod drift;
mod engine;
mod operation;
mod policy;
mod provider;
mod rollback;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;

use scar_cfn::Resolver;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use change_set::{Change, ChangeSet, foresee};
pub(crate) use definition::{Checked, Definition, DefinitionError};
pub(crate) use drift::{Drift, DriftStatus, detect};
pub(crate) use operation::{OnFailure, Operation, pseudo, start};

use crate::lambda::Package;
use crate::services::Services;
use crate::store::{Table, Transaction};
use crate::{Error, clock, random};

/// A stack, in `Table::Stacks` under its name, or `<name>\n<id>` once it is deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stack {
    /// Its ARN.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// For instance `CREATE_COMPLETE`.
    pub(crate) status: String,
    /// Why it has this status, if there is something to say.
    pub(crate) reason: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
    /// Start of the last operation after the first, in milliseconds since the Unix epoch.
    pub(crate) updated_ms: Option<u64>,
    /// End of its deletion, in milliseconds since the Unix epoch.
    pub(crate) deleted_ms: Option<u64>,
    /// What it is made of.
    pub(crate) definition: Definition,
    /// Outputs by name.
    pub(crate) outputs: BTreeMap<String, String>,
    /// What exists, by logical id.
    pub(crate) resources: BTreeMap<String, Resource>,
    /// Whether it refuses to be deleted.
    pub(crate) is_protected: bool,
    /// What updates may do.
    #[serde(default)]
    pub(crate) policy: Option<Value>,
    /// What is under way.
    pub(crate) operation: Option<Operation>,
    /// The change set that was executed last.
    pub(crate) change_set: Option<String>,
}

/// A resource that exists.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Resource {
    /// Its name in the template.
    pub(crate) logical_id: String,
    /// For instance `AWS::S3::Bucket`.
    pub(crate) kind: String,
    /// What `Ref` gives.
    pub(crate) physical_id: String,
    /// For instance `CREATE_COMPLETE`.
    pub(crate) status: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) time_ms: u64,
    /// Its properties, without functions.
    pub(crate) properties: BTreeMap<String, Value>,
    /// What `Fn::GetAtt` gives.
    pub(crate) attributes: BTreeMap<String, Value>,
    /// Whether it was there before the stack; a failed creation leaves it alone.
    pub(crate) is_imported: bool,
    /// The code that belongs to it.
    pub(crate) package: Option<Package>,
    /// `DeletionPolicy`.
    pub(crate) deletion_policy: Option<String>,
    /// `UpdateReplacePolicy`.
    pub(crate) replace_policy: Option<String>,
}

/// Something that happened, in `Table::StackEvents` under `<stack id>\n<sequence>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Event {
    /// Its id.
    pub(crate) id: String,
    /// Logical id, or the stack's name.
    pub(crate) logical_id: String,
    /// Physical id, or the stack's ARN.
    pub(crate) physical_id: String,
    /// For instance `AWS::CloudFormation::Stack`.
    pub(crate) kind: String,
    /// For instance `CREATE_FAILED`.
    pub(crate) status: String,
    /// Why.
    pub(crate) reason: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub(crate) time_ms: u64,
}

/// Type of stacks in their own events.
const STACK_KIND: &str = "AWS::CloudFormation::Stack";

impl Stack {
    /// A stack that has a change set but nothing else yet.
    pub(crate) fn in_review(services: &Services, name: &str) -> Self {
        let settings = &services.settings;
        let (region, account) = (&settings.region, &settings.account);
        Self {
            id: format!(
                "arn:aws:cloudformation:{region}:{account}:stack/{name}/{}",
                random::uuid()
            ),
            name: name.to_owned(),
            status: "REVIEW_IN_PROGRESS".to_owned(),
            reason: None,
            created_ms: clock::now_ms(),
            updated_ms: None,
            deleted_ms: None,
            definition: Definition::default(),
            outputs: BTreeMap::new(),
            resources: BTreeMap::new(),
            is_protected: false,
            policy: None,
            operation: None,
            change_set: None,
        }
    }

    fn key(&self) -> String {
        match self.deleted_ms {
            None => self.name.clone(),
            Some(_) => format!("{}\n{}", self.name, self.id),
        }
    }

    /// Stores the stack as it is now.
    pub(crate) fn put(&self, transaction: &mut Transaction<'_>) -> Result<(), Error> {
        transaction.put(Table::Stacks, &self.key(), self)
    }

    /// Changes the status and tells of it.
    pub(crate) fn enter(
        &mut self,
        transaction: &mut Transaction<'_>,
        status: &str,
        reason: Option<&str>,
    ) -> Result<(), Error> {
        status.clone_into(&mut self.status);
        self.reason = reason.map(str::to_owned);
        let event = Event {
            id: random::uuid(),
            logical_id: self.name.clone(),
            physical_id: self.id.clone(),
            kind: STACK_KIND.to_owned(),
            status: status.to_owned(),
            reason: self.reason.clone(),
            time_ms: clock::now_ms(),
        };
        tell(transaction, &self.id, &event)
    }
}

impl Resolver for Stack {
    fn reference(&self, logical_id: &str) -> Option<Value> {
        self.resources
            .get(logical_id)
            .map(|resource| resource.physical_id.clone().into())
    }

    fn attribute(&self, logical_id: &str, attribute: &str) -> Option<Value> {
        self.resources
            .get(logical_id)?
            .attributes
            .get(attribute)
            .cloned()
    }
}

/// Changes a stack in one transaction, if it is there.
async fn change<E>(
    services: &Services,
    name: &str,
    act: impl FnOnce(&mut Transaction<'_>, &mut Stack) -> Result<(), E> + Send + 'static,
) -> Result<(), E>
where
    E: From<Error> + Send + 'static,
{
    let name = name.to_owned();
    let run = move |transaction: &mut Transaction<'_>| {
        let Some(mut stack) = transaction.get::<Stack>(Table::Stacks, &name)? else {
            return Ok(());
        };
        act(transaction, &mut stack)?;
        Ok(stack.put(transaction)?)
    };
    services.store.transact(run).await
}

/// Adds an event.
fn tell(transaction: &mut Transaction<'_>, stack_id: &str, event: &Event) -> Result<(), Error> {
    transaction
        .append(Table::StackEvents, &format!("{stack_id}\n"), event)
        .map(|_| ())
}

/// A stack by name or ARN; deleted ones only by ARN.
pub(crate) fn find(services: &Services, named: &str) -> Result<Option<Stack>, Error> {
    let name = stack_name(named);
    let live = services.store.get::<Stack>(Table::Stacks, name)?;
    if name == named {
        return Ok(live);
    }
    match live.filter(|stack| stack.id == named) {
        Some(stack) => Ok(Some(stack)),
        None => services
            .store
            .get(Table::Stacks, &format!("{name}\n{named}")),
    }
}

/// Name of the stack that a name or an ARN names.
pub(crate) fn stack_name(named: &str) -> &str {
    match named.split_once(":stack/") {
        Some((_, rest)) => rest.split('/').next().unwrap_or(rest),
        None => named,
    }
}

/// Events of a stack, latest first.
pub(crate) fn events(services: &Services, stack: &Stack) -> Result<Vec<Event>, Error> {
    let events = services
        .store
        .list::<Event>(Table::StackEvents, &format!("{}\n", stack.id))?;
    Ok(events.into_iter().rev().map(|(_, event)| event).collect())
}

/// Stack operations that are under way.
pub(crate) fn pending(services: &Services) -> Result<usize, Error> {
    let stacks = services.store.list::<Stack>(Table::Stacks, "")?;
    Ok(stacks
        .iter()
        .filter(|(_, stack)| stack.operation.is_some())
        .count())
}

/// Takes up operations that a killed process left.
pub(crate) async fn resume(services: Arc<Services>) {
    // A store that cannot be read has no stacks to go on with; every request will say so.
    for (_, stack) in services
        .store
        .list::<Stack>(Table::Stacks, "")
        .unwrap_or_default()
    {
        if stack.operation.is_some() {
            tokio::spawn(operation::run(Arc::clone(&services), stack.name));
        }
    }
}
