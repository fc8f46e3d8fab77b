//! The graph for people, four ways.

mod diagrams;
mod svg;
mod tree;

pub use diagrams::{dot, mermaid};
pub use svg::svg;
pub use tree::tree;

use scar_schemas::manifest::Work;

use crate::{Input, Stage, Workflow};

/// The key pattern of an output, as it was meant.
fn show_output(output: &crate::Output) -> String {
    format!("{}:{}", output.bucket, crate::dead::show(output))
}

fn show_input(input: &Input) -> String {
    format!("{}:{}", input.bucket, input.pattern)
}

/// Inputs that no stage feeds: what comes from outside.
fn sources<'a>(workflow: &'a Workflow, stage: &'a Stage) -> impl Iterator<Item = &'a Input> {
    stage.inputs.iter().filter(|input| {
        let via = show_input(input);
        !workflow
            .links
            .iter()
            .any(|link| link.to == stage.name && link.via == via)
    })
}

/// What a stage runs, in a few words.
fn show_work(stage: &Stage) -> String {
    match &stage.work {
        Work::Run(_) => "inline script".to_owned(),
        Work::Script(path) => path.clone(),
        Work::Command(arguments) => arguments.first().cloned().unwrap_or_default(),
        Work::Image => "the image's own command".to_owned(),
    }
}
