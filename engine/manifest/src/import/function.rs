//! One function of an old file.

use super::names::{self, Names};
use super::report::{Found, Report};
use super::value;
use crate::suggest::nearest;
use crate::words::quoted;

/// A function with what the whole conversion needs to know first.
#[derive(Debug)]
pub(crate) struct Function<'a> {
    /// The entry of `functions.aws`.
    pub(crate) found: Found<'a>,
    /// Name of its stage.
    pub(crate) stage: String,
    pub(crate) mode: Mode,
    /// The container was the function itself, so it saw the function's variables.
    pub(crate) is_image: bool,
}

/// Where a function ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Lambda,
    LambdaThenBatch,
    Batch,
}

const MODES: &[(&str, Mode)] = &[
    ("lambda", Mode::Lambda),
    ("lambda-batch", Mode::LambdaThenBatch),
    ("batch", Mode::Batch),
];

impl<'a> Function<'a> {
    /// Reads name and mode.
    pub(crate) fn read(found: Found<'a>, taken: &mut Names, report: &mut Report) -> Self {
        let stage = stage_name(&found, taken, report);
        let runtime = found.get("lambda.runtime");
        let runtime = runtime.and_then(|found| found.node.text().map(str::to_owned));
        let mode = mode(&found, &stage, report);
        Self {
            is_image: runtime.as_deref() == Some("image"),
            stage,
            mode,
            found,
        }
    }

    /// A field by its path below the function.
    pub(crate) fn get(&self, path: &str) -> Option<Found<'a>> {
        self.found.get(path)
    }

    /// The path of a key of its stage.
    pub(crate) fn to(&self, key: &str) -> String {
        format!("stages.{}.{key}", self.stage)
    }

    pub(crate) fn uses_batch(&self) -> bool {
        self.mode != Mode::Lambda
    }
}

fn stage_name(found: &Found<'_>, taken: &mut Names, report: &mut Report) -> String {
    let name = found.get("lambda.name");
    let written = name.as_ref().and_then(|name| value::filled(name, report));
    let (Some(name), Some(written)) = (name, written) else {
        report.wrong(
            found,
            "has no `lambda.name`",
            "name the function: the name becomes that of its stage",
        );
        return taken.take("stage");
    };
    let stage = taken.take(&names::name(&written, "stage"));
    let to = format!("stages.{stage}");
    if stage == written {
        report.mapped(&name, &to);
    } else {
        report.changed(
            &name,
            &to,
            "names have a-z, 0-9 and -, start with a letter, and are there once",
        );
    }
    stage
}

fn mode(found: &Found<'_>, stage: &str, report: &mut Report) -> Mode {
    let Some(mode) = found.get("lambda.execution_mode") else {
        return Mode::Lambda;
    };
    let Some(text) = value::filled(&mode, report) else {
        return Mode::Lambda;
    };
    let words = || MODES.iter().map(|(word, _)| *word);
    let Some((_, known)) = MODES.iter().find(|(word, _)| *word == text) else {
        let help = match nearest(&text, words()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("SCAR 4 knew {}", words().collect::<Vec<_>>().join(", ")),
        };
        report.wrong(&mode, &format!("is no mode: {}", quoted(&text)), &help);
        return Mode::Lambda;
    };
    let needs_batch = needs_batch(found);
    match known {
        Mode::LambdaThenBatch if needs_batch => {
            let note = "what needs GPUs or several computers runs in AWS Batch only";
            report.changed(&mode, &format!("stages.{stage}.compute"), note);
            Mode::Batch
        }
        known => {
            let key = if *known == Mode::LambdaThenBatch {
                "fallback"
            } else {
                "compute"
            };
            report.mapped(&mode, &format!("stages.{stage}.{key}"));
            *known
        }
    }
}

/// Whether there is something that Lambda does not have. Mistakes in these values are reported elsewhere.
fn needs_batch(found: &Found<'_>) -> bool {
    let mut silent = Report::default();
    ["batch.enable_gpu", "batch.multi_node_parallel.enabled"]
        .iter()
        .any(|path| {
            found
                .get(path)
                .and_then(|found| value::boolean(&found, &mut silent))
                == Some(true)
        })
}
