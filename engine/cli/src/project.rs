//! The manifest on disk: found, read, checked, and the files beside it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use scar_manifest::{Files, Format, Manifest, Places, Source};
use scar_schemas::lock::{self, Lock};
use scar_schemas::manifest::{Scatter, Work};
use scar_workflow::{Stage, Workflow};

use crate::args::Global;
use crate::error::CliError;
use crate::view::{Screen, diagnostics};
use crate::whereabouts;

/// Names that are looked for when no manifest is given.
const NAMES: [&str; 3] = ["workflow.yaml", "workflow.yml", "workflow.toml"];
/// No manifest and no script is larger; the reader has its own, smaller limits.
const FILE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// A manifest without errors.
pub(crate) struct Project {
    /// The folder of the manifest; paths in it are relative to this.
    pub(crate) folder: PathBuf,
    /// The text.
    pub(crate) source: Source,
    /// What it says.
    pub(crate) manifest: Manifest,
    /// Where each value stands.
    pub(crate) places: Places,
    /// What it means.
    pub(crate) workflow: Workflow,
}

impl Project {
    /// Finds, reads and checks the manifest. Mistakes are printed at once.
    pub(crate) fn load(
        given: Option<&Path>,
        global: &Global,
        screen: &Screen,
    ) -> Result<Self, CliError> {
        let (source, folder) = read(given.or(global.file.as_deref()))?;
        let loaded = whereabouts::load(&source, &folder, global)?;
        let found = &loaded.diagnostics;
        let (Some(workflow), Some(manifest)) = (loaded.workflow, loaded.manifest) else {
            return Err(diagnostics::invalid(&source, found, screen));
        };
        screen.complain(&diagnostics::human(&source, found, screen.note_style));
        Ok(Self {
            folder,
            source,
            manifest,
            places: loaded.places,
            workflow,
        })
    }

    /// Name of the deployment, which is its stack's.
    pub(crate) fn deployment(&self) -> String {
        scar_schemas::record::deployment(&self.workflow.name, &self.workflow.environment)
    }

    /// The folder as a reader of files.
    pub(crate) fn files(&self) -> Folder<'_> {
        Folder(&self.folder)
    }

    /// Name of the manifest in its folder.
    pub(crate) fn file_name(&self) -> String {
        let name = Path::new(&self.source.name).file_name();
        name.unwrap_or_default().to_string_lossy().into_owned()
    }

    /// A stage by its name.
    pub(crate) fn stage(&self, name: &str) -> Result<&Stage, CliError> {
        let stages = &self.workflow.stages;
        stages
            .iter()
            .find(|stage| stage.name == name)
            .ok_or_else(|| {
                let known: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
                CliError::failure(format!("the workflow has no stage {name}"))
                    .hint(format!("it has: {}", known.join(", ")))
            })
    }

    /// The digests that image tags are held at; none without a lock file.
    pub(crate) fn lock(&self) -> Result<Lock, CliError> {
        let path = self.folder.join(lock::FILE);
        let unusable = |error: &(dyn std::error::Error + 'static)| {
            CliError::caused(format!("{} cannot be used", path.display()), error)
                .hint("make it anew: `scar fmt --pin`")
        };
        match read_limited(&path) {
            Ok(bytes) => {
                Lock::parse(&String::from_utf8_lossy(&bytes)).map_err(|error| unusable(&error))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Lock::default()),
            Err(error) => Err(unusable(&error)),
        }
    }

    /// Where a value of the manifest stands, or what it is part of.
    pub(crate) fn place(&self, path: &str) -> Option<scar_plan::Place> {
        let found = self.places.find(path)?;
        let (line, column) = diagnostics::line_and_column(&self.source.text, found.whole().start);
        Some(scar_plan::Place {
            file: self.source.name.clone(),
            line,
            column,
        })
    }

    /// Every file that the workflow is made of, relative to its folder: the manifest, scripts, lists of
    /// items, and the digests that its tags are held at.
    pub(crate) fn depends_on(&self) -> Vec<String> {
        let mut files = vec![self.file_name(), lock::FILE.to_owned()];
        for stage in self.manifest.stages.values() {
            if let Work::Script(path) = &stage.work {
                files.push(path.clone());
            }
            if let Some(Scatter::Lines(path)) = &stage.scatter {
                files.push(path.clone());
            }
        }
        files
    }
}

/// The text of the manifest, and the folder that it stands in.
pub(crate) fn read(given: Option<&Path>) -> Result<(Source, PathBuf), CliError> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => find()?,
    };
    let name = path.display().to_string();
    let bytes = read_limited(&path)
        .map_err(|error| CliError::caused(format!("cannot read the manifest {name}"), &error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        CliError::caused(format!("the manifest {name} is not UTF-8 text"), &error)
    })?;
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    Ok((
        Source {
            format: format(&path),
            name,
            text,
        },
        folder,
    ))
}

/// Whether a name on the command line is that of a manifest rather than of data.
pub(crate) fn is_manifest(path: &Path) -> bool {
    path.extension()
        .is_some_and(|suffix| ["yaml", "yml", "toml"].iter().any(|known| suffix == *known))
}

fn find() -> Result<PathBuf, CliError> {
    find_in(Path::new(""))?.ok_or_else(|| {
        CliError::failure("there is no workflow.yaml or workflow.toml in this directory")
            .hint("name the manifest with -f, or write one with `scar init`")
    })
}

/// The only manifest of a folder, if it has one.
pub(crate) fn find_in(folder: &Path) -> Result<Option<PathBuf>, CliError> {
    let found: Vec<&str> = NAMES
        .into_iter()
        .filter(|name| folder.join(name).is_file())
        .collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(folder.join(one))),
        several => {
            let folder = match folder.as_os_str().is_empty() {
                true => "this directory".into(),
                false => folder.display().to_string(),
            };
            let both = several.join(" and ");
            Err(CliError::failure(format!("there are {both} in {folder}"))
                .hint("name the manifest with -f"))
        }
    }
}

fn format(path: &Path) -> Format {
    match path.extension() {
        Some(suffix) if suffix == "toml" => Format::Toml,
        _ => Format::Yaml,
    }
}

fn read_limited(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(FILE_LIMIT_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_LIMIT_BYTES {
        // Half of a script is another script.
        return Err(std::io::Error::other("it is larger than 16 MiB"));
    }
    Ok(bytes)
}

/// Files beside the manifest.
pub(crate) struct Folder<'a>(&'a Path);

impl<'a> Folder<'a> {
    /// Files below a folder.
    pub(crate) fn new(folder: &'a Path) -> Self {
        Self(folder)
    }
}

impl Files for Folder<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = self.0.join(path);
        if path.is_dir() {
            return Err("it is a directory".to_owned());
        }
        read_limited(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "no such file".to_owned(),
            std::io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
            _ => error.to_string(),
        })
    }
}
