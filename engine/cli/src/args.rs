//! The command line: global options and the list of verbs. Each verb's own options stand in its file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::verb;
use crate::whereabouts::Reach;

/// Files in, workflow of containers, files out: serverless, described by one small file.
#[derive(Debug, Parser)]
#[command(name = "scar", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Examples:
  scar init demo && cd demo          write a small workflow to start from
  scar run workflow.yaml photo.jpg   deploy it, put the file, wait for the results
  scar plan -e prod                  what would change, without changing it
  scar explain E302                  what a mistake means and how to mend it

Exit codes: 0 done, 1 error, 2 differences, 3 manifest invalid, 4 blocked, 5 stale or busy,
6 rolled back, 7 needs a person, 8 tasks failed, 124 timed out, 130 interrupted.")]
pub(crate) struct Cli {
    /// Options of every verb.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The manifest; without it the only workflow.yaml or workflow.toml of this directory.
    #[arg(short, long, global = true, value_name = "MANIFEST")]
    pub(crate) file: Option<PathBuf>,
    /// Environment of the manifest, for instance `prod`.
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// Use the local cloud in .scar/local, even if AWS is configured.
    #[arg(long, global = true, conflicts_with = "endpoint_url")]
    pub(crate) local: bool,
    /// Use the cloud at this address instead of AWS.
    #[arg(long, global = true, value_name = "URL", value_parser = http_url)]
    pub(crate) endpoint_url: Option<String>,
    /// Profile of the AWS configuration.
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "local")]
    pub(crate) profile: Option<String>,
    /// AWS region.
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// The static scar-supervisor file; without it the one beside this program.
    #[arg(
        long,
        global = true,
        env = "SCAR_SUPERVISOR",
        hide_env_values = true,
        value_name = "PATH"
    )]
    pub(crate) supervisor: Option<PathBuf>,
    /// Allow plain HTTP for image registries on a loopback address.
    #[arg(long, global = true)]
    pub(crate) plain_http: bool,
    /// Print JSON for programs: one document, or one object per line for what goes on for a while.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print without colour; the variable NO_COLOR does the same.
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Print results and errors only.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print more.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// How far to go to learn where a workflow will be; the verb says it.
    #[arg(skip)]
    pub(crate) reach: Reach,
}

impl Global {
    /// The same for a verb that goes no further.
    pub(crate) fn reaching(&self, reach: Reach) -> Self {
        Self {
            reach,
            ..self.clone()
        }
    }
}

fn http_url(text: &str) -> Result<String, String> {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() => Ok(text.to_owned()),
        _ => Err("write a whole address, for instance http://127.0.0.1:4566".to_owned()),
    }
}

/// All verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(verb::init::Arguments),
    Validate(verb::validate::Arguments),
    Fmt(verb::fmt::Arguments),
    Import(verb::import::Arguments),
    Render(verb::render::Arguments),
    Plan(verb::plan::Arguments),
    Apply(verb::apply::Arguments),
    Run(verb::run::Arguments),
    Put(verb::put::Arguments),
    Get(verb::get::Arguments),
    Ls(verb::ls::Arguments),
    Trace(verb::trace::Arguments),
    Why(verb::why::Arguments),
    Redrive(verb::redrive::Arguments),
    Reconcile(verb::reconcile::Arguments),
    Invoke(verb::invoke::Arguments),
    Drift(verb::drift::Arguments),
    List(verb::list::Arguments),
    Status(verb::status::Arguments),
    Logs(verb::logs::Arguments),
    Destroy(verb::destroy::Arguments),
    Graph(verb::graph::Arguments),
    Image(verb::image::Arguments),
    Local(verb::local::Arguments),
    Explain(verb::explain::Arguments),
    Schema(verb::schema::Arguments),
    Completions(verb::completions::Arguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn addresses_are_whole() {
        assert!(super::http_url("http://127.0.0.1:4566").is_ok());
        assert!(super::http_url("localhost:4566").is_err());
        assert!(super::http_url("https://").is_err());
    }

    #[test]
    fn no_two_options_are_in_each_others_way() {
        super::Cli::command().debug_assert();
    }
}
