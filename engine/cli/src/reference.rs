//! Keeps `docs/reference/cli.md` equal to the command line; `UPDATE=1 cargo test -p scar` rewrites it.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Command, CommandFactory};

use crate::args::Cli;

#[test]
fn the_reference_is_the_command_line() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    let text = reference();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/reference/cli.md is not up to date: run with UPDATE=1"
    );
}

fn reference() -> String {
    let mut root = Cli::command().term_width(100);
    root.build();
    let mut out = String::from("# The command line\n\nGenerated from the program's own help.\n");
    section(&mut out, &mut root.clone(), "scar");
    verbs(&mut out, &root, "scar");
    out.push_str(include_str!("reference.md"));
    out
}

fn verbs(out: &mut String, command: &Command, path: &str) {
    for verb in command
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help")
    {
        let path = format!("{path} {}", verb.get_name());
        section(out, &mut without_global(verb), &path);
        verbs(out, verb, &path);
    }
}

/// Options of every verb are told once, at the top.
fn without_global(verb: &Command) -> Command {
    verb.clone().mut_args(|argument| {
        let global = argument.is_global_set();
        argument.hide(global)
    })
}

fn section(out: &mut String, command: &mut Command, path: &str) {
    let help = command
        .clone()
        .bin_name(path)
        .render_long_help()
        .to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(
        out,
        "\n## {path}\n\n```text\n{}\n```\n",
        lines.join("\n").trim_end()
    );
}

#[test]
fn every_verb_has_examples_and_its_json_is_told() {
    let mut root = Cli::command();
    root.build();
    let tables = include_str!("reference.md");
    for verb in root
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help")
    {
        let mut leaves: Vec<&Command> = verb.get_subcommands().collect();
        if leaves.is_empty() {
            leaves.push(verb);
        }
        for leaf in leaves.iter().filter(|leaf| leaf.get_name() != "help") {
            assert!(
                leaf.get_after_help().is_some(),
                "{} has no examples",
                leaf.get_name()
            );
        }
        let name = verb.get_name();
        let is_told = [format!("| `{name}"), format!(", `{name}`")];
        assert!(
            is_told.iter().any(|words| tables.contains(words)),
            "the JSON of {name} is not told"
        );
    }
}
