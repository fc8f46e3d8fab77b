//! `scar put`

use std::path::PathBuf;

use crate::args::Global;
use crate::error::CliError;
use crate::follow::{self, Followed};
use crate::inputs::{self, Input};
use crate::places::{Entry, Place};
use crate::project::Project;
use crate::session;
use crate::view::Screen;
use crate::view::progress::Progress;
use crate::view::text::count;

const AFTER_INTERRUPT: &str =
    "files that are named above are there and are worked on; the same command puts the rest";

/// Put files into the workflow's buckets, which starts its stages.
///
/// Without a place a file goes where the first input takes it that no stage feeds. A local cloud that
/// this command opens itself is kept open until everything that was started is done.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar put photo.jpg                 where the workflow takes it
  scar put *.jpg uploads/            below a prefix of the bucket `data`
  scar put a.csv archive:in/a.csv    as exactly this object of another bucket
  scar put *.jpg --wait              and wait until all tasks are done")]
pub(crate) struct Arguments {
    /// Files, and at the end the place if one is given.
    #[arg(value_name = "FILE… [[BUCKET:]PREFIX/]", required = true)]
    words: Vec<PathBuf>,
    #[command(flatten)]
    entry: Entry,
    /// Wait until all tasks are done.
    #[arg(long)]
    wait: bool,
}

pub(crate) fn put(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<(), CliError> {
    let project = Project::load(None, global, screen)?;
    let (files, destination) = split(&arguments.words, &project);
    let wanted = inputs::inputs(
        files,
        destination.as_ref(),
        &arguments.entry,
        &project.workflow,
    )?;
    session::on_deployment(
        &project,
        global,
        screen,
        AFTER_INTERRUPT,
        async |session, deployment| {
            let mut progress = Progress::new(screen);
            let all: Vec<&Input> = wanted.iter().collect();
            let objects = inputs::put(&session.cloud, deployment, &all, &mut progress).await?;
            drop(progress);
            screen.note(&format!("put {}", count(objects.len(), "file")));
            if !arguments.wait && !session.is_own() {
                return Ok(());
            }
            let followed = Followed {
                project: &project,
                deployment,
                objects: &objects,
                changed: false,
            };
            let tasks = follow::follow(&followed, session, None, screen).await?;
            follow::conclude(&tasks, screen)
        },
    )
}

/// The last word is a place if it is written as one and there is a file before it.
fn split<'a>(words: &'a [PathBuf], project: &Project) -> (&'a [PathBuf], Option<Place>) {
    match words {
        [files @ .., last] if !files.is_empty() => match last.to_str() {
            Some(text) if Place::is_written(text, &project.workflow) => {
                (files, Some(Place::parse(text, &project.workflow)))
            }
            _ => (words, None),
        },
        _ => (words, None),
    }
}
