//! The CloudFormation linter finds nothing in any rendered template.

use std::process::Command;

use scar_tests::Product;
use scar_tests::product::python;

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
        .args(&templates)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&lint.stdout) + String::from_utf8_lossy(&lint.stderr);
    assert!(lint.status.success() && said.trim().is_empty(), "{said}");
}
