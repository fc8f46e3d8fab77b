//! Functions that start in the image of their stage.

use std::fs;
use std::process::Command;

use scar_tests::Product;

use crate::registry::Registry;

const MANIFEST: &str = "w/workflow.yaml";
/// Tells what it finds of the task before it, and leaves something for the next one.
const NOSY: &str = r#"#!/bin/sh -e
seen="$SCAR_OUT/$SCAR_STEM.txt"
ls /tmp > "$seen"
for one in /proc/[0-9]*/cmdline; do
    case "$(tr '\0' ' ' < "$one" 2>/dev/null)" in
        *left-behind*) echo a process >> "$seen" ;;
    esac
done
(echo x > /outside) 2>/dev/null && echo writable >> "$seen"
echo mine > /tmp/left
sh -c 'while :; do :; done' left-behind &
"#;

/// Two stages of one image: a function of a package, and one that starts in the image.
fn write_manifest(product: &Product, image: &str) {
    let text = format!(
        "scar: 1\nname: w\nstages:\n  first:\n    image: {image}\n    in: in/**\n    out: mid/\n    \
         run: cat \"$SCAR_INPUT\" > \"$SCAR_OUT/$SCAR_STEM.txt\"\n  second:\n    image: {image}\n    \
         package: image\n    in: mid/**\n    out: out/\n    script: nosy.sh\n"
    );
    product.write(MANIFEST, text);
    product.write("w/nosy.sh", NOSY);
}

#[test]
fn a_function_runs_in_the_root_of_its_image() {
    let product = Product::new();
    product.image("shell");
    let registry = Registry::start(&product);
    write_manifest(&product, &format!("{}/shell:1", registry.address));
    let plan = product.scar(["plan", MANIFEST, "--local", "--plain-http"]);
    let plan = plan.exits(0).stdout;
    assert!(
        plan.contains("of stage second with the supervisor"),
        "{plan}"
    );
    for name in ["a", "b"] {
        let file = product.write(&format!("{name}.txt"), name);
        let file = file.to_str().unwrap();
        let run = product.scar(["run", MANIFEST, file, "--local", "--plain-http"]);
        run.exits(0);
    }
    product
        .scar(["get", "out/", "got", "-f", MANIFEST, "--local"])
        .exits(0);
    for name in ["a", "b"] {
        let seen = fs::read_to_string(product.path().join(format!("got/{name}.txt"))).unwrap();
        assert_eq!(seen, "scar\n", "{name}");
    }
    let apply = product.scar(["apply", MANIFEST, "--local", "--plain-http"]);
    assert!(apply.exits(0).stdout.contains("No changes"));
    let plan = ["plan", MANIFEST, "--local", "--plain-http", "--exit-code"];
    product.scar(plan).exits(0);
    registry.push_as(&product, "other", &["cat", "ls"]);
    let moved = product.scar(plan).exits(2).stdout;
    assert!(
        moved.contains("of stage second with the supervisor"),
        "{moved}"
    );
}

#[test]
fn an_image_of_this_disk_says_how_it_wants_to_be_run() {
    let product = Product::new();
    let pack = [
        "image",
        "pack",
        "--output",
        "w/own",
        "sh",
        "cat",
        "--var",
        "COLOUR=red",
        "--directory",
        "/usr",
        "--entry",
        "/bin/sh",
        "--entry",
        "-c",
        "--entry",
        "cat \"$SCAR_INPUT\" /tmp/ref/r.txt > \"$SCAR_OUT/x\"; echo $COLOUR $PWD >> \"$SCAR_OUT/x\"",
    ];
    product.scar(pack).exits(0);
    product.write(
        MANIFEST,
        "scar: 1\nname: w\nstages:\n  own:\n    image: oci:own\n    package: image\n    in: in/**\n    \
         out: out/\n    mounts: {/tmp/ref: 'data:ref/'}\n",
    );
    product.write("a.txt", "a\n");
    product.write("r.txt", "r\n");
    product.scar(["apply", MANIFEST, "--local"]).exits(0);
    product
        .scar(["put", "r.txt", "ref/", "-f", MANIFEST, "--local"])
        .exits(0);
    product.scar(["run", MANIFEST, "a.txt", "--local"]).exits(0);
    product
        .scar(["get", "out/", "got", "-f", MANIFEST, "--local"])
        .exits(0);
    let made = fs::read_to_string(product.path().join("got/x")).unwrap();
    assert_eq!(made, "a\nr\nred /usr\n");
}

#[test]
fn what_an_image_function_cannot_be_made_of_is_said_when_it_is_planned() {
    let product = Product::new();
    product.image("shell");
    let status = Command::new("skopeo")
        .args([
            "--insecure-policy",
            "copy",
            "--quiet",
            "--dest-compress-format=zstd",
        ])
        .arg(format!(
            "oci:{}",
            product.path().join("workflows/images/shell").display()
        ))
        .arg(format!(
            "oci:{}:latest",
            product.path().join("zstd").display()
        ))
        .status();
    assert!(status.is_ok_and(|status| status.success()), "skopeo failed");
    product.stage("true", &["package: image"]);
    let text = fs::read_to_string(product.path().join(MANIFEST)).unwrap();
    let text = text.replace("oci:../workflows/images/shell", "oci:../zstd");
    product.write(MANIFEST, text);
    let said = product.scar(["plan", MANIFEST, "--local"]).exits(1).stderr;
    assert!(
        said.contains("stage work") && said.contains("gzip only"),
        "{said}"
    );
}
