//! Which workflows of a git repository differ from a former revision, by the content of their files.

use std::path::Path;
use std::process::Command;

use scar_manifest::Files;

use crate::error::CliError;
use crate::policy;
use crate::project::{Folder, Project};

/// A revision of the repository that a folder is in. The program `git` is asked; it need not be there
/// unless somebody asks for a revision.
pub(crate) struct Revision {
    commit: String,
    written: String,
}

impl Revision {
    /// Finds the commit that a person or a pipeline means.
    pub(crate) fn find(folder: &Path, written: &str) -> Result<Self, CliError> {
        let commit = format!("{written}^{{commit}}");
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options"];
        let output = git(folder, &[&arguments[..], &[commit.as_str()]].concat())?;
        match output {
            Some(commit) => Ok(Self {
                commit: String::from_utf8_lossy(&commit).trim().to_owned(),
                written: written.to_owned(),
            }),
            None => Err(CliError::failure(format!(
                "git knows no revision {written} in {}",
                shown(folder)
            ))
            .hint("in a pipeline the checkout may be shallow: fetch the base branch too")),
        }
    }

    /// A file as it was, named relative to a folder; `None` if it was not there.
    pub(crate) fn read(&self, folder: &Path, path: &str) -> Result<Option<Vec<u8>>, CliError> {
        let Some(listed) = git(folder, &["ls-tree", &self.commit, "--", path])? else {
            return Ok(None);
        };
        // `<mode> <kind> <object>`, a tab and the path.
        let listed = String::from_utf8_lossy(&listed).into_owned();
        match listed.split_whitespace().nth(2) {
            Some(object) => git(folder, &["cat-file", "blob", object]),
            None => Ok(None),
        }
    }

    /// The manifest of a project as it was, and the files beside it.
    pub(crate) fn project(
        &self,
        project: &Project,
    ) -> Result<Option<scar_manifest::Source>, CliError> {
        let name = project.file_name();
        let Some(bytes) = self.read(&project.folder, &name)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes).map_err(|error| {
            let what = format!("{name} of revision {} is not UTF-8 text", self.written);
            CliError::caused(what, &error)
        })?;
        Ok(Some(scar_manifest::Source {
            name: format!("{}:{name}", self.written),
            text,
            format: project.source.format,
        }))
    }

    /// The files beside a manifest as they were.
    pub(crate) fn files<'a>(&'a self, folder: &'a Path) -> FilesThen<'a> {
        FilesThen {
            revision: self,
            folder,
        }
    }
}

/// Files of a revision.
pub(crate) struct FilesThen<'a> {
    revision: &'a Revision,
    folder: &'a Path,
}

impl Files for FilesThen<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match self.revision.read(self.folder, path) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(format!("not in revision {}", self.revision.written)),
            Err(error) => Err(error.message),
        }
    }
}

/// Reads a revision of the command line.
pub(crate) fn revision(text: &str) -> Result<String, String> {
    match text.is_empty() || text.starts_with('-') {
        true => Err("write a branch, a tag or a commit".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// The projects of which any file is another than it was.
pub(crate) fn changed(projects: Vec<Project>, since: &str) -> Result<Vec<Project>, CliError> {
    let mut changed = Vec::new();
    for project in projects {
        let revision = Revision::find(&project.folder, since)?;
        if differs(&project, &revision)? {
            changed.push(project);
        }
    }
    Ok(changed)
}

fn differs(project: &Project, revision: &Revision) -> Result<bool, CliError> {
    for path in project.depends_on() {
        let then = revision.read(&project.folder, &path)?;
        let now = project.files().read(&path).ok();
        if then.map(normal) != now.map(normal) {
            return Ok(true);
        }
    }
    let Some(policy) = policy::find(&project.folder) else {
        return Ok(false);
    };
    let folder = policy.parent().unwrap_or_else(|| Path::new(""));
    let then = revision.read(folder, policy::FILE)?;
    let now = Folder::new(folder).read(policy::FILE).ok();
    Ok(then.map(normal) != now.map(normal))
}

/// A checkout may have other line ends than the repository.
fn normal(bytes: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != b'\r' || bytes.get(at + 1) != Some(&b'\n') {
            out.push(*byte);
        }
    }
    out
}

/// What git prints, `None` if it says no.
fn git(folder: &Path, arguments: &[&str]) -> Result<Option<Vec<u8>>, CliError> {
    let mut command = Command::new("git");
    if folder != Path::new("") {
        command.arg("-C").arg(folder);
    }
    let output = command.args(arguments).output().map_err(|error| {
        CliError::caused("cannot start git", &error)
            .hint("install git, or leave the option with the revision out")
    })?;
    if output.status.success() {
        return Ok(Some(output.stdout));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("not a git repository") || said.contains("dubious ownership") {
        let mut error = CliError::failure(format!("{} is in no git repository", shown(folder)));
        error.causes.extend(said.lines().next().map(str::to_owned));
        return Err(error.hint("leave the option with the revision out"));
    }
    Ok(None)
}

fn shown(folder: &Path) -> String {
    match folder.as_os_str().is_empty() {
        true => "this directory".to_owned(),
        false => folder.display().to_string(),
    }
}
