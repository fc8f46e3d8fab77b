//! What programs rely on: JSON and nothing else on standard output, and exit codes that keep their meaning.

use std::collections::BTreeSet;
use std::fs;

use scar_tests::{Product, Run, root};
use serde_json::Value;

const MANIFEST: &str = "w/workflow.yaml";
const COPY: &str = "cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"";

fn deployed() -> Product {
    let product = Product::new();
    product.stage(COPY, &[]);
    product.write("a.txt", "a");
    product.scar(["run", MANIFEST, "a.txt", "--local"]).exits(0);
    product
}

/// One document, or one object with a `type` on each line.
#[track_caller]
fn is_json(run: &Run) -> Vec<Value> {
    if let Ok(document) = serde_json::from_str(&run.stdout) {
        return vec![document];
    }
    let lines = run.stdout.lines();
    let parsed: Result<Vec<Value>, _> = lines.map(serde_json::from_str).collect();
    let objects = parsed.unwrap_or_else(|error| panic!("{error}: {}", run.stdout));
    assert!(
        objects.iter().all(|one| one["type"].is_string()),
        "{}",
        run.stdout
    );
    objects
}

#[test]
fn every_verb_prints_json_and_nothing_else() {
    let product = deployed();
    product.write("event.json", "{}");
    let verbs = "validate|fmt --check|fmt --diff|render|plan|plan --offline|graph|ls|ls --all|get out/ got|trace out/a.txt|why in/a.txt|\
        redrive|reconcile|status|logs|drift|list|put a.txt|apply|init fresh|explain E302|explain|schema|schema --plan|\
        completions bash|completions zsh|completions fish|completions elvish|completions powershell|local bucket other|destroy";
    let images = "image inspect oci:workflows/images/shell|image unpack oci:workflows/images/shell unpacked|\
        image pull oci:workflows/images/shell --output pulled|image pack --output packed sh";
    for verb in verbs.split('|') {
        let words = verb.split_whitespace();
        let local = ["--local", "--json", "-f", MANIFEST];
        is_json(&product.scar(words.chain(local)).exits(0));
    }
    for verb in images.split('|') {
        let words = verb.split_whitespace();
        is_json(&product.scar(words.chain(["--json"])).exits(0));
    }
}

#[test]
fn an_error_is_an_object_too() {
    let product = Product::new();
    product.write(
        "bad.yaml",
        "scar: 1\nname: x\nstages: {a: {in: x/*, out: y/}}\n",
    );
    let cases: [(&[&str], i32); 7] = [
        (&["plan", "missing.yaml"], 1),
        (&["plan", "bad.yaml"], 3),
        (&["apply", "bad.yaml", "--local"], 3),
        (&["plan", "--no-such-option"], 1),
        (&["explain", "E999"], 1),
        (&["local", "info"], 1),
        (&["image", "inspect", "oci:nowhere"], 1),
    ];
    for (arguments, code) in cases {
        let run = product.scar(arguments.iter().copied().chain(["--json"]));
        assert_eq!(run.code, code, "{arguments:?}: {run:?}");
        let said = is_json(&run).pop().unwrap();
        assert_eq!(said["type"], "error", "{arguments:?}: {said:#}");
        assert_eq!(said["error"]["exit_code"], code, "{said:#}");
        assert!(said["error"]["message"].is_string(), "{said:#}");
        assert!(!run.stderr.contains("error:"), "{}", run.stderr);
        if code == 3 {
            assert_eq!(said["diagnostics"][0]["code"], "E011", "{said:#}");
        }
    }
    let formatted = product.scar(["fmt", "bad.yaml", "--json"]);
    is_json(&formatted);
}

/// The codes of the table in the reference, each with a command that ends so.
#[test]
fn exit_codes_are_those_of_the_table() {
    let page = fs::read_to_string(root().join("docs/reference/cli.md")).unwrap();
    let table = page.split_once("## Exit codes").unwrap().1;
    let table = table.split_once("\n## ").unwrap().0;
    let codes: BTreeSet<u8> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok())
        .collect();
    let product = deployed();
    product.write("bad.yaml", "scar: 1\n");
    product.stage(COPY, &["memory: 256MiB"]);
    let stale = ["plan", MANIFEST, "--local", "--out", "stale.plan"];
    product.scar(stale).exits(0);
    let local = |arguments: &str| {
        let words = arguments.split_whitespace();
        product.scar(words.chain(["--local"])).code
    };
    let mut seen = BTreeSet::new();
    let mut ends = |code: u8, arguments: &str| {
        assert_eq!(local(arguments), i32::from(code), "{arguments}");
        seen.insert(code);
    };
    ends(0, "explain E302");
    ends(1, "explain E999");
    ends(2, "plan w/workflow.yaml --exit-code");
    ends(3, "validate bad.yaml");
    ends(4, "destroy w/workflow.yaml --delete-data");
    ends(0, "apply w/workflow.yaml");
    ends(5, "apply stale.plan");
    product.stage("exit 3", &[]);
    product.write("b.txt", "b");
    ends(8, "run w/workflow.yaml b.txt");
    product.stage("n=0; while [ $n -lt 3000000 ]; do n=$((n + 1)); done", &[]);
    product.write("c.txt", "c");
    ends(124, "run w/workflow.yaml c.txt --timeout 1s");
    // A change that fails needs a cloud that refuses, and Ctrl-C has tests of its own.
    seen.extend([6, 7, 130]);
    assert_eq!(seen, codes);
}
