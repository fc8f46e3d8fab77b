//! Each file in `cases/` is a manifest; beside it stands what is said about it and how it is drawn.
//! `UPDATE=1` writes that; the difference is reviewed by eye.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]
#![expect(clippy::disallowed_methods, reason = "the cases are files")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use scar_manifest::{Files, Format, Source};
use scar_workflow::{Loaded, dot, load, mermaid, svg, tree};

struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        fs::read(self.0.join(path)).map_err(|_| "no such file".to_owned())
    }
}

fn read(path: &Path) -> (String, Loaded) {
    let text = fs::read_to_string(path).unwrap();
    let is_toml = path
        .extension()
        .is_some_and(|extension| extension == "toml");
    let source = Source {
        name: path.display().to_string(),
        text: text.clone(),
        format: if is_toml { Format::Toml } else { Format::Yaml },
    };
    let loaded = load(&source, None, &Folder(path.parent().unwrap().to_owned()));
    (text, loaded)
}

/// Diagnostics with the words that they point at, then the graph.
fn show(path: &Path) -> String {
    let (text, loaded) = read(path);
    let mut out = String::new();
    for diagnostic in &loaded.diagnostics {
        writeln!(out, "{} {}", diagnostic.code, diagnostic.summary).unwrap();
        for label in &diagnostic.labels {
            let words = &text[label.span.clone()];
            let line = text[..label.span.start].matches('\n').count() + 1;
            writeln!(out, "  {line}: {words}  <- {}", label.text).unwrap();
        }
        writeln!(
            out,
            "  help: {}",
            diagnostic.help.as_deref().unwrap_or("none")
        )
        .unwrap();
    }
    if let Some(workflow) = &loaded.workflow {
        write!(
            out,
            "{}\n{}\n{}",
            tree(workflow),
            mermaid(workflow),
            dot(workflow)
        )
        .unwrap();
        writeln!(
            out,
            "\nstate in {}, buckets {:?}",
            workflow.state_bucket, workflow.buckets
        )
        .unwrap();
    }
    out
}

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut wrong = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let said = show(&path);
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
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn examples_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows");
    let (mut count, mut twins) = (0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path().join("workflow.yaml");
        if path.exists() {
            let (_, loaded) = read(&path);
            assert!(
                loaded.diagnostics.is_empty(),
                "{}: {:#?}",
                path.display(),
                loaded.diagnostics
            );
            let twin = path.with_extension("toml");
            if twin.exists() {
                assert_eq!(
                    read(&twin).1.workflow,
                    loaded.workflow,
                    "{}",
                    twin.display()
                );
                twins += 1;
            }
            golden(&path, &show(&path));
            let drawing = svg(&loaded.workflow.unwrap());
            assert!(drawing.starts_with("<svg") && drawing.ends_with("</svg>\n"));
            count += 1;
        }
    }
    assert!(count > 3 && twins > 2, "the examples are gone");
}

/// Compares what is said about an example with a file of the example's name.
fn golden(example: &Path, said: &str) {
    let name = example
        .parent()
        .unwrap()
        .file_name()
        .unwrap()
        .to_string_lossy();
    let path = format!("{}/tests/examples/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, said).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap_or_default(),
        said,
        "{path}"
    );
}
