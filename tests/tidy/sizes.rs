//! Files and functions stay small enough to be read at once.

use crate::sources::{Source, sources};

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn files_stay_below_the_budget() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| source.text.lines().count() > FILE_LINES_MAX)
        .map(|source| source.path.clone())
        .collect();
    assert_eq!(long, [""; 0], "files over {FILE_LINES_MAX} lines");
}

#[test]
fn functions_stay_below_the_budget() {
    // Tables of cases in tests may be as long as there are cases.
    let product =
        |source: &&Source| source.path.contains("/src/") && !source.path.contains("_tests.rs");
    let long: Vec<String> = sources()
        .iter()
        .filter(product)
        .flat_map(long_functions)
        .collect();
    assert_eq!(long, [""; 0], "functions over {FUNCTION_LINES_MAX} lines");
}

/// Functions over the budget, found by the indentation that rustfmt gives their first and last line.
fn long_functions(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if !is_function(line.trim_start()) {
            continue;
        }
        let closing = format!("{}}}", " ".repeat(indent));
        let end = lines[start..].iter().position(|line| *line == closing);
        if end.is_some_and(|length| length > FUNCTION_LINES_MAX) {
            long.push(format!("{}:{}", source.path, start + 1));
        }
    }
    long
}

fn is_function(line: &str) -> bool {
    let starts = [
        "fn ",
        "pub fn ",
        "pub(crate) fn ",
        "async fn ",
        "pub async fn ",
        "pub(crate) async fn ",
    ];
    starts.iter().any(|start| line.starts_with(start))
}
