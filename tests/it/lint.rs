//! The CloudFormation linters find nothing in any rendered template.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use scar_tests::pairwise::manifests;
use scar_tests::product::python;
use scar_tests::{Product, root};

/// Manifests in which every choice of the language stands beside every other one.
const PAIRS: usize = 200;
/// Of so many of them one is looked at by the linters, unless `SCAR_TEST_FULL` is set.
const SAMPLE: usize = 10;

#[test]
fn every_rendered_template_is_clean() {
    let product = Product::new();
    for image in ["shell", "imagemagick", "ffmpeg"] {
        product.image(image);
    }
    let mut templates = Vec::new();
    for name in ["quickstart", "imagemagick", "video", "av"] {
        let manifest = format!("workflows/{name}/workflow.yaml");
        for (suffix, more) in [
            ("yaml", vec![]),
            ("json", vec!["--json"]),
            ("base.yaml", vec!["--base"]),
        ] {
            let arguments = ["render", &manifest].into_iter().chain(more);
            let text = product.scar(arguments).exits(0).stdout;
            templates.push(product.write(&format!("rendered/{name}.{suffix}"), text));
        }
    }
    cfn_lint(&templates);
}

/// `render` itself refuses a template in which the engine's own validator finds a mistake.
#[test]
fn every_pair_of_choices_renders_to_a_clean_template() {
    let product = Product::new();
    product.image("shell");
    let templates = render_pairs(&product);
    assert_eq!(templates.len(), PAIRS);
    let step = if std::env::var_os("SCAR_TEST_FULL").is_some() {
        1
    } else {
        SAMPLE
    };
    let sample: Vec<PathBuf> = templates.into_iter().step_by(step).collect();
    cfn_lint(&sample);
    if let Some(command) = std::env::var_os("SCAR_TEST_CHECKOV") {
        checkov(&command, &product.path().join("pairs"), &sample);
    }
}

fn render_pairs(product: &Product) -> Vec<PathBuf> {
    let mut templates = Vec::new();
    for (index, manifest) in manifests(PAIRS).into_iter().enumerate() {
        let folder = format!("pairs/{index:03}");
        product.write(&format!("{folder}/regions.txt"), "chr1\nchr2\n");
        product.write(&format!("{folder}/workflow.yaml"), &manifest.text);
        let path = format!("{folder}/workflow.yaml");
        let run = product.scar(["render", &path, "--json"]);
        assert_eq!(run.code, 0, "{}\n{}", manifest.name, run.stderr);
        templates.push(product.write(&format!("pairs/{index:03}.json"), run.stdout));
    }
    templates
}

fn cfn_lint(templates: &[PathBuf]) {
    let lint = Command::new(python())
        .args([
            "-c",
            "from cfnlint.runner import main; main()",
            "--include-checks",
            "I",
            "--regions",
            "us-east-1",
            "eu-west-1",
            "--",
        ])
        .args(templates)
        .output()
        .unwrap();
    let said = said(&lint);
    assert!(lint.status.success() && said.trim().is_empty(), "{said}");
}

/// It needs other versions of libraries than the clients do, so it has a Python of its own, which
/// `SCAR_TEST_CHECKOV` names: see `tests/requirements-checkov.txt`.
///
/// What it is not asked about stands in the table of the guide, each with its reason.
fn checkov(command: &OsStr, folder: &Path, templates: &[PathBuf]) {
    let guide = std::fs::read_to_string(root().join("docs/guide/linters.md")).unwrap();
    let cells = guide.lines().filter_map(|line| line.strip_prefix("| CKV"));
    let skipped: Vec<String> = cells
        .filter_map(|rest| rest.split_whitespace().next())
        .map(|number| format!("CKV{number}"))
        .collect();
    assert!(!skipped.is_empty());
    let files = templates
        .iter()
        .flat_map(|path| ["-f".as_ref(), path.as_os_str()]);
    let checks = Command::new(command)
        .args(["--framework", "cloudformation"])
        .args(["--compact", "--quiet", "--skip-download", "--skip-check"])
        .arg(skipped.join(","))
        .args(files)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(checks.status.success(), "{}", said(&checks));
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}
