//! `scar destroy`

use scar_apply::DestroyOptions;
use scar_plan::{Block, BlockCode};
use scar_schemas::record::deployment;

use super::Manifest;
use super::approval::{Approval, approve};
use crate::args::Global;
use crate::deployment::BASE;
use crate::error::CliError;
use crate::session;
use crate::view::progress::Progress;
use crate::view::text::clean;
use crate::view::{self, Screen};

const AFTER_INTERRUPT: &str =
    "what was begun goes on in the cloud; `scar destroy` again completes it";

/// Remove the workflow from the cloud. Its buckets and their objects stay.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar destroy -e dev                             buckets are kept
  scar destroy -e dev --delete-data               with the buckets that scar made, and all objects
  scar destroy -e dev --auto-approve              without a question
  scar destroy -e dev --delete-data --confirm dev without a question, data too")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: Manifest,
    /// Delete the workflow's own buckets with all their objects.
    #[arg(long)]
    delete_data: bool,
    /// Delete the environment's base stack too, if no other workflow uses it.
    #[arg(long)]
    base: bool,
    #[command(flatten)]
    approval: Approval,
}

pub(crate) fn destroy(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let project = arguments.manifest.load(global, screen)?;
    let workflow = &project.workflow;
    let region = workflow.region.as_deref();
    session::on_cloud(
        global,
        region,
        screen,
        session::UNCHANGED,
        async |session| {
            let (base, stack) = (
                deployment(BASE, &workflow.environment),
                project.deployment(),
            );
            let snapshot = scar_apply::observe_stacks(&session.cloud, &base, &stack, &[]).await?;
            let Some(destruction) = scar_plan::destroy(&snapshot) else {
                screen.note(&format!("stack {stack} is not deployed; nothing to do"));
                return Ok(());
            };
            if !screen.json {
                screen.data(&view::plan::destruction(
                    &destruction,
                    arguments.delete_data,
                    screen.style,
                ))?;
            }
            let block = block(arguments.delete_data, &workflow.environment);
            let is_allowed = block.is_allowed(&arguments.approval.allow.iter().cloned().collect());
            let needs_name = (arguments.delete_data || workflow.protect) && !is_allowed;
            let blocked: &[&Block] = if needs_name { &[&block] } else { &[] };
            let (environment, approval) = (&workflow.environment, &arguments.approval);
            approve(environment, blocked, approval, session, screen).await?;
            session.if_interrupted(AFTER_INTERRUPT);
            let options = DestroyOptions {
                buckets: arguments.delete_data,
                base: arguments.base,
            };
            let mut progress = Progress::new(screen);
            progress.expect(&stack, destruction.stack.resources.len());
            let mut on_event = |event| progress.deployment(&event);
            let destroyed =
                scar_apply::destroy(&session.cloud, &destruction, options, &mut on_event).await?;
            progress.finish();
            for bucket in &destroyed.kept_buckets {
                screen.note(&format!("  kept     bucket {}", clean(bucket)));
            }
            Ok(())
        },
    )
}

/// What keeps protected things and data from being removed without a word.
fn block(delete_data: bool, environment: &str) -> Block {
    let (code, reason, word) = match delete_data {
        true => (
            BlockCode::DeleteData,
            "the buckets are deleted with all their objects".to_owned(),
            "delete-data",
        ),
        false => (
            BlockCode::Protected,
            format!("environment {environment} is protected"),
            "protected",
        ),
    };
    Block {
        code,
        subject: environment.to_owned(),
        reason,
        allow: Some(word.to_owned()),
    }
}
