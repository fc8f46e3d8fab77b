//! Many workflows of one repository: planned together, saved, applied, and what has no manifest any more.

use std::process::Command;

use scar_tests::Product;

fn git(product: &Product, arguments: &[&str]) {
    let mut command = Command::new("git");
    let named = ["-c", "user.email=a@example.org", "-c", "user.name=a"];
    command
        .args(named)
        .args(arguments)
        .current_dir(product.path());
    command.env("HOME", product.path());
    assert!(
        command.output().unwrap().status.success(),
        "git {arguments:?}"
    );
}

/// A repository with the workflows `quickstart` and `chain`, committed.
fn repository() -> Product {
    let product = Product::new();
    for name in ["quickstart", "chain"] {
        let folder = format!("flows/{name}");
        product.scar(["init", &folder, "--from", name]).exits(0);
        let image = format!("{folder}/images/shell");
        let pack = [
            "image", "pack", "--output", &image, "sh", "tr", "sort", "uniq", "head",
        ];
        product.scar(pack).exits(0);
    }
    product.write(".gitignore", "images/\n.scar/\nworkflows/\n");
    git(&product, &["init", "-q"]);
    git(&product, &["add", "."]);
    git(&product, &["commit", "-qm", "two"]);
    product
}

#[test]
fn saved_plans_of_a_directory_apply_once_over_one_base_stack() {
    let product = repository();
    let plan = ["plan", "flows", "--local", "--out", "plans", "--exit-code"];
    product.scar(plan).exits(2);
    product.scar(["apply", "plans", "--local"]).exits(0);
    product
        .scar(["plan", "flows", "--local", "--exit-code"])
        .exits(0);
    product.scar(["apply", "plans", "--local"]).exits(5);
}

#[test]
fn only_what_differs_by_content_is_planned() {
    let product = repository();
    let plan = [
        "plan",
        "flows",
        "--local",
        "--json",
        "--changed-since",
        "HEAD",
    ];
    let none = product.scar(plan).exits(0).json();
    assert_eq!(none["plans"].as_array().unwrap().len(), 0);
    let script = product.path().join("flows/chain/words.sh");
    let text = std::fs::read_to_string(&script).unwrap();
    product.write("flows/chain/words.sh", format!("{text}# more\n"));
    let one = product.scar(plan).exits(0).json();
    assert_eq!(one["plans"].as_array().unwrap().len(), 1);
    assert_eq!(one["plans"][0]["workflow"], "chain");
    product.write("flows/chain/words.sh", text);
    let again = product.scar(plan).exits(0).json();
    assert_eq!(again["plans"].as_array().unwrap().len(), 0);
    let unknown = ["plan", "flows", "--local", "--changed-since", "nowhere"];
    let said = product.scar(unknown).exits(1).stderr;
    assert!(said.contains("git knows no revision nowhere"), "{said}");
}

#[test]
fn a_comment_and_a_report_are_written_beside_the_plan() {
    let product = repository();
    let plan = [
        "plan",
        "flows",
        "--offline",
        "--markdown",
        "c.md",
        "--sarif",
        "s.json",
    ];
    product.scar(plan).exits(0);
    let comment = std::fs::read_to_string(product.path().join("c.md")).unwrap();
    assert!(
        comment.starts_with("### scar plan · dev · 2 of 2 workflows"),
        "{comment}"
    );
    for part in ["```mermaid", "<details>", "<!-- scar:plan env=dev sha="] {
        assert!(comment.contains(part), "{part} is not in\n{comment}");
    }
    let report = std::fs::read_to_string(product.path().join("s.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["version"], "2.1.0");
}

#[test]
fn a_workflow_without_a_manifest_is_reported_and_removed_on_demand() {
    let product = repository();
    product.scar(["apply", "flows", "--local"]).exits(0);
    std::fs::remove_dir_all(product.path().join("flows/chain")).unwrap();
    let said = product.scar(["plan", "flows", "--local"]).exits(0).stdout;
    assert!(said.contains("scar-chain-dev"), "{said}");
    let orphans = ["list", "flows", "--orphans", "--local", "--json"];
    let found = product.scar(orphans).exits(0).json();
    assert_eq!(found["deployments"][0]["workflow"], "chain");
    let prune = ["list", "flows", "--orphans", "--prune", "--local"];
    product.scar(prune).exits(4);
    let said = product
        .scar([&prune[..], &["--allow", "prune"]].concat())
        .exits(0);
    assert!(
        said.stderr.contains("kept     bucket chain-dev-"),
        "{said:?}"
    );
    let left = product.scar(orphans).exits(0).json();
    assert_eq!(left["deployments"].as_array().unwrap().len(), 0);
}

#[test]
fn a_policy_blocks_and_its_mistakes_have_places() {
    let product = repository();
    product.write("scar.policy.toml", "regions = ['eu-west-1']\n");
    product.scar(["plan", "flows", "--local"]).exits(0);
    let said = product.scar(["apply", "flows", "--local"]).exits(4).stderr;
    assert!(
        said.contains("region us-east-1 is not among the allowed ones"),
        "{said}"
    );
    product.write("scar.policy.toml", "region = ['eu-west-1']\n");
    let said = product.scar(["plan", "flows", "--local"]).exits(3).stderr;
    assert!(said.contains("did you mean `regions`?"), "{said}");
    assert!(said.contains("scar.policy.toml:1:1"), "{said}");
}

#[test]
fn a_plan_against_a_revision_shows_what_a_branch_changes() {
    let product = repository();
    let against = [
        "plan",
        "flows/chain/workflow.yaml",
        "--against",
        "git:HEAD",
        "--exit-code",
    ];
    product.scar(against).exits(0);
    let manifest =
        std::fs::read_to_string(product.path().join("flows/chain/workflow.yaml")).unwrap();
    product.write(
        "flows/chain/workflow.yaml",
        manifest.replace("512MiB", "1GiB"),
    );
    let said = product.scar(against).exits(2).stdout;
    assert!(said.contains("memory"), "{said}");
    assert!(said.contains("2 to change"), "{said}");
}
