//! Whether the world is still the one that a plan was made for.

use crate::diff::present;
use crate::{Basis, Destruction, Plan, Snapshot, Stack, stack};

/// The world is another one than when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// Other credentials.
    #[error("planned for account {planned}, this is account {actual}")]
    Account {
        /// Account of the plan.
        planned: String,
        /// Account here.
        actual: String,
    },
    /// Another region.
    #[error("planned for region {planned}, this is region {actual}")]
    Region {
        /// Region of the plan.
        planned: String,
        /// Region here.
        actual: String,
    },
    /// There was none, now there is one.
    #[error("stack {name} has been created since")]
    Created {
        /// The stack.
        name: String,
    },
    /// There was one, now there is none.
    #[error("stack {name} has been deleted since")]
    Deleted {
        /// The stack.
        name: String,
    },
    /// It is another stack of the same name, or another state of it.
    #[error("stack {name} has changed since: {detail}")]
    Changed {
        /// The stack.
        name: String,
        /// What differs, for instance `last change 2026-11-21T10:00:00Z, was 2026-11-20T10:00:00Z`.
        detail: String,
    },
}

impl Plan {
    /// Whether the plan was made for this account and region.
    ///
    /// # Errors
    /// [`Stale::Account`] or [`Stale::Region`].
    pub fn is_for(&self, account: &str, region: &str) -> Result<(), Stale> {
        check_place([&self.account, &self.region], [account, region])
    }

    /// Whether the plan may still be carried out.
    ///
    /// # Errors
    /// The first thing that is not as it was.
    pub fn is_current(&self, snapshot: &Snapshot) -> Result<(), Stale> {
        self.is_for(&snapshot.account, &snapshot.region)?;
        check_stack(
            &self.base.name,
            self.base.based_on.as_ref(),
            snapshot.base.as_ref(),
        )?;
        check_stack(
            &self.stack.name,
            self.stack.based_on.as_ref(),
            snapshot.stack.as_ref(),
        )
    }
}

impl Destruction {
    /// Whether the removal may still be carried out.
    ///
    /// # Errors
    /// The first thing that is not as it was.
    pub fn is_current(&self, snapshot: &Snapshot) -> Result<(), Stale> {
        check_place(
            [&self.account, &self.region],
            [&snapshot.account, &snapshot.region],
        )?;
        let actual = snapshot.stack.as_ref();
        compare(
            &self.stack.name,
            self.stack.based_on.as_ref(),
            actual.map(stack::basis).as_ref(),
        )
    }
}

/// Account and region as planned, and as they are here.
fn check_place(planned: [&str; 2], actual: [&str; 2]) -> Result<(), Stale> {
    if planned[0] != actual[0] {
        return Err(Stale::Account {
            planned: planned[0].to_owned(),
            actual: actual[0].to_owned(),
        });
    }
    if planned[1] != actual[1] {
        return Err(Stale::Region {
            planned: planned[1].to_owned(),
            actual: actual[1].to_owned(),
        });
    }
    Ok(())
}

fn check_stack(name: &str, planned: Option<&Basis>, actual: Option<&Stack>) -> Result<(), Stale> {
    compare(name, planned, present(actual).map(stack::basis).as_ref())
}

fn compare(name: &str, planned: Option<&Basis>, actual: Option<&Basis>) -> Result<(), Stale> {
    let name = name.to_owned();
    match (planned, actual) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Stale::Created { name }),
        (Some(_), None) => Err(Stale::Deleted { name }),
        (Some(planned), Some(actual)) => match difference(planned, actual) {
            None => Ok(()),
            Some(detail) => Err(Stale::Changed { name, detail }),
        },
    }
}

fn difference(planned: &Basis, actual: &Basis) -> Option<String> {
    let pairs = [
        ("stack id", &planned.stack_id, &actual.stack_id),
        ("status", &planned.status, &actual.status),
        ("last change", &planned.changed, &actual.changed),
    ];
    let differing = pairs.into_iter().find(|(_, was, is)| was != is);
    match differing {
        Some((what, was, is)) => Some(format!("{what} {is}, was {was}")),
        None if planned.fingerprint != actual.fingerprint => Some("other content".to_owned()),
        None => None,
    }
}
