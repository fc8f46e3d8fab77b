//! The CloudFormation linters find nothing in any rendered template.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use scar_tests::pairwise::{HARDENED, manifests};
use scar_tests::product::{python, supervisor};
use scar_tests::{Product, root};

/// Manifests in which every choice of the language stands beside every other one.
const PAIRS: usize = 200;
/// Of so many of them one is looked at by the linters, unless `SCAR_TEST_FULL` is set.
const SAMPLE: usize = 10;
/// Environment of the manifests in which everything is switched on that linters want.
const ENVIRONMENT: &str = "hardened";
/// Most checks of checkov that a template of such an environment may fail.
const EXCEPTIONS: usize = 3;

#[test]
fn every_rendered_template_is_clean() {
    let product = Product::new();
    for image in ["shell", "imagemagick", "ffmpeg"] {
        product.image(image);
    }
    let mut templates = goldens();
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
    if let Some(command) = checkov_command() {
        let table = exceptions("");
        checkov(&command, product.path(), &templates, &table);
    }
}

/// `render` itself refuses a template in which the engine's own validator finds a mistake.
#[test]
fn every_pair_of_choices_renders_to_a_clean_template_in_a_hardened_environment() {
    let product = Product::new();
    product.image("shell");
    both_supervisors(&product);
    let pairs = render_pairs(&product);
    assert_eq!(pairs.len(), PAIRS);
    let step = if std::env::var_os("SCAR_TEST_FULL").is_some() {
        1
    } else {
        SAMPLE
    };
    let mut sample: Vec<PathBuf> = pairs.into_iter().step_by(step).collect();
    sample.extend(hardened_goldens(&product));
    cfn_lint(&sample);
    if let Some(command) = checkov_command() {
        let table = exceptions("## In a hardened environment");
        assert!(table.len() <= EXCEPTIONS, "{table:?}");
        checkov(&command, product.path(), &sample, &table);
    }
}

/// Templates are made of the digests of both supervisors, whatever is in them.
fn both_supervisors(product: &Product) {
    for name in ["scar-supervisor", "scar-supervisor-arm64"] {
        fs::copy(supervisor(), product.path().join(name)).unwrap();
    }
}

fn render_pairs(product: &Product) -> Vec<PathBuf> {
    let mut templates = Vec::new();
    for (index, manifest) in manifests(PAIRS).into_iter().enumerate() {
        let folder = format!("pairs/{index:03}");
        product.write(&format!("{folder}/regions.txt"), "chr1\nchr2\n");
        product.write(&format!("{folder}/workflow.yaml"), &manifest.text);
        let text = render(product, &folder, "--json", &manifest.name);
        templates.push(product.write(&format!("pairs/{index:03}.json"), text));
    }
    templates
}

/// The manifests of the golden templates once more, with one environment more.
fn hardened_goldens(product: &Product) -> Vec<PathBuf> {
    let mut templates = Vec::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let folder = format!("golden/{name}");
        copy(&case, &product.path().join(&folder));
        let text = fs::read_to_string(case.join("workflow.yaml")).unwrap();
        product.write(&format!("{folder}/workflow.yaml"), hardened(&text));
        for more in ["--json", "--base"] {
            let rendered = render(product, &folder, more, &name);
            let suffix = if more == "--base" { "yaml" } else { "json" };
            templates.push(product.write(&format!("golden/{name}{more}.{suffix}"), rendered));
        }
    }
    templates
}

fn render(product: &Product, folder: &str, more: &str, name: &str) -> String {
    let path = format!("{folder}/workflow.yaml");
    let run = product.scar([
        "render",
        &path,
        more,
        "--offline",
        "-e",
        ENVIRONMENT,
        "--region",
        "us-east-1",
        "--supervisor",
        "scar-supervisor",
    ]);
    assert_eq!(run.code, 0, "{name}\n{}", run.stderr);
    run.stdout
}

/// The manifest with the environment that linters want.
fn hardened(text: &str) -> String {
    let environment = format!("  {ENVIRONMENT}: {{{HARDENED}}}\n");
    // The key is of a region that a manifest may not be for.
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with("region:"))
        .map(|line| format!("{line}\n"))
        .collect();
    match text.split_once("\nenvs:\n") {
        Some((before, after)) => format!("{before}\nenvs:\n{environment}{after}"),
        None => format!("{text}envs:\n{environment}"),
    }
}

/// Folders of the golden templates.
fn cases() -> Vec<PathBuf> {
    let folder = root().join("engine/template/tests/golden");
    let entries = fs::read_dir(folder).unwrap();
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 4, "the golden templates are gone");
    cases
}

fn goldens() -> Vec<PathBuf> {
    let both = |case: PathBuf| ["template.json", "base.json"].map(|name| case.join(name));
    cases().into_iter().flat_map(both).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
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
fn checkov_command() -> Option<std::ffi::OsString> {
    std::env::var_os("SCAR_TEST_CHECKOV")
}

/// The checks in the guide's tables behind a heading, each of which has its reason there.
fn exceptions(heading: &str) -> Vec<String> {
    let guide = fs::read_to_string(root().join("docs/guide/linters.md")).unwrap();
    let (_, rest) = guide.split_once(heading).expect("the heading is there");
    let section = match heading {
        "" => rest,
        _ => rest.split("\n## ").next().unwrap_or_default(),
    };
    let cells = section
        .lines()
        .filter_map(|line| line.strip_prefix("| CKV"));
    let checks: Vec<String> = cells
        .filter_map(|rest| rest.split_whitespace().next())
        .map(|number| format!("CKV{number}"))
        .collect();
    assert!(!checks.is_empty());
    checks
}

/// All templates in one process: most of its time is its start. They are given by short names: with several
/// files the path of one becomes part of values that checkov looks for secrets in.
fn checkov(command: &OsStr, folder: &Path, templates: &[PathBuf], skipped: &[String]) {
    fs::create_dir_all(folder.join("checkov")).unwrap();
    let short = templates.iter().enumerate().map(|(number, path)| {
        let name = format!("checkov/{number}.{}", file_name(path));
        fs::copy(path, folder.join(&name)).unwrap();
        name
    });
    let files = short.flat_map(|name| ["-f".to_owned(), name]);
    let checks = Command::new(command)
        .args(["--framework", "cloudformation"])
        .args(["--compact", "--quiet", "--skip-download", "--skip-check"])
        .arg(skipped.join(","))
        .args(files)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(checks.status.success(), "{}\n{templates:#?}", said(&checks));
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}
