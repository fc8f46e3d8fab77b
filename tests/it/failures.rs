//! What goes wrong for users, and what they see then.

use std::fs;
use std::process::Command;
use std::time::Duration;

use scar_tests::cloud::{peak_memory_kib, within};
use scar_tests::{Cloud, Product};

const MANIFEST: &str = "w/workflow.yaml";
const COPY: &str = "cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"";

#[test]
fn a_failing_script_is_named_with_its_exit_code_and_last_words() {
    let product = Product::new();
    product.stage("echo the tank is empty >&2; exit 1", &[]);
    product.write("a.txt", "a");
    let run = product.scar(["run", MANIFEST, "a.txt", "--local"]).exits(8);
    let said = run.stdout + &run.stderr;
    assert!(said.contains("the tank is empty"), "{said}");
    assert!(
        said.contains("exit code 1") || said.contains("exited with 1") || said.contains("exit 1"),
        "{said}"
    );
    product
        .scar(["ls", "out/", "-f", MANIFEST, "--local"])
        .exits(0);
}

#[test]
fn a_missing_image_is_one_clear_error_before_anything_is_made() {
    let product = Product::new();
    product.stage(COPY, &[]);
    fs::remove_file(product.path().join("workflows/images/shell")).unwrap();
    let run = product.scar(["apply", MANIFEST, "--local"]);
    assert_ne!(run.code, 0);
    assert!(
        run.stderr.contains("work") && run.stderr.contains("images/shell"),
        "{}",
        run.stderr
    );
    assert_eq!(
        run.stderr.matches("images/shell").count().min(3),
        run.stderr.matches("images/shell").count()
    );
}

#[test]
fn a_corrupt_layer_fails_the_task_and_leaves_nothing_behind() {
    let product = Product::new();
    product.stage(COPY, &[]);
    product.scar(["apply", MANIFEST, "--local"]).exits(0);
    let cloud = Cloud::up(&product);
    let damaged = cloud.python("damage_layer.py", &[]);
    assert_eq!(damaged.code, 0, "{damaged:?}");
    product.write("a.txt", "a");
    let run = product.scar(["run", MANIFEST, "a.txt", "--local"]).exits(8);
    let said = run.stdout + &run.stderr;
    assert!(said.contains("image") && said.contains("sha256:"), "{said}");
}

#[test]
fn an_empty_file_is_a_file() {
    let product = Product::new();
    product.stage(COPY, &[]);
    product.write("empty.txt", "");
    product
        .scar(["run", MANIFEST, "empty.txt", "--local"])
        .exits(0);
    product
        .scar(["get", "out/", "got", "-f", MANIFEST, "--local"])
        .exits(0);
    assert_eq!(fs::read(product.path().join("got/empty.txt")).unwrap(), b"");
}

#[test]
fn odd_file_names_arrive_byte_for_byte() {
    let product = Product::new();
    product.stage(
        "printf %s \"$SCAR_KEY\" > \"$SCAR_OUT/$(cat \"$SCAR_INPUT\")\"",
        &[],
    );
    product.scar(["apply", MANIFEST, "--local"]).exits(0);
    let cloud = Cloud::up(&product);
    let checked = cloud.python("odd_names.py", &[]);
    assert_eq!(checked.code, 0, "{}\n{}", checked.stdout, checked.stderr);
}

#[test]
fn a_gibibyte_streams_through_a_small_supervisor() {
    let product = Product::new();
    product.stage(COPY, &["disk: 4GiB", "timeout: 10m"]);
    let big = product.write("big.bin", "");
    fs::File::options()
        .write(true)
        .open(&big)
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let mut run = product.start(["run", MANIFEST, "big.bin", "--local"]);
    let mut peak_kib = 0;
    within("a gibibyte goes through", Duration::from_secs(300), || {
        peak_kib = peak_kib.max(peak_memory_kib("/opt/bootstrap"));
        run.try_wait().unwrap().is_some()
    });
    assert!(run.wait().unwrap().success());
    assert!(peak_kib > 0, "the supervisor was never seen");
    assert!(
        peak_kib < 64 * 1024,
        "the supervisor's memory peaked at {peak_kib} KiB"
    );
    let listed = product
        .scar(["ls", "out/", "--json", "-f", MANIFEST, "--local"])
        .exits(0);
    assert!(listed.stdout.contains("1073741824"), "{}", listed.stdout);
}

#[test]
fn a_full_disk_is_said_and_the_next_file_works() {
    let product = Product::new();
    product.stage(
        "if [ -s \"$SCAR_INPUT\" ]; then head -c 300M /dev/zero > \"$SCAR_OUT/big\"; fi; echo ok > \"$SCAR_OUT/$SCAR_STEM\"",
        &["disk: 512MiB"],
    );
    product.write("full.txt", "fill it");
    product.write("fine.txt", "");
    // The product's whole state lives on a disk of 200 MiB, in a mount namespace of its own.
    let script = format!(
        "mkdir -p .scar && mount -t tmpfs -o size=200m none .scar && \
         {{ {scar} run {MANIFEST} full.txt --local; echo \"first: $?\"; {scar} run {MANIFEST} fine.txt --local; echo \"second: $?\"; }}",
        scar = scar_tests::product::scar().display()
    );
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .current_dir(product.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("first: 8"), "{said}");
    assert!(said.contains("disk"), "{said}");
    assert!(said.contains("second: 0"), "{said}");
}
