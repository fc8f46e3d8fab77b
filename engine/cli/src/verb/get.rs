//! `scar get`

use std::path::PathBuf;

use scar_apply::data::{self, Received};
use scar_schemas::record::ObjectVersion;
use serde_json::json;

use crate::args::Global;
use crate::error::CliError;
use crate::places::{Place, is_system};
use crate::project::Project;
use crate::session;
use crate::view::Screen;
use crate::view::progress::Progress;
use crate::view::text::{clean, count};

/// Copy objects of the workflow's buckets into a directory.
///
/// A file is written whole or not at all; no object's name leads out of the directory.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar get results              everything of the bucket `data`
  scar get thumbs/ results      thumbs/a.webp becomes results/a.webp
  scar get archive:2026/ old    from another bucket")]
pub(crate) struct Arguments {
    /// `[BUCKET:]PREFIX` to copy, then the directory; or the directory alone.
    #[arg(value_names = ["[BUCKET:]PREFIX", "DIR"], num_args = 1..=2, required = true)]
    words: Vec<String>,
}

pub(crate) fn get(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<(), CliError> {
    let project = Project::load(None, global, screen)?;
    let (place, directory) = match arguments.words.as_slice() {
        [prefix, directory] => (prefix.as_str(), PathBuf::from(directory)),
        [directory] => ("", PathBuf::from(directory)),
        _ => return Err(CliError::failure("give a prefix and a directory")),
    };
    let place = Place::parse(place, &project.workflow);
    let hint = "files that are there are whole; run it again for the rest";
    let received = session::on_deployment(
        &project,
        global,
        screen,
        hint,
        async |session, deployment| {
            let bucket = place.real_bucket(deployment)?;
            let listed = data::list(&session.cloud, bucket, &place.key).await?;
            let wanted =
                |key: &str| is_system(&place.key) || !is_system(key) && !key.ends_with('/');
            let objects: Vec<ObjectVersion> = listed
                .into_iter()
                .map(|one| one.object)
                .filter(|one| wanted(&one.key))
                .collect();
            let folder = place
                .key
                .rfind('/')
                .map_or("", |slash| &place.key[..=slash]);
            let mut progress = Progress::new(screen);
            let mut on_transfer = |transfer| progress.transfer(&transfer);
            Ok(data::get_objects(
                &session.cloud,
                &objects,
                folder,
                &directory,
                &mut on_transfer,
            )
            .await?)
        },
    )?;
    if received.files.is_empty() && received.refused.is_empty() {
        screen.note("nothing is there, so nothing was copied");
    }
    show(&received, screen)
}

/// Prints what was written; an object that cannot be a file makes the verb fail after the others.
pub(crate) fn show(received: &Received, screen: &Screen) -> Result<(), CliError> {
    for (object, path) in &received.files {
        let path = path.display().to_string();
        if screen.json {
            screen.object(
                &json!({ "type": "file", "key": object.key, "path": path, "size": object.size }),
            )?;
        } else {
            screen.line(&clean(&path))?;
        }
    }
    if received.refused.is_empty() {
        return Ok(());
    }
    let objects = count(received.refused.len(), "object");
    let mut error = CliError::failure(format!("{objects} cannot be a file"));
    error.causes = received
        .refused
        .iter()
        .map(|(key, reason)| format!("{key}: {reason}"))
        .collect();
    Err(error)
}
