//! `scar init`

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;

use crate::error::CliError;
use crate::view::Screen;

/// A small workflow to start from.
struct Starter {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
}

const STARTERS: [Starter; 3] = [
    Starter {
        name: "quickstart",
        files: &[
            (
                "workflow.yaml",
                include_str!("../../starters/quickstart/workflow.yaml"),
            ),
            ("top.sh", include_str!("../../starters/quickstart/top.sh")),
        ],
    },
    Starter {
        name: "chain",
        files: &[
            (
                "workflow.yaml",
                include_str!("../../starters/chain/workflow.yaml"),
            ),
            ("words.sh", include_str!("../../starters/chain/words.sh")),
        ],
    },
    Starter {
        name: "toml",
        files: &[
            (
                "workflow.toml",
                include_str!("../../starters/toml/workflow.toml"),
            ),
            ("top.sh", include_str!("../../starters/toml/top.sh")),
        ],
    },
];

/// Write a small workflow to start from: a manifest and a script.
///
/// Existing files are never overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar init                     in this directory
  scar init demo --from chain   two stages, in a new directory")]
pub(crate) struct Arguments {
    /// Directory to write to; made if it is missing.
    #[arg(default_value = ".", value_name = "DIR")]
    directory: PathBuf,
    /// Which one.
    #[arg(long, default_value = "quickstart", value_name = "STARTER",
        value_parser = PossibleValuesParser::new(STARTERS.iter().map(|starter| starter.name)))]
    from: String,
}

pub(crate) fn init(arguments: &Arguments, screen: &Screen) -> Result<(), CliError> {
    let starter = STARTERS
        .iter()
        .find(|starter| starter.name == arguments.from)
        .ok_or_else(|| CliError::failure(format!("there is no starter {}", arguments.from)))?;
    let directory = &arguments.directory;
    refuse_existing(directory, starter)?;
    fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
    for (name, text) in starter.files {
        let path = directory.join(name);
        write_new(&path, text).map_err(|error| failed(&path, &error))?;
        screen.line(&path.display().to_string())?;
    }
    screen.note(&next_steps(directory));
    Ok(())
}

/// All or nothing: nothing is written if any of the files is there.
fn refuse_existing(directory: &Path, starter: &Starter) -> Result<(), CliError> {
    let mut paths = starter.files.iter().map(|(name, _)| directory.join(name));
    match paths.find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(
            CliError::failure(format!("{} is there already", path.display()))
                .hint("give another directory: `scar init DIR`"),
        ),
        None => Ok(()),
    }
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn failed(path: &Path, error: &std::io::Error) -> CliError {
    CliError::caused(format!("cannot write {}", path.display()), error)
}

fn next_steps(directory: &Path) -> String {
    let enter = match directory {
        path if path == Path::new(".") => String::new(),
        path => format!("  cd {}\n", path.display()),
    };
    format!(
        "\nnext:\n{enter}  scar image pack --output images/shell sh tr sort uniq head\n  scar run FILE.txt"
    )
}

#[cfg(test)]
mod tests {
    use super::STARTERS;

    #[test]
    fn every_starter_is_a_valid_workflow() {
        for starter in &STARTERS {
            let (name, text) = starter.files[0];
            let format = match name {
                "workflow.toml" => scar_manifest::Format::Toml,
                _ => scar_manifest::Format::Yaml,
            };
            let source = scar_manifest::Source {
                name: name.to_owned(),
                text: text.to_owned(),
                format,
            };
            let loaded = scar_workflow::load(&source, None, &Files(starter.files));
            assert_eq!(loaded.diagnostics, [], "{}", starter.name);
            assert!(loaded.workflow.is_some());
        }
    }

    struct Files(&'static [(&'static str, &'static str)]);

    impl scar_manifest::Files for Files {
        fn read(&self, path: &str) -> Result<Vec<u8>, String> {
            let file = self.0.iter().find(|(name, _)| *name == path);
            file.map(|(_, text)| text.as_bytes().to_vec())
                .ok_or_else(|| "no such file".to_owned())
        }
    }
}
