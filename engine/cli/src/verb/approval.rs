//! Consent: given on the command line, or asked for.

use std::collections::BTreeSet;

use scar_plan::{Block, BlockCode, Plan};

use crate::error::{CliError, Kind};
use crate::session::Session;
use crate::view::Screen;
use crate::view::text::clean;

/// Consent that is given on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Approval {
    /// Do not ask. Does not cover what a plan is blocked by: the loss of data, wider permissions.
    #[arg(long)]
    pub(crate) auto_approve: bool,
    /// Allow what a plan is blocked by, as it says: widen, cost, protected, delete-data:BUCKET.
    #[arg(long, value_name = "WORD")]
    pub(crate) allow: Vec<String>,
    /// Name of the environment, which allows all that --allow can allow.
    #[arg(long, value_name = "ENVIRONMENT")]
    pub(crate) confirm: Option<String>,
}

/// Asks a person about all plans at once, or takes the consent of the command line.
pub(crate) async fn approve_plans(
    environment: &str,
    plans: &[&Plan],
    approval: &Approval,
    session: &Session,
    screen: &Screen,
) -> Result<(), CliError> {
    let allowed: BTreeSet<String> = approval.allow.iter().cloned().collect();
    let blocked = plans.iter().flat_map(|plan| plan.blocked_by(&allowed));
    // On one's own machine a role that reaches further, or costs, harms nobody.
    let counts = |block: &&Block| {
        !session.is_local || !matches!(block.code, BlockCode::Widen | BlockCode::Cost)
    };
    let blocked: Vec<&Block> = blocked.filter(counts).collect();
    if let Some(never) = blocked.iter().find(|block| block.allow.is_none()) {
        let mut error = CliError::new(Kind::Blocked, clean(&never.reason));
        let others = blocked.iter().filter(|block| block.allow.is_none()).skip(1);
        error.causes = others.map(|block| block.reason.clone()).collect();
        if let Some(bucket) = missing_bucket(&never.reason).filter(|_| session.is_local) {
            let make = format!("`scar local bucket {bucket}` makes it in the local cloud");
            return Err(error.hint(make));
        }
        return Err(error.hint("nothing was changed; change the manifest, or the rule"));
    }
    approve(environment, &blocked, approval, session, screen).await
}

/// The bucket that should exist and does not, if that is the reason.
fn missing_bucket(reason: &str) -> Option<&str> {
    let rest = reason.strip_prefix("bucket ")?;
    rest.split_once(" does not exist").map(|(name, _)| name)
}

/// The same for anything else: what is blocked needs the environment's name.
pub(crate) async fn approve(
    environment: &str,
    blocked: &[&Block],
    approval: &Approval,
    session: &Session,
    screen: &Screen,
) -> Result<(), CliError> {
    if approval.confirm.as_deref() == Some(environment) {
        return Ok(());
    }
    if !blocked.is_empty() {
        return approve_blocked(environment, blocked, screen).await;
    }
    if approval.auto_approve || session.is_local || !approval.allow.is_empty() {
        return Ok(());
    }
    match screen.ask("\nCarry out this plan? (y) ").await {
        Some(answer) if matches!(answer.as_str(), "y" | "Y" | "yes") => Ok(()),
        Some(_) => Err(not_approved()),
        None => Err(
            CliError::new(Kind::Blocked, "there is nobody to ask for approval")
                .hint("--auto-approve carries the plan out without a question"),
        ),
    }
}

async fn approve_blocked(
    environment: &str,
    blocked: &[&Block],
    screen: &Screen,
) -> Result<(), CliError> {
    let reasons = blocked
        .iter()
        .map(|block| format!("  ! {}\n", clean(&block.reason)));
    let reasons: String = reasons.collect();
    let question = format!("\n{reasons}Type the environment's name, {environment}, to go on: ");
    match screen.ask(&question).await {
        Some(answer) if answer == environment => Ok(()),
        Some(_) => Err(not_approved()),
        None => Err(refused(environment, blocked)),
    }
}

fn refused(environment: &str, blocked: &[&Block]) -> CliError {
    let mut error = CliError::new(Kind::Blocked, "this needs consent by name");
    error.causes = blocked.iter().map(|block| block.reason.clone()).collect();
    let words: BTreeSet<String> = blocked
        .iter()
        .filter_map(|block| Some(format!("--allow {}", block.allow.as_ref()?)))
        .collect();
    let words: Vec<String> = words.into_iter().collect();
    let hint = match words.is_empty() {
        true => format!("--confirm {environment} allows it"),
        false => format!("{} allows it", words.join(" ")),
    };
    error.hint(hint)
}

fn not_approved() -> CliError {
    CliError::new(Kind::Blocked, "not approved; nothing was changed")
}
