//! Other people's clients talk to the embedded cloud.

use std::process::Command;

use scar_tests::{Cloud, Product, root};

fn python(script: &str) {
    let product = Product::new();
    let cloud = Cloud::up(&product);
    let run = cloud.python(script, &[]);
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
}

#[test]
fn boto3_stores_lists_copies_and_uploads_in_parts() {
    python("s3_boto3.py");
}

#[test]
fn boto3_deploys_invokes_and_reads_logs() {
    python("control_boto3.py");
}

#[test]
fn the_aws_command_line_works() {
    let product = Product::new();
    let cloud = Cloud::up(&product);
    let output = Command::new("bash")
        .arg(root().join("tests/clients/s3_cli.sh"))
        .current_dir(product.path())
        .envs(cloud.variables())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
