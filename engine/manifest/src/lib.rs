//! Text of a manifest → [`Manifest`], the place of every value, and all diagnostics at once.
//!
//! It deliberately knows no files and no cloud: whether a script exists is asked of [`Files`].

mod basic_text;
mod build;
mod build_construct;
mod build_stage;
mod check;
mod codes;
mod construct_text;
mod cron;
mod data;
mod destination;
pub mod diagnostic;
mod environment;
mod finding;
mod foreign;
mod format;
mod image;
pub mod import;
mod interpolate;
mod keys;
mod language;
mod language_settings;
mod language_stage;
mod limits;
mod meant;
mod paths;
pub mod place;
mod place_text;
mod quantity;
mod reference;
mod rules;
mod scalar;
mod schema;
mod suggest;
mod syntax;
mod text;
mod text_rule;
mod toml;
mod tree;
mod units;
mod values;
mod words;
mod yaml;

pub use codes::codes;
pub use destination::Destination;
pub use diagnostic::{Diagnostic, Label, Severity};
pub use finding::Finding;
pub use format::format;
pub use limits::VARIABLES_BYTES;
pub use place::{Place, Places, Span};
pub use reference::reference;
pub use scar_schemas::manifest::Manifest;
pub use schema::schema;
pub use suggest::nearest;
pub use words::quoted;

use scar_schemas::manifest::Scatter;
use tree::Node;

/// One manifest as text.
#[derive(Debug, Clone)]
pub struct Source {
    /// Name for people, as the user gave it: `workflows/av/workflow.yaml`.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Its language.
    pub format: Format,
}

/// Language of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2.
    Yaml,
    /// TOML 1.0.
    Toml,
}

/// Most diagnostics of one run.
const MOST_DIAGNOSTICS: usize = 200;

/// What reading came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The manifest, the environment's `vars` and `defaults` merged in; `None` if there was any error.
    pub manifest: Option<Manifest>,
    /// What could be read in spite of errors. Good for finding more mistakes, for nothing else.
    pub draft: Option<Manifest>,
    /// Name of the environment it was read for: the one asked for, else `dev` or the only one there is.
    pub environment: String,
    /// Region that the manifest itself wants for the environment.
    pub region: Option<String>,
    /// `{{ region }}` or `{{ account }}` stands somewhere: in another place it is another manifest.
    pub depends_on_place: bool,
    /// Where each value stands.
    pub places: Places,
    /// All errors and warnings, in file order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Answers questions about files beside the manifest, so that this crate need not know any.
pub trait Files {
    /// Bytes of a file named in the manifest, relative to it, or why not (a fragment for people).
    ///
    /// # Errors
    /// A fragment such as `no such file`.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
}

/// Reads a manifest for one environment, in one place, and reports every mistake in it. The name of an
/// environment alone, or `None`, is a destination too.
#[must_use]
pub fn parse<'a>(
    source: &Source,
    destination: impl Into<Destination<'a>>,
    files: &dyn Files,
) -> Outcome {
    let destination = destination.into();
    let environment = destination.environment;
    let mut outcome = Outcome {
        manifest: None,
        draft: None,
        environment: environment.unwrap_or("dev").to_owned(),
        region: None,
        depends_on_place: false,
        places: Places::default(),
        diagnostics: Vec::new(),
    };
    if let Some(root) = tree(source, &mut outcome.diagnostics) {
        let other = foreign::foreign(&root).or_else(|| foreign::early(&root));
        if let Some(diagnostic) = other {
            outcome.diagnostics.push(diagnostic);
        } else if import::is_old(&root) {
            import::read(source, &root, environment, files, &mut outcome);
        } else {
            read(root, destination, files, &mut outcome);
        }
    }
    outcome.diagnostics.sort_by_key(Diagnostic::order);
    shorten(&mut outcome.diagnostics);
    outcome
}

/// Nobody reads thousands of mistakes, and to draw them all would take long.
fn shorten(diagnostics: &mut Vec<Diagnostic>) {
    let count = diagnostics.len();
    if count > MOST_DIAGNOSTICS {
        diagnostics.retain(Diagnostic::is_error);
        diagnostics.truncate(MOST_DIAGNOSTICS);
        let summary = format!("there are {count} mistakes; only the first are shown");
        let help = "is this a manifest at all?";
        diagnostics.push(
            Diagnostic::error("E002", summary)
                .label(0..0, "in this file")
                .help(help),
        );
    }
}

/// The tree of a text, whatever file it is of.
pub(crate) fn tree(source: &Source, report: &mut Vec<Diagnostic>) -> Option<Node> {
    if !text::check(&source.text, report) {
        return None;
    }
    match source.format {
        Format::Yaml => yaml::read(&source.text, report),
        Format::Toml => toml::read(&source.text, report),
    }
}

fn read(mut root: Node, destination: Destination<'_>, files: &dyn Files, outcome: &mut Outcome) {
    let report = &mut outcome.diagnostics;
    outcome.environment = environment::choose(&root, destination.environment, report);
    let name = outcome.environment.as_str();
    let vars = environment::vars(&root, name);
    outcome.depends_on_place = interpolate::fill(&mut root, name, destination, &vars, report);
    outcome.region = environment::region(&root, name);
    let mut checker = check::Checker {
        report,
        places: &mut outcome.places,
        files,
    };
    checker.manifest(&root, &language::MANIFEST_TABLE);
    outcome.draft = build::manifest(&root).map(|mut manifest| {
        environment::merge(&mut manifest, &outcome.environment);
        read_items(&mut manifest, files);
        manifest
    });
    if !outcome.diagnostics.iter().any(Diagnostic::is_error) {
        outcome.manifest.clone_from(&outcome.draft);
    }
}

/// The lines of the files that stages are scattered by. What is wrong with a file was reported.
fn read_items(manifest: &mut Manifest, files: &dyn Files) {
    for stage in manifest.stages.values_mut() {
        stage.items = match &stage.scatter {
            Some(Scatter::List(items)) => items.clone(),
            Some(Scatter::Lines(path)) => {
                let text = files.read(path).ok().map(String::from_utf8);
                text.and_then(Result::ok)
                    .map(|text| rules::items(&text))
                    .unwrap_or_default()
            }
            None => Vec::new(),
        };
    }
}
