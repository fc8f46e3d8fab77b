//! Manifest in, templates out: one folder per case, and the example workflows with them. `UPDATE=1`
//! rewrites what is expected.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read and write files"
)]

use std::fs;
use std::path::{Path, PathBuf};

use scar_manifest::{Files, Format, Source};
use scar_schemas::construct::Architecture;
use scar_schemas::contract::Image;
use scar_schemas::digest::Digest;
use scar_schemas::manifest::Work;
use scar_template::{Materials, Rendered, render};
use scar_workflow::Workflow;

struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        fs::read(self.0.join(path)).map_err(|error| error.to_string())
    }
}

#[test]
fn cases_render_as_expected() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for case in folders(&cases) {
        let rendered = rendered(&case);
        check(&case.join("base.json"), &rendered.base.to_json());
        check(&case.join("template.json"), &rendered.stack.to_json());
        let assets: String = rendered
            .assets
            .iter()
            .map(|asset| asset.key.clone() + "\n")
            .collect();
        check(&case.join("assets.txt"), &assets);
    }
}

#[test]
fn examples_render() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows");
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shapes");
    fs::create_dir_all(&output).unwrap();
    for example in folders(&examples)
        .into_iter()
        .filter(|it| it.join("workflow.yaml").exists())
    {
        let (first, second) = (rendered(&example), rendered(&example));
        assert_eq!(first, second);
        let name = example.file_name().unwrap().to_string_lossy().into_owned();
        for (part, document) in [("base", &first.base), ("stack", &first.stack)] {
            let file = output.join(format!("example-{name}-{part}.json"));
            fs::write(file, document.to_json()).unwrap();
        }
    }
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

fn rendered(folder: &Path) -> Rendered {
    let text = fs::read_to_string(folder.join("workflow.yaml")).unwrap();
    let source = Source {
        name: folder.display().to_string(),
        text: text.clone(),
        format: Format::Yaml,
    };
    let files = Folder(folder.to_owned());
    let outcome = scar_manifest::parse(&source, None, &files);
    let manifest = outcome
        .manifest
        .unwrap_or_else(|| panic!("{folder:?}: {:?}", outcome.diagnostics));
    let (workflow, diagnostics) =
        scar_workflow::link(&manifest, &outcome.environment, &outcome.places);
    let workflow = workflow.unwrap_or_else(|| panic!("{folder:?}: {diagnostics:?}"));
    let materials = materials(&workflow, &files, &text);
    render(&workflow, &materials).unwrap()
}

fn materials(workflow: &Workflow, files: &Folder, text: &str) -> Materials {
    let image = |stage: &scar_workflow::Stage| Image::Registry {
        reference: stage.image.clone(),
        digest: Digest::of(stage.image.as_bytes()),
        plain_http: false,
    };
    let script = |stage: &scar_workflow::Stage| match &stage.work {
        Work::Run(script) => Some(script.clone().into_bytes()),
        Work::Script(path) => Some(files.read(path).unwrap()),
        Work::Command(_) | Work::Image => None,
    };
    let stages = workflow.stages.iter();
    Materials {
        images: stages
            .clone()
            .map(|stage| (stage.name.clone(), image(stage)))
            .collect(),
        scripts: stages
            .filter_map(|stage| Some((stage.name.clone(), script(stage)?)))
            .collect(),
        supervisor_arm64: Some(Digest::of(b"supervisor for ARM")),
        supervisor_images: [Architecture::X86_64, Architecture::Arm64]
            .map(|it| (it, Digest::of(format!("{it:?}").as_bytes())))
            .into(),
        ..Materials::new(Digest::of(b"supervisor"), Digest::of(text.as_bytes()))
    }
}

fn check(path: &Path, actual: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, actual).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} differs, see with UPDATE=1 and git diff",
        path.display()
    );
}
