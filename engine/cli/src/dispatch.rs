//! Arguments → verb → exit code.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use scar_schemas::exit_code;

use crate::args::{Cli, Global, Verb};
use crate::error::CliError;
use crate::verb;
use crate::view::Screen;

/// The whole program.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let screen = Screen::new(&cli.global);
    match dispatch(&cli.verb, &cli.global, &screen) {
        Ok(()) => ExitCode::from(exit_code::OK),
        Err(error) => {
            let error = error.advised();
            tell(&error, &screen);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Programs read what went wrong where they read results, people beside them.
fn tell(error: &CliError, screen: &Screen) {
    if !screen.json {
        return screen.complain(&error.human());
    }
    if let Some(value) = error.json() {
        // That nobody reads it cannot be said to anybody.
        drop(screen.object(&value));
    }
}

/// Help and version are no errors; a mistake in the command line must not look like `DIFFERENCES`, which
/// is what clap's own exit code would say.
fn refuse(error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        let _ = error.print();
        return ExitCode::from(exit_code::OK);
    }
    if std::env::args_os().any(|word| word == "--json") {
        let text = error.to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default();
        let mut refused = CliError::failure(first.trim_start_matches("error: "));
        refused.hints = lines.map(str::to_owned).collect();
        tell(&refused, &Screen::for_programs());
    } else {
        let _ = error.print();
    }
    ExitCode::from(exit_code::ERROR)
}

fn dispatch(verb: &Verb, global: &Global, screen: &Screen) -> Result<(), CliError> {
    match verb {
        Verb::Init(arguments) => verb::init::init(arguments, screen),
        Verb::Validate(arguments) => verb::validate::validate(arguments, global, screen),
        Verb::Fmt(arguments) => verb::fmt::fmt(arguments, global, screen),
        Verb::Import(arguments) => verb::import::import(arguments, screen),
        Verb::Render(arguments) => verb::render::render(arguments, global, screen),
        Verb::Plan(arguments) => verb::plan::plan(arguments, global, screen),
        Verb::Apply(arguments) => verb::apply::apply(arguments, global, screen),
        Verb::Run(arguments) => verb::run::run(arguments, global, screen),
        Verb::Put(arguments) => verb::put::put(arguments, global, screen),
        Verb::Get(arguments) => verb::get::get(arguments, global, screen),
        Verb::Ls(arguments) => verb::ls::ls(arguments, global, screen),
        Verb::Trace(arguments) => verb::trace::trace(arguments, global, screen),
        Verb::Why(arguments) => verb::why::why(arguments, global, screen),
        Verb::Redrive(arguments) => verb::redrive::redrive(arguments, global, screen),
        Verb::Reconcile(arguments) => verb::reconcile::reconcile(arguments, global, screen),
        Verb::Invoke(arguments) => verb::invoke::invoke(arguments, global, screen),
        Verb::Drift(arguments) => verb::drift::drift(arguments, global, screen),
        Verb::List(arguments) => verb::list::list(arguments, global, screen),
        Verb::Status(arguments) => verb::status::status(arguments, global, screen),
        Verb::Logs(arguments) => verb::logs::logs(arguments, global, screen),
        Verb::Destroy(arguments) => verb::destroy::destroy(arguments, global, screen),
        Verb::Graph(arguments) => verb::graph::graph(arguments, global, screen),
        Verb::Image(arguments) => verb::image::image(arguments, global, screen),
        Verb::Local(arguments) => verb::local::local(arguments, global, screen),
        Verb::Explain(arguments) => verb::explain::explain(arguments, screen),
        Verb::Schema(arguments) => verb::schema::schema(arguments, screen),
        Verb::Completions(arguments) => verb::completions::completions(arguments, screen),
    }
}
