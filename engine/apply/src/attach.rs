//! A change that goes on in the cloud, followed again by somebody who had let it go.

use std::collections::BTreeMap;

use crate::event::{Event, Operation};
use crate::follow::{self, Followed};
use crate::{Cloud, Error, stack};

/// Follows what is going on with a stack until it has ended; false if nothing goes on.
///
/// # Errors
/// [`Error::NotDeployed`], [`Error::Stack`] if it ends badly, [`Error::Foreign`], [`Error::Call`].
pub async fn attach(
    cloud: &Cloud,
    name: &str,
    on_event: &mut dyn FnMut(Event),
) -> Result<bool, Error> {
    let found = stack::describe(cloud, name).await?;
    let found = found.ok_or_else(|| Error::NotDeployed {
        stack: name.to_owned(),
    })?;
    stack::check_own(name, &stack::tags(&found))?;
    let status = stack::status(&found);
    let operation = match status {
        "CREATE_IN_PROGRESS" | "ROLLBACK_IN_PROGRESS" => Operation::Create,
        "DELETE_IN_PROGRESS" => Operation::Delete,
        busy if busy.ends_with("_IN_PROGRESS") && busy != "REVIEW_IN_PROGRESS" => Operation::Update,
        _ => return Ok(false),
    };
    on_event(Event::StackStarted {
        stack: name.to_owned(),
        operation,
    });
    let followed = Followed {
        name,
        id: found.stack_id().unwrap_or(name),
        stages: &BTreeMap::new(),
        operation,
    };
    let mark = follow::mark(cloud, &followed).await?;
    follow::follow(cloud, &followed, mark, on_event).await?;
    on_event(Event::StackFinished {
        stack: name.to_owned(),
        operation,
        changed: true,
    });
    Ok(true)
}
