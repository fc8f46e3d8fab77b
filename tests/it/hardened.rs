//! An environment with a key, access logs, versions and a network, and manifests that depend on their place.

use scar_tests::Product;
use scar_tests::pairwise::HARDENED;

const MANIFEST: &str = "w/workflow.yaml";

fn product(account: &str) -> Product {
    let product = Product::new();
    product.image("shell");
    let text = format!(
        "scar: 1\nname: hard\nenvs: {{dev: {{{account}{HARDENED}}}}}\nstages:\n  top:\n    \
         image: oci:../workflows/images/shell\n    in: in/**\n    out: out/\n    events: queue\n    concurrency: 2\n    \
         env: {{WHERE: \"{{{{ account }}}}/{{{{ region }}}}\"}}\n    \
         run: |\n      sort \"$SCAR_INPUT\" > \"$SCAR_OUT/sorted.txt\"\n      echo \"$WHERE\" >> \"$SCAR_OUT/sorted.txt\"\n"
    );
    product.write(MANIFEST, text);
    product.write("x.txt", "b\na\n");
    product
}

/// Nothing that linters want stands in the way of the local cloud, and what is deployed stays as it is.
#[test]
fn a_hardened_environment_runs_on_the_local_cloud() {
    let product = product("");
    let plan = product.scar(["plan", MANIFEST, "--local"]).exits(0);
    for said in [
        "kms:Decrypt kms:GenerateDataKey",
        "must let in CloudWatch Logs and EventBridge",
        "must let in logging.s3.amazonaws.com",
    ] {
        assert!(plan.stdout.contains(said), "{}", plan.stdout);
    }
    product.scar(["run", MANIFEST, "x.txt", "--local"]).exits(0);
    let got = product.scar(["get", "-f", MANIFEST, "--local", "out/", "got/"]);
    got.exits(0);
    let text = std::fs::read_to_string(product.path().join("got/sorted.txt")).unwrap();
    assert_eq!(text, "a\nb\n000000000000/us-east-1\n");
    product
        .scar(["plan", MANIFEST, "--local", "--exit-code"])
        .exits(0);
    product.scar(["drift", MANIFEST, "--local"]).exits(0);
    let plan = product.scar(["plan", MANIFEST, "--local", "--json"]);
    let plan = plan.exits(0).json();
    let checks = plan["checks"].as_array().unwrap();
    for code in ["account-code", "account-concurrency", "kms-key"] {
        let found = checks.iter().find(|check| check["code"] == code);
        assert_eq!(found.unwrap()["outcome"], "passed", "{code}");
    }
}

/// Where nobody is asked, what is written has to do; only `validate` takes any place.
#[test]
fn a_place_that_is_not_known_is_missed() {
    let unknown = product("");
    unknown.scar(["validate", MANIFEST]).exits(0);
    let run = unknown.scar(["render", MANIFEST]).exits(3);
    for said in ["scar::E705", "--region", "--local"] {
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
    unknown.scar(["plan", MANIFEST, "--offline"]).exits(3);
    let known = product("account: '123456789012', region: us-east-1, ");
    known.scar(["render", MANIFEST]).exits(0);
    known.scar(["plan", MANIFEST, "--offline"]).exits(0);
}
