//! Careless and impatient users of the command line.

use std::process::Stdio;
use std::time::Duration;

use scar_tests::cloud::within;
use scar_tests::{Cloud, Product, product::Run};

const MANIFEST: &str = "w/workflow.yaml";
/// Counts for some seconds, as the image has no `sleep`, then copies.
const SLOW_COPY: &str =
    "n=0; while [ $n -lt 3000000 ]; do n=$((n + 1)); done; cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"";

#[test]
fn a_run_outlives_the_local_cloud_of_another_process() {
    let product = Product::new();
    product.stage(SLOW_COPY, &[]);
    product.write("a.txt", "a");
    product.scar(["apply", MANIFEST, "--local"]).exits(0);
    let cloud = Cloud::up(&product);
    let run = product
        .command(["run", MANIFEST, "a.txt", "--local"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    within("the file is there", Duration::from_secs(20), || {
        let listed = product.scar(["ls", "in/", "-f", MANIFEST, "--local"]);
        listed.stdout.contains("a.txt")
    });
    cloud.kill();
    let run = Run::from(run.wait_with_output().unwrap()).exits(0);
    assert!(run.stderr.contains("going on without it"), "{}", run.stderr);
    assert!(run.stdout.contains("data:out/a.txt"), "{}", run.stdout);
}

#[test]
fn a_changed_script_does_not_pass_old_results_off_as_new_ones() {
    let product = Product::new();
    product.stage("cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"", &[]);
    product.write("a.txt", "a");
    let run = ["run", MANIFEST, "a.txt", "--local"];
    product.scar(run).exits(0);
    assert!(!product.scar(run).exits(0).stderr.contains("will not run"));
    product.stage("tr a b < \"$SCAR_INPUT\" > \"$SCAR_OUT/a.txt\"", &[]);
    let said = product.scar(run).exits(0).stderr;
    assert!(
        said.contains("1 task ended before this change of the workflow and will not run again"),
        "{said}"
    );
}

#[test]
fn data_that_will_be_deleted_is_not_called_kept() {
    let product = Product::new();
    product.stage("cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"", &[]);
    product.scar(["apply", MANIFEST, "--local"]).exits(0);
    let destroy = ["destroy", MANIFEST, "--local", "--delete-data"];
    let said = product.scar(destroy).exits(4).stdout;
    assert!(said.contains("deleted: bucket w-dev-"), "{said}");
    assert!(!said.contains("kept"), "{said}");
}
