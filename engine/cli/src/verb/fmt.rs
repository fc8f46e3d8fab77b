//! `scar fmt`

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use scar_container::Reference;
use scar_manifest::Source;
use scar_schemas::construct::Architecture;
use scar_schemas::lock;
use serde_json::{Value, json};

use crate::args::Global;
use crate::error::{CliError, Kind};
use crate::project::Project;
use crate::session::block_on;
use crate::view::difference::difference;
use crate::view::{Screen, diagnostics};
use crate::whereabouts::Reach;
use crate::{file, images, project};

/// Write manifests the way scar does: keys in order, even indentation, quotes only where they are needed.
///
/// Comments and the order of stages stay, and what the manifest says never changes: a file that could not be
/// formatted without that is left as it is. Only files that change are written, whole or not at all.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar fmt                         the only manifest of this directory
  scar fmt --check a.yaml b.toml   exit code 2 if any is not formatted; nothing is written
  scar fmt --diff                  what would change; nothing is written
  scar fmt --pin                   also hold the images' tags at their digests, in scar.lock")]
pub(crate) struct Arguments {
    /// Manifests; without any the only one of this directory.
    #[arg(value_name = "MANIFEST")]
    manifests: Vec<PathBuf>,
    /// Write nothing; exit code 2 if a manifest is not formatted, or an image not pinned with --pin.
    #[arg(long)]
    check: bool,
    /// Write nothing; show what would change.
    #[arg(long)]
    diff: bool,
    /// Ask the registries what the images' tags mean now, and write that to scar.lock.
    #[arg(long)]
    pin: bool,
}

/// What there is to say about one manifest.
struct Looked {
    source: Source,
    formatted: String,
    /// The lock file, if it is to be written.
    lock: Option<(PathBuf, String)>,
}

impl Looked {
    fn is_formatted(&self) -> bool {
        self.formatted == self.source.text
    }
}

pub(crate) fn fmt(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<(), CliError> {
    let given: Vec<Option<&Path>> = match arguments.manifests.as_slice() {
        [] => vec![global.file.as_deref()],
        several => several.iter().map(|path| Some(path.as_path())).collect(),
    };
    let (mut all, mut mistakes) = (Vec::new(), Vec::new());
    for path in given {
        match look(path, arguments, global, screen)? {
            Ok(looked) => all.push(looked),
            Err(found) => mistakes.extend(found),
        }
    }
    let is_dry = arguments.check || arguments.diff;
    for looked in &all {
        finish(looked, arguments, is_dry, screen)?;
    }
    if screen.json {
        screen.document(&document(&all, &mistakes, !is_dry))?;
    }
    let is_done = all
        .iter()
        .all(|looked| looked.is_formatted() && looked.lock.is_none());
    match (mistakes.is_empty(), is_done) {
        (false, _) => Err(CliError::silent(Kind::Invalid)),
        (true, false) if arguments.check => Err(CliError::silent(Kind::Differences)),
        _ => Ok(()),
    }
}

/// Reads and formats one manifest. The mistakes of one that cannot be formatted are drawn at once, and
/// are the answer for programs.
fn look(
    path: Option<&Path>,
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<Result<Looked, Vec<Value>>, CliError> {
    let (source, folder) = project::read(path)?;
    let formatted = match scar_manifest::format(&source) {
        Ok(formatted) => formatted,
        Err(found) => {
            return Ok(Err(
                diagnostics::invalid(&source, &found, screen).diagnostics
            ));
        }
    };
    let lock = match arguments.pin {
        true => pin(path, &folder, global, screen)?,
        false => None,
    };
    Ok(Ok(Looked {
        source,
        formatted,
        lock,
    }))
}

fn finish(
    looked: &Looked,
    arguments: &Arguments,
    is_dry: bool,
    screen: &Screen,
) -> Result<(), CliError> {
    let name = &looked.source.name;
    if arguments.diff && !screen.json {
        screen.data(&difference(
            name,
            &looked.source.text,
            &looked.formatted,
            screen.style,
        ))?;
    }
    if !looked.is_formatted() {
        if !is_dry {
            file::replace(Path::new(name), &looked.formatted)?;
        }
        tell(name, arguments, screen)?;
    }
    if let Some((path, text)) = &looked.lock {
        if !is_dry {
            file::replace(path, text)?;
        }
        tell(&path.display().to_string(), arguments, screen)?;
    }
    Ok(())
}

/// Names a file that is written, or would be.
fn tell(name: &str, arguments: &Arguments, screen: &Screen) -> Result<(), CliError> {
    if screen.json || arguments.diff {
        return Ok(());
    }
    screen.line(name)
}

fn document(all: &[Looked], mistakes: &[Value], is_written: bool) -> Value {
    let file = |looked: &Looked| {
        json!({
            "file": looked.source.name,
            "formatted": looked.is_formatted() || is_written,
            "changed": !looked.is_formatted(),
            "lock": looked.lock.as_ref().map(|(path, _)| path.display().to_string()),
        })
    };
    let files: Vec<Value> = all.iter().map(file).collect();
    json!({ "files": files, "diagnostics": mistakes, "written": is_written })
}

/// The new text of the lock file, if it is another one than before. Images of all environments are in it.
fn pin(
    path: Option<&Path>,
    folder: &Path,
    global: &Global,
    screen: &Screen,
) -> Result<Option<(PathBuf, String)>, CliError> {
    let global = &global.reaching(Reach::Written);
    let project = Project::load(path, global, screen)?;
    let mut images = images_of(&project);
    for environment in project.manifest.envs.keys() {
        let global = Global {
            env: Some(environment.clone()),
            ..global.clone()
        };
        images.extend(images_of(&Project::load(path, &global, screen)?));
    }
    let mut new = lock::Lock::default();
    let found = block_on(resolve(&images, global.plain_http))?;
    for ((reference, platform), digest) in found {
        new.pin(&reference, &platform, digest);
    }
    let failed = |error| CliError::caused("the lock file cannot be written", &error);
    let text = new.to_text().map_err(failed)?;
    let old = project.lock()?;
    let is_new = old != new && !(images.is_empty() && old == lock::Lock::default());
    Ok(is_new.then(|| (folder.join(lock::FILE), text)))
}

fn images_of(project: &Project) -> BTreeSet<(String, Architecture)> {
    let stages = project.workflow.stages.iter();
    stages
        .map(|stage| (stage.image.clone(), stage.arch))
        .collect()
}

/// What tags mean now. References with a digest, and images on this disk, are pinned by themselves.
async fn resolve(
    images: &BTreeSet<(String, Architecture)>,
    plain_http: bool,
) -> Result<BTreeMap<(String, String), scar_schemas::digest::Digest>, CliError> {
    let mut found = BTreeMap::new();
    for (text, architecture) in images {
        let Reference::Registry(reference) = images::parse(text)? else {
            continue;
        };
        if matches!(reference.version, scar_container::Version::Digest(_)) {
            continue;
        }
        let platform = images::platform(*architecture);
        let client = images::client(&reference, plain_http)?;
        let digest = images::pin(&client, &reference, &platform, plain_http).await?;
        found.insert((text.clone(), platform.to_string()), digest);
    }
    Ok(found)
}
