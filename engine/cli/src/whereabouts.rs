//! Where a workflow will be, for manifests that say `{{ region }}` or `{{ account }}`.

use std::path::{Path, PathBuf};

use scar_apply::Cloud;
use scar_local::Settings;
use scar_manifest::{Destination, Source};
use scar_workflow::Loaded;

use crate::args::Global;
use crate::error::CliError;
use crate::project::Folder;
use crate::session::{self, UNCHANGED};
use crate::target::{self, DEFAULT_REGION, LOCAL_FOLDER, Surroundings, Target};

/// An account for looking at the form of values only.
const ANY_ACCOUNT: &str = "123456789012";

/// How far a verb goes to learn the place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It asks the cloud that it works on.
    #[default]
    Cloud,
    /// It asks nobody: what is written has to do.
    Written,
    /// Any place does.
    Any,
}

/// Text → workflow and all diagnostics, read for the place that the verb will work in. Nobody is asked
/// unless the manifest depends on it.
pub(crate) fn load(source: &Source, folder: &Path, global: &Global) -> Result<Loaded, CliError> {
    let files = Folder::new(folder);
    let written = Destination {
        environment: global.env.as_deref(),
        region: global.region.as_deref(),
        account: None,
    };
    let loaded = scar_workflow::load(source, written, &files);
    let is_missing = || loaded.diagnostics.iter().any(|one| one.code == "E705");
    let (region, account) = match global.reach {
        _ if !loaded.depends_on_place => return Ok(loaded),
        Reach::Written => return Ok(loaded),
        Reach::Any if !is_missing() => return Ok(loaded),
        Reach::Any => {
            let region = global.region.clone().or(loaded.region);
            let region = region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
            (region, ANY_ACCOUNT.to_owned())
        }
        Reach::Cloud => of_cloud(global, loaded.region.as_deref())?,
    };
    let destination = Destination {
        region: Some(&region),
        account: Some(&account),
        ..written
    };
    Ok(scar_workflow::load(source, destination, &files))
}

/// Region and account of the cloud that a verb works on.
fn of_cloud(global: &Global, wanted: Option<&str>) -> Result<(String, String), CliError> {
    let target = match target::choose(global, wanted, &Surroundings::of_process()) {
        Target::Local { .. } => {
            let settings = Settings::new(PathBuf::from(LOCAL_FOLDER));
            return Ok((settings.region, settings.account));
        }
        Target::Aws { profile, region } => scar_apply::Target::Aws {
            profile,
            region: Some(region),
        },
        Target::Endpoint { url, region } => session::endpoint(&url, &region, None),
    };
    session::block_on(async {
        let connecting = Box::pin(async {
            Cloud::connect(&target)
                .await
                .map_err(session::not_connected)
        });
        let cloud = session::unless_interrupted(connecting, UNCHANGED).await?;
        Ok((cloud.region().to_owned(), cloud.account().to_owned()))
    })
}
