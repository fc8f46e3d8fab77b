//! Each file in `cases/` is a manifest; beside it stands what the reader says, one line per diagnostic.
//! `UPDATE=1` writes that; the difference is reviewed by eye.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]
#![expect(clippy::disallowed_methods, reason = "the cases are files")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use scar_manifest::{Destination, Diagnostic, Files, Format, Outcome, Source, parse};

/// The folder of the cases, for scripts that they name.
struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        fs::read(self.0.join(path)).map_err(|_| "no such file".to_owned())
    }
}

fn position(text: &str, at: usize) -> String {
    let before = &text[..at];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    format!("{line}:{}", text[start..at].chars().count() + 1)
}

fn line(text: &str, diagnostic: &Diagnostic) -> String {
    let mut places = diagnostic
        .labels
        .iter()
        .map(|label| position(text, label.span.start));
    let first = places.next().unwrap_or_default();
    let also: String = places.map(|place| format!(" and {place}")).collect();
    format!("{} {first}{also} {}", diagnostic.code, diagnostic.summary)
}

/// `# env: NAME` in the first line asks for an environment.
fn read(path: &Path, text: &str) -> Outcome {
    let is_toml = path
        .extension()
        .is_some_and(|extension| extension == "toml");
    let source = Source {
        name: path.display().to_string(),
        text: text.to_owned(),
        format: if is_toml { Format::Toml } else { Format::Yaml },
    };
    let first = text.lines().next();
    let environment = first.and_then(|line| line.strip_prefix("# env: "));
    parse(
        &source,
        environment,
        &Folder(path.parent().unwrap().to_owned()),
    )
}

fn report(path: &Path, text: &str) -> String {
    let outcome = read(path, text);
    let mut lines = String::new();
    for diagnostic in &outcome.diagnostics {
        for label in &diagnostic.labels {
            assert!(text.get(label.span.clone()).is_some(), "{diagnostic:?}");
        }
        writeln!(lines, "{}", line(text, diagnostic)).unwrap();
    }
    let has_error = outcome.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(outcome.manifest.is_none(), has_error, "{}", path.display());
    if lines.is_empty() {
        "nothing\n".to_owned()
    } else {
        lines
    }
}

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut wrong = String::new();
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "yaml" && extension != "toml")
        {
            continue;
        }
        count += 1;
        let said = report(&path, &fs::read_to_string(&path).unwrap());
        let expected_path = path.with_added_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected_path, &said).unwrap();
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if said != expected {
            writeln!(
                wrong,
                "{}\n--- expected\n{expected}--- said\n{said}",
                path.display()
            )
            .unwrap();
        }
    }
    assert!(count > 20, "the cases are gone");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn yaml_and_toml_are_one_language() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let [yaml, toml] = ["twin.yaml", "twin.toml"].map(|name| {
        let path = folder.join(name);
        read(&path, &fs::read_to_string(&path).unwrap()).manifest
    });
    let manifest = yaml.clone().unwrap();
    assert_eq!(yaml, toml);
    // Without a word it is `dev`, whose value replaces the top level's.
    assert_eq!(manifest.stages["detect"].settings.env["CONF"], "0.20");
    assert_eq!(manifest.vars["yolo_conf"], "0.20");
}

/// The cloud that is worked on stands before what the manifest says; without both nothing is filled in.
#[test]
fn the_place_is_filled_in() {
    let text = "scar: 1\nname: place\nregion: eu-west-1\nstages:\n  a:\n    \
                image: \"{{ account }}.dkr.ecr.{{ region }}.amazonaws.com/a:1\"\n    in: a/*\n";
    let source = Source {
        name: "workflow.yaml".to_owned(),
        text: text.to_owned(),
        format: Format::Yaml,
    };
    let read = |account, region| {
        let destination = Destination {
            account,
            region,
            ..Destination::default()
        };
        let outcome = parse(&source, destination, &Folder(PathBuf::new()));
        assert!(outcome.depends_on_place);
        assert_eq!(outcome.region.as_deref(), Some("eu-west-1"));
        outcome
            .manifest
            .map(|manifest| manifest.stages["a"].image.clone())
    };
    let image = |place: &str| Some(format!("123456789012.dkr.ecr.{place}.amazonaws.com/a:1"));
    assert_eq!(read(Some("123456789012"), None), image("eu-west-1"));
    assert_eq!(
        read(Some("123456789012"), Some("us-east-1")),
        image("us-east-1")
    );
    assert_eq!(read(None, None), None);
}
