//! Removing workflows that have no manifest any more. Their buckets always stay.

use scar_apply::{DeployedWorkflow, DestroyOptions};
use scar_plan::{Block, BlockCode};
use scar_schemas::record::deployment;

use super::approval::{self, Approval};
use crate::args::Global;
use crate::deployment::BASE;
use crate::error::CliError;
use crate::session::{self, Session};
use crate::view::progress::Progress;
use crate::view::text::{clean, count};
use crate::view::{self, Screen};

const AFTER_INTERRUPT: &str = "what was begun goes on in the cloud; the same command completes it";

/// Shows what goes, asks for the environment's name, and removes.
pub(crate) fn prune(
    orphans: &[DeployedWorkflow],
    approval: &Approval,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    session::on_cloud(global, None, screen, AFTER_INTERRUPT, async |session| {
        prune_on(orphans, approval, session, screen).await
    })
}

/// The same on an open connection.
pub(crate) async fn prune_on(
    orphans: &[DeployedWorkflow],
    approval: &Approval,
    session: &Session,
    screen: &Screen,
) -> Result<(), CliError> {
    let Some(first) = orphans.first() else {
        return Ok(());
    };
    let mut all = Vec::new();
    for orphan in orphans {
        let base = deployment(BASE, &orphan.environment);
        let snapshot =
            scar_apply::observe_stacks(&session.cloud, &base, &orphan.stack, &[]).await?;
        all.extend(scar_plan::destroy(&snapshot));
    }
    if !screen.json {
        let shown = all
            .iter()
            .map(|one| view::plan::destruction(one, false, screen.style));
        screen.data(&shown.collect::<String>())?;
    }
    let block = Block {
        code: BlockCode::Protected,
        subject: first.environment.clone(),
        reason: format!(
            "{} without a manifest would be removed",
            count(all.len(), "workflow")
        ),
        allow: Some("prune".to_owned()),
    };
    let blocked: Vec<&Block> = match approval.allow.iter().any(|word| word == "prune") {
        true => Vec::new(),
        false => vec![&block],
    };
    approval::approve(&first.environment, &blocked, approval, session, screen).await?;
    for one in &all {
        let mut progress = Progress::new(screen);
        progress.expect(&one.stack.name, one.stack.resources.len());
        let mut on_event = |event| progress.deployment(&event);
        let options = DestroyOptions::default();
        let gone = scar_apply::destroy(&session.cloud, one, options, &mut on_event).await?;
        progress.finish();
        for bucket in &gone.kept_buckets {
            screen.note(&format!("  kept     bucket {}", clean(bucket)));
        }
    }
    Ok(())
}
