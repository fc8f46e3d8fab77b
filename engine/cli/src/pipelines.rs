//! The ready pipelines of the guides: they are YAML, and every command of this program in them is one.

use std::path::Path;

use clap::Parser;
use serde_json::Value;

use crate::args::Cli;

#[test]
fn every_command_of_the_pipelines_is_understood() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pipelines");
    for name in ["github.yml", "gitlab.yml"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let document: Value = serde_yaml::from_str(&text).unwrap();
        let mut commands = Vec::new();
        collect(&document, &mut commands);
        assert!(commands.len() > 2, "{name}: {commands:?}");
        for command in commands {
            let words = command
                .split_whitespace()
                .map(|word| word.trim_matches('"'));
            let parsed = Cli::try_parse_from(words.map(|word| word.replace('$', "x")));
            assert!(parsed.is_ok(), "{name}: {command}: {:?}", parsed.err());
        }
    }
}

/// Lines of any text in the document that start this program.
fn collect(value: &Value, commands: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let lines = text.lines().map(str::trim);
            commands.extend(
                lines
                    .filter(|line| line.starts_with("scar "))
                    .map(str::to_owned),
            );
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, commands)),
        Value::Object(entries) => entries.values().for_each(|item| collect(item, commands)),
        _ => {}
    }
}
