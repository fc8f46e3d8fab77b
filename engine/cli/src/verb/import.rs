//! `scar import`

use std::path::{Path, PathBuf};

use scar_manifest::import::{Imported, Kind as Fate, Line, import as convert};
use scar_manifest::{Diagnostic, Source};
use serde_json::{Value, json};

use crate::error::{CliError, Kind};
use crate::file;
use crate::project::{self, Folder};
use crate::view::table::table;
use crate::view::text::{clean, count};
use crate::view::{Screen, diagnostics};

/// Turn a file of SCAR 4 into a manifest, and say what became of every setting.
///
/// The manifest goes to stdout, or to a file with --out; the list of settings to stderr. Nothing is written if
/// anything cannot be carried over. Exit code 3 also if the workflow as a whole cannot work, for instance since
/// it would start itself: then the manifest is written, to be mended. `scar validate`, `plan` and `apply` take
/// the old file too.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar import old.yaml                       print the manifest, and what became of every setting
  scar import old.yaml --out workflow.yaml   write it
  scar import old.yaml --json                for programs")]
pub(crate) struct Arguments {
    /// The file of SCAR 4.
    #[arg(value_name = "FILE")]
    old: PathBuf,
    /// Write the manifest to this file.
    #[arg(short, long, value_name = "MANIFEST")]
    out: Option<PathBuf>,
    /// Replace the file of --out if it is there.
    #[arg(long, requires = "out")]
    force: bool,
}

pub(crate) fn import(arguments: &Arguments, screen: &Screen) -> Result<(), CliError> {
    let (source, folder) = project::read(Some(&arguments.old))?;
    let mut imported = convert(&source, &Folder::new(&folder));
    let is_converted = !imported.diagnostics.iter().any(Diagnostic::is_error);
    if is_converted {
        check_graph(&mut imported, &source, &folder);
    }
    let is_valid = !imported.diagnostics.iter().any(Diagnostic::is_error);
    if is_converted && let Some(path) = &arguments.out {
        write(path, &imported.text, arguments.force)?;
    }
    if screen.json {
        screen.document(&document(&source, &imported, is_converted, is_valid))?;
    } else {
        show(arguments, &source, &imported, is_converted, screen)?;
    }
    if is_valid {
        Ok(())
    } else {
        Err(CliError::silent(Kind::Invalid))
    }
}

/// Adds what is wrong with the workflow as a whole.
fn check_graph(imported: &mut Imported, source: &Source, folder: &Path) {
    let loaded = scar_workflow::load(source, None, &Folder::new(folder));
    for diagnostic in loaded.diagnostics {
        // The remark that the file was converted is of no use here.
        if diagnostic.code != "W981" && !imported.diagnostics.contains(&diagnostic) {
            imported.diagnostics.push(diagnostic);
        }
    }
    imported.diagnostics.sort_by_key(Diagnostic::order);
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), CliError> {
    if !force && path.symlink_metadata().is_ok() {
        return Err(
            CliError::failure(format!("{} is there already", path.display()))
                .hint("give another name, or --force to replace it"),
        );
    }
    file::replace(path, text)
}

fn show(
    arguments: &Arguments,
    source: &Source,
    imported: &Imported,
    is_converted: bool,
    screen: &Screen,
) -> Result<(), CliError> {
    screen.complain(&diagnostics::human(
        source,
        &imported.diagnostics,
        screen.note_style,
    ));
    let summary = diagnostics::summary(source, &imported.diagnostics);
    if !is_converted {
        screen.complain(&format!("{summary}\nnothing was written\n"));
        return Ok(());
    }
    if imported.diagnostics.iter().any(Diagnostic::is_error) {
        screen.complain(&format!(
            "{summary}\nmend this in the manifest, or in the old file\n\n"
        ));
    }
    screen.note(&settings(source, &imported.report));
    match &arguments.out {
        Some(path) => {
            screen.line(&path.display().to_string())?;
            screen.note(&scripts(arguments, path));
        }
        None => screen.data(&imported.text)?,
    }
    Ok(())
}

/// Scripts are looked for beside the manifest.
fn scripts(arguments: &Arguments, out: &Path) -> String {
    let folder = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    let next = "next: `scar validate`, then `scar plan`; docs/guide/from-scar-4.md says how to change over";
    if folder(out) == folder(&arguments.old) {
        next.to_owned()
    } else {
        format!("scripts are looked for beside the manifest: copy them there\n{next}")
    }
}

/// All settings as a table, and how many there are of each kind.
fn settings(source: &Source, report: &[Line]) -> String {
    let mut rows = vec![
        ["line", "", "setting", "now", "why"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(report.iter().map(|line| row(source, line)));
    let number = |fate: Fate| report.iter().filter(|line| line.kind == fate).count();
    format!(
        "{}\n{} mapped, {} changed, {} dropped",
        table(&rows, &[0]),
        count(number(Fate::Mapped), "setting"),
        number(Fate::Changed),
        number(Fate::Dropped)
    )
}

fn row(source: &Source, line: &Line) -> Vec<String> {
    let (number, _) = diagnostics::line_and_column(&source.text, line.span.start);
    let short =
        |path: &str, lead: &str| clean(path.strip_prefix(lead).unwrap_or(path)).into_owned();
    vec![
        number.to_string(),
        line.kind.word().to_owned(),
        short(&line.from, "functions.aws."),
        short(&line.to, "stages."),
        clean(&line.note).into_owned(),
    ]
}

fn document(source: &Source, imported: &Imported, is_converted: bool, is_valid: bool) -> Value {
    let line = |line: &Line| {
        let (number, column) = diagnostics::line_and_column(&source.text, line.span.start);
        json!({
            "kind": line.kind.word(),
            "from": line.from,
            "line": number,
            "column": column,
            "to": if line.to.is_empty() { Value::Null } else { json!(line.to) },
            "note": line.note,
        })
    };
    let settings: Vec<Value> = imported.report.iter().map(line).collect();
    let found = diagnostics::document(source, &imported.diagnostics, is_valid);
    json!({
        "manifest": if is_converted { json!(imported.text) } else { Value::Null },
        "settings": settings,
        "checked": found,
    })
}
