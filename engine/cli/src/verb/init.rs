//! `scar init`

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use serde_json::json;

use crate::error::CliError;
use crate::session::{block_on, unless_interrupted};
use crate::starters::{STARTERS, Starter};
use crate::verb::schema;
use crate::view::Screen;

/// Where editors find the manifest's schema, beside the manifest; the first line of a starter says so.
pub(crate) const SCHEMA: &str = ".scar/workflow.schema.json";

/// Write a small workflow to start from: a manifest and a script.
///
/// Asks which one if a person is there. Existing files are never overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar init                     in this directory
  scar init demo --from chain   two stages, in a new directory
  scar init demo --from fan     one file becomes many tasks, and their results one")]
pub(crate) struct Arguments {
    /// Directory to write to; made if it is missing.
    #[arg(default_value = ".", value_name = "DIR")]
    directory: PathBuf,
    /// Which one; without it a person is asked, and a program gets the quickstart.
    #[arg(long, value_name = "STARTER",
        value_parser = PossibleValuesParser::new(STARTERS.iter().map(|starter| starter.name)))]
    from: Option<String>,
}

pub(crate) fn init(arguments: &Arguments, screen: &Screen) -> Result<(), CliError> {
    let directory = &arguments.directory;
    let starter = match &arguments.from {
        Some(name) => named(name)?,
        None => chosen(screen)?,
    };
    refuse_existing(directory, starter)?;
    fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
    let mut written = Vec::new();
    for (name, text) in starter.files {
        let path = directory.join(name);
        write_new(&path, text).map_err(|error| failed(&path, &error))?;
        written.push(path.display().to_string());
    }
    write_schema(&directory.join(SCHEMA))?;
    if screen.json {
        return screen.document(&json!({ "starter": starter.name, "files": written }));
    }
    written.iter().try_for_each(|path| screen.line(path))?;
    screen.note(&next_steps(directory, starter));
    Ok(())
}

fn named(name: &str) -> Result<&'static Starter, CliError> {
    STARTERS
        .iter()
        .find(|starter| starter.name == name)
        .ok_or_else(|| {
            let known: Vec<&str> = STARTERS.iter().map(|starter| starter.name).collect();
            CliError::failure(format!("there is no starter {name}"))
                .hint(format!("there are: {}", known.join(", ")))
        })
}

/// The one that a person chooses by number or name; the first if nobody is there or just agrees.
fn chosen(screen: &Screen) -> Result<&'static Starter, CliError> {
    let mut question = String::from("Which workflow?\n");
    for (number, starter) in STARTERS.iter().enumerate() {
        question.push_str(&format!(
            "  {}  {:<10}  {}\n",
            number + 1,
            starter.name,
            starter.about
        ));
    }
    question.push_str("Number or name (1): ");
    let asking = async { Ok(screen.ask(&question).await) };
    let answer = block_on(unless_interrupted(asking, "nothing was written"))?;
    if answer.is_none() {
        let first = STARTERS[0].name;
        screen.note(&format!(
            "nobody to ask, so this is the {first}; --from names another"
        ));
    }
    match answer.as_deref() {
        None | Some("") => Ok(&STARTERS[0]),
        Some(answer) => match answer.parse::<usize>() {
            Ok(number) if (1..=STARTERS.len()).contains(&number) => Ok(&STARTERS[number - 1]),
            _ => named(answer),
        },
    }
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

/// The schema is made by this program, so one that is there already is brought up to date.
fn write_schema(path: &Path) -> Result<(), CliError> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, schema::manifest()))
        .map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> CliError {
    CliError::caused(format!("cannot write {}", path.display()), error)
}

fn next_steps(directory: &Path, starter: &Starter) -> String {
    let mut steps = String::from("\nnext:\n");
    if directory != Path::new(".") {
        steps.push_str(&format!("  cd {}\n", directory.display()));
    }
    if starter.programs.is_empty() {
        steps.push_str("  scar plan --offline");
    } else {
        let pack = "scar image pack --output images/shell";
        steps.push_str(&format!("  {pack} {}\n", starter.programs));
        steps.push_str(match starter.name {
            "http" => "  scar apply --local\n  echo hello | scar invoke shout - --local",
            "schedule" => "  scar apply --local",
            _ => "  scar run FILE.txt",
        });
    }
    steps
}
