//! One file per verb: its help, its arguments and its recipe.

pub(crate) mod apply;
pub(crate) mod approval;
pub(crate) mod completions;
pub(crate) mod destroy;
pub(crate) mod drift;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod get;
pub(crate) mod graph;
pub(crate) mod image;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod invoke;
pub(crate) mod list;
pub(crate) mod local;
pub(crate) mod logs;
pub(crate) mod ls;
pub(crate) mod plan;
pub(crate) mod prune;
pub(crate) mod put;
pub(crate) mod reconcile;
pub(crate) mod redrive;
pub(crate) mod render;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod trace;
pub(crate) mod validate;
pub(crate) mod why;

use std::path::PathBuf;

use crate::args::Global;
use crate::error::CliError;
use crate::project::Project;
use crate::view::Screen;

/// The manifest of verbs that take nothing else.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Manifest {
    /// The manifest; the same as -f.
    #[arg(value_name = "MANIFEST")]
    pub(crate) manifest: Option<PathBuf>,
}

impl Manifest {
    /// Finds, reads and checks the manifest; mistakes are printed at once.
    pub(crate) fn load(&self, global: &Global, screen: &Screen) -> Result<Project, CliError> {
        Project::load(self.manifest.as_deref(), global, screen)
    }
}

/// How the verbs that render make the packages.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Packaging {
    /// Put the supervisor into every stage's package, for clouds that do not unpack layers.
    #[arg(long)]
    pub(crate) bundle_supervisor: bool,
}
