//! Generated manifests: YAML and TOML of the same tree become the same workflow, and no damage to their text
//! makes reading or linking panic.

use std::fmt::Write;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use scar_manifest::{Files, Format, Source};
use scar_workflow::{Loaded, dot, load, mermaid, svg, tree};

struct Beside;

impl Files for Beside {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(b"#!/bin/sh\ntrue\n".to_vec())
    }
}

/// A key of a stage with one of its values, as both languages write it: flow collections of YAML have
/// colons where inline tables of TOML have equals signs.
#[derive(Debug, Clone)]
struct Setting {
    key: &'static str,
    value: &'static str,
}

/// Keys with values that are right by themselves; together they may well be wrong.
const SETTINGS: &[(&str, &[&str])] = &[
    (
        "in",
        &[
            r#""a/*.x""#,
            r#"["a/*.x", "b/**/*.{y,z}"]"#,
            r#"["c/**"]"#,
            r#"{"path": "d/*", "from": "outside"}"#,
        ],
    ),
    (
        "out",
        &[
            r#""b/""#,
            r#""c/*.y""#,
            r#"{"b/": "*.y", "d/": "*.{x,z}"}"#,
            r#"["e/", "f/*.z"]"#,
        ],
    ),
    (
        "when",
        &[
            r#"{"size": "<64MiB"}"#,
            r#"{"size": ">=1KiB, <2GiB", "suffix": [".x", ".tar.x"]}"#,
            r#"{"suffix": ".y"}"#,
        ],
    ),
    (
        "join",
        &[
            r#"{"by": "stem", "timeout": "6h"}"#,
            r#"{"by": "run", "min": "80%", "timeout": "1d"}"#,
            r#"{"by": "window"}"#,
        ],
    ),
    (
        "scatter",
        &[r#"{"list": ["p", "q"]}"#, r#"{"lines": "items.txt"}"#],
    ),
    ("after", &[r#""s0""#, r#"["s1", "s2"]"#]),
    (
        "http",
        &[
            r#"{"auth": "iam"}"#,
            r#"{"path": "/a", "mode": "async", "auth": "none", "body": "10MiB"}"#,
            r#"{"auth": {"jwt": {"issuer": "https://a.example.org/", "audience": ["b"]}}}"#,
        ],
    ),
    (
        "schedule",
        &[
            r#"{"cron": "0 6 * * MON", "tz": "Europe/Madrid"}"#,
            r#"{"every": "15m"}"#,
        ],
    ),
    ("compute", &[r#""lambda""#, r#""batch""#, r#""auto""#]),
    ("fallback", &[r#""batch""#]),
    ("memory", &[r#""512MiB""#, r#""16GiB""#]),
    ("timeout", &[r#""29s""#, r#""2h""#]),
    ("disk", &[r#""1GiB""#, r#""50GiB""#]),
    ("vcpu", &["0.5", "16"]),
    ("gpu", &["0", "1"]),
    ("spot", &["true", "false"]),
    ("nodes", &["1", "4"]),
    ("arch", &[r#""arm64""#]),
    (
        "network",
        &[
            r#""auto""#,
            r#"{"subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"]}"#,
        ],
    ),
    ("concurrency", &["1", "40"]),
    ("cache", &[r#""stage""#]),
    ("events", &[r#""direct""#, r#""queue""#]),
    ("package", &[r#""image""#]),
    ("loop", &[r#"{"max": 3}"#]),
    (
        "retry",
        &[r#"{"attempts": 3, "only": ["spot", "exit:137"]}"#],
    ),
    ("logs", &[r#"{"keep": "14d"}"#]),
    ("secrets", &[r#"{"KEY": "ssm:/a", "OTHER": "secret:b#c"}"#]),
    ("mounts", &[r#"{"/ref": "data:ref/", "/opt/x.y": "x/"}"#]),
    ("renamed_from", &[r#""former""#, r#""s0""#]),
    ("tags", &[r#"{"team": "media"}"#]),
    ("env", &[r#"{"LEVEL": "3", "TEXT": "a: b"}"#]),
];

fn setting() -> impl Strategy<Value = Setting> {
    (select(SETTINGS), any::<Index>()).prop_map(|((key, values), index)| Setting {
        key,
        value: index.get::<&str>(values),
    })
}

/// Stages, each with some settings, each setting once.
fn stages() -> impl Strategy<Value = Vec<Vec<Setting>>> {
    let settings = vec(setting(), 0..7).prop_map(|mut settings| {
        settings.sort_by_key(|setting| setting.key);
        settings.dedup_by_key(|setting| setting.key);
        settings
    });
    vec(settings, 1..6)
}

fn yaml(stages: &[Vec<Setting>]) -> String {
    let mut text = "scar: 1\nname: twins\nstages:\n".to_owned();
    for (number, settings) in stages.iter().enumerate() {
        let _ = writeln!(text, "  s{number}:\n    image: \"a:1\"");
        for Setting { key, value } in settings {
            let _ = writeln!(text, "    {key}: {value}");
        }
    }
    text
}

fn toml(stages: &[Vec<Setting>]) -> String {
    let mut text = "scar = 1\nname = \"twins\"\n".to_owned();
    for (number, settings) in stages.iter().enumerate() {
        let _ = writeln!(text, "[stages.s{number}]\nimage = \"a:1\"");
        for Setting { key, value } in settings {
            let _ = writeln!(text, "{key} = {}", value.replace("\": ", "\" = "));
        }
    }
    text
}

fn read(text: &str, format: Format) -> Loaded {
    let source = Source {
        name: "twins".to_owned(),
        text: text.to_owned(),
        format,
    };
    load(&source, None, &Beside)
}

/// What is said, without the places.
fn said(loaded: &Loaded) -> Vec<(&'static str, &str)> {
    let mut said: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|diagnostic| (diagnostic.code, diagnostic.summary.as_str()))
        .collect();
    said.sort_unstable();
    said
}

fn check(text: &str, format: Format) {
    let loaded = read(text, format);
    for diagnostic in &loaded.diagnostics {
        assert!(scar_manifest::codes().contains(&diagnostic.code));
        assert!(!diagnostic.labels.is_empty(), "{diagnostic:?}");
        for label in &diagnostic.labels {
            assert!(text.get(label.span.clone()).is_some(), "{diagnostic:?}");
        }
    }
    if let Some(workflow) = &loaded.workflow {
        for view in [tree, mermaid, dot, svg] {
            assert!(!view(workflow).is_empty());
        }
        let all = workflow.stages.iter();
        assert!(
            all.clone()
                .all(|stage| tree(workflow).contains(&stage.name))
        );
    }
}

/// The text with one piece replaced.
fn damaged(text: &str, at: Index, length: usize, piece: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let start = at.index(characters.len());
    let end = (start + length).min(characters.len());
    let (head, tail) = (&characters[..start], &characters[end..]);
    head.iter()
        .copied()
        .chain(piece.chars())
        .chain(tail.iter().copied())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn yaml_and_toml_are_twins(stages in stages()) {
        let (yaml, toml) = (yaml(&stages), toml(&stages));
        let (left, right) = (read(&yaml, Format::Yaml), read(&toml, Format::Toml));
        prop_assert_eq!(said(&left), said(&right), "{}\n{}", yaml, toml);
        prop_assert_eq!(&left.manifest, &right.manifest);
        prop_assert_eq!(&left.workflow, &right.workflow);
        check(&yaml, Format::Yaml);
        check(&toml, Format::Toml);
    }

    #[test]
    fn damage_is_reported(
        stages in stages(), at in any::<Index>(), length in 0..9_usize,
        piece in r#"[ -~\t\n{}\[\]:*&!|>é"']{0,6}"#
    ) {
        check(&damaged(&yaml(&stages), at, length, &piece), Format::Yaml);
        check(&damaged(&toml(&stages), at, length, &piece), Format::Toml);
    }

    /// Whatever can be planned says the same the second time.
    #[test]
    fn linking_is_deterministic(names in btree_map("[a-c]", "[a-c]{1,3}", 1..4)) {
        let mut text = "scar: 1\nname: same\nstages:\n".to_owned();
        for (name, folder) in &names {
            let _ = writeln!(text, "  {name}: {{image: \"a:1\", in: {folder}/*, out: \"{name}/x/\"}}");
        }
        let (one, other) = (read(&text, Format::Yaml), read(&text, Format::Yaml));
        prop_assert_eq!(one.workflow, other.workflow);
    }
}

#[test]
fn there_are_settings_that_work() {
    let works = |key: &str, value: &str| {
        let text = yaml(&[vec![]]).replace("image", &format!("{key}: {value}\n    image"));
        read(&text, Format::Yaml)
    };
    let loaded = works("in", r#""a/*.x""#);
    assert!(loaded.workflow.unwrap().stages[0].inputs.len() == 1);
    assert!(works("http", r#"{"auth": "iam"}"#).workflow.is_some());
}
