//! `scar completions`

use clap::CommandFactory;
use serde_json::json;

use crate::args::Cli;
use crate::error::CliError;
use crate::view::Screen;

/// Print completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar completions bash > /etc/bash_completion.d/scar
  scar completions zsh > \"${fpath[1]}/_scar\"
  scar completions fish > ~/.config/fish/completions/scar.fish")]
pub(crate) struct Arguments {
    /// Which shell.
    shell: clap_complete::Shell,
}

pub(crate) fn completions(arguments: &Arguments, screen: &Screen) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "scar", &mut script);
    let script = String::from_utf8_lossy(&script);
    if screen.json {
        let shell = arguments.shell.to_string();
        return screen.document(&json!({ "shell": shell, "script": script }));
    }
    screen.data(&script)
}
