//! `scar ls`

use scar_apply::data::{self, Listed};
use serde_json::{Value, json};

use crate::args::Global;
use crate::error::CliError;
use crate::places::{Place, is_system};
use crate::project::Project;
use crate::session;
use crate::view::Screen;
use crate::view::table::table;
use crate::view::text::{bytes, clean, time};

/// List the objects of the workflow's buckets.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar ls                  all buckets
  scar ls thumbs/          one prefix of the bucket `data`
  scar ls archive:2026/    one prefix of another bucket
  scar ls --all            scar's own records too")]
pub(crate) struct Arguments {
    /// Where; without it all buckets.
    #[arg(value_name = "[BUCKET:]PREFIX")]
    place: Option<String>,
    /// List scar's own objects below .scar/ too.
    #[arg(short, long)]
    all: bool,
}

pub(crate) fn ls(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<(), CliError> {
    let project = Project::load(None, global, screen)?;
    let found = session::on_deployment(
        &project,
        global,
        screen,
        session::UNCHANGED,
        async |session, deployment| {
            let mut found = Vec::new();
            for place in places(arguments, &project) {
                let bucket = place.real_bucket(deployment)?;
                let mut listed = data::list(&session.cloud, bucket, &place.key).await?;
                let all = arguments.all || is_system(&place.key);
                listed.retain(|one| all || !is_system(&one.object.key));
                found.push((place.bucket, listed));
            }
            Ok(found)
        },
    )?;
    show(&found, screen)
}

fn places(arguments: &Arguments, project: &Project) -> Vec<Place> {
    match &arguments.place {
        Some(text) => vec![Place::parse(text, &project.workflow)],
        None => {
            let buckets = project.workflow.buckets.keys();
            buckets
                .map(|bucket| Place {
                    bucket: bucket.clone(),
                    key: String::new(),
                })
                .collect()
        }
    }
}

fn show(found: &[(String, Vec<Listed>)], screen: &Screen) -> Result<(), CliError> {
    if screen.json {
        let objects = found
            .iter()
            .flat_map(|(bucket, listed)| listed.iter().map(|one| object(bucket, one)));
        return screen.document(&objects.collect::<Vec<_>>().into());
    }
    if found.iter().all(|(_, listed)| listed.is_empty()) {
        screen.note("nothing is there");
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .flat_map(|(bucket, listed)| listed.iter().map(|one| row(bucket, one)))
        .collect();
    screen.data(&table(&rows, &[1]))
}

fn row(bucket: &str, one: &Listed) -> Vec<String> {
    let name = format!("{bucket}:{}", clean(&one.object.key));
    vec![time(one.modified_ms), bytes(one.object.size), name]
}

fn object(bucket: &str, one: &Listed) -> Value {
    json!({
        "bucket": bucket,
        "real_bucket": one.object.bucket,
        "key": one.object.key,
        "size": one.object.size,
        "etag": one.object.etag,
        "modified": time(one.modified_ms),
    })
}
