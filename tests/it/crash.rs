//! A hundred files, and a cloud that is killed in the middle.

use std::process::Command;
use std::time::Duration;

use scar_tests::cloud::within;
use scar_tests::{Cloud, Product};

const MANIFEST: &str = "workflows/imagemagick/workflow.yaml";
const FILES: usize = 100;

fn pictures(product: &Product) -> Vec<String> {
    let script = format!(
        "for i in $(seq -w 1 {FILES}); do /usr/bin/convert-im6.q16 -size 40x30 xc:\"hsl($i,200,120)\" \"$i.png\"; done"
    );
    let status = Command::new("sh")
        .args(["-c", &script])
        .current_dir(product.path())
        .status();
    assert!(status.unwrap().success());
    (1..=FILES)
        .map(|number| format!("{number:03}.png"))
        .collect()
}

fn results(product: &Product) -> usize {
    let listed = product.scar(["ls", "index/", "--json", "-f", MANIFEST, "--local"]);
    listed.stdout.matches(".txt\"").count()
}

fn applied() -> (Product, Vec<String>) {
    let product = Product::new();
    product.image("imagemagick");
    let files = pictures(&product);
    product.scar(["apply", MANIFEST, "--local"]).exits(0);
    (product, files)
}

fn put(files: &[String]) -> impl Iterator<Item = &str> {
    ["put", "-f", MANIFEST, "--local"]
        .into_iter()
        .chain(files.iter().map(String::as_str))
}

#[test]
fn a_hundred_files_are_a_hundred_results() {
    let (product, files) = applied();
    let cloud = Cloud::up(&product);
    product.scar(put(&files)).exits(0);
    within("100 results", Duration::from_secs(300), || {
        results(&product) == FILES
    });
    let counted = cloud.python("count_results.py", &[&FILES.to_string()]);
    assert_eq!(counted.code, 0, "{counted:?}");
}

#[test]
fn a_killed_cloud_goes_on_where_it_was() {
    let (product, files) = applied();
    let cloud = Cloud::up(&product);
    product.scar(put(&files)).exits(0);
    within("some results", Duration::from_secs(120), || {
        results(&product) > 10
    });
    assert!(
        results(&product) < FILES,
        "the cloud was too fast to be killed in the middle"
    );
    cloud.kill();
    let cloud = Cloud::up(&product);
    within("100 results", Duration::from_secs(300), || {
        results(&product) == FILES
    });
    // What was killed between its first output and its commit is left for a sweep to find.
    let reconcile = ["reconcile", "--start", "-f", MANIFEST, "--local"];
    product.scar(reconcile).exits(0);
    let counted = cloud.python("count_results.py", &[&FILES.to_string()]);
    assert_eq!(counted.code, 0, "{counted:?}");
}
