//! Every command of the guides is run, in order, as a reader would.

use std::fs;
use std::process::Command;

use scar_tests::product::scar;
use scar_tests::{Product, root};

/// The `sh` blocks of a page, one after the other.
fn commands(text: &str) -> String {
    let mut script = String::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => script.push_str(&format!("{line}\n")),
            _ => {}
        }
    }
    script
}

#[test]
fn every_command_of_the_guides_works() {
    for entry in fs::read_dir(root().join("docs/guide")).unwrap() {
        let page = entry.unwrap().path();
        let script = commands(&fs::read_to_string(&page).unwrap());
        let product = Product::new();
        let path = format!("{}:/usr/bin:/bin", scar().parent().unwrap().display());
        let output = Command::new("bash")
            .args(["-euxo", "pipefail", "-c", &script])
            .current_dir(product.path())
            .env_clear()
            .env("HOME", product.path())
            .env("PATH", path)
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}:\n{said}", page.display());
    }
}

/// Builds what is built already, and leaves what a user of the repository would have too.
#[test]
fn the_first_command_of_the_readme_works_and_the_second_time_touches_nothing() {
    let target = scar().ancestors().nth(2).unwrap();
    let run = || {
        let output = Command::new(root().join("workflows/quickstart/run.sh"))
            .env("CARGO_TARGET_DIR", target)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let results = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(results.matches("data:top/").count(), 3, "{results}");
        said
    };
    run();
    let again = run();
    assert_eq!(again.matches("already done").count(), 6, "{again}");
}

#[test]
fn the_readme_shows_the_quickstart_as_it_is() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let manifest = fs::read_to_string(root().join("workflows/quickstart/workflow.yaml")).unwrap();
    let stages = manifest.split_once("stages:").unwrap().1;
    assert!(
        readme.contains(stages.trim_end()),
        "the README's manifest is not the quickstart's"
    );
    let graph = Command::new(scar())
        .args(["graph", "--mermaid", "workflows/quickstart/workflow.yaml"])
        .current_dir(root())
        .output()
        .unwrap();
    let graph = String::from_utf8(graph.stdout).unwrap();
    assert!(
        readme.contains(graph.trim_end()),
        "the README's picture is not\n{graph}"
    );
    assert_eq!(
        commands(&readme),
        "workflows/quickstart/run.sh\ncargo test --workspace\n"
    );
}
