//! Files of SCAR 4, from the first look to the results, as they are and after their conversion.

use std::fs;

use scar_tests::{Product, root};

/// A file of SCAR 4, the object that is put, and the results that there are then.
struct Old {
    file: &'static str,
    input: &'static str,
    results: &'static [&'static str],
}

const FILES: [Old; 2] = [
    Old {
        file: "imagemagick",
        input: "p.png",
        results: &["data:output/grey.png"],
    },
    // Batch, then Lambda.
    Old {
        file: "chain",
        input: "film.avi",
        results: &[
            "acme-archive:all/1.jpg",
            "acme-archive:all/2.jpg",
            "acme-video:out/1.jpg",
        ],
    },
];
const SCRIPTS: [(&str, &str); 3] = [
    (
        "grey.sh",
        "cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/grey.png\"",
    ),
    (
        "frames.sh",
        "for i in 1 2; do echo $i > \"$TMP_OUTPUT_DIR/$i.jpg\"; done",
    ),
    ("objects.sh", "cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\""),
];

/// The file with the image `shell` in the place of those of foreign registries.
fn at_hand(product: &Product, old: &Old) {
    product.image("shell");
    let from = root().join(format!("engine/manifest/tests/import/{}.yaml", old.file));
    let text = fs::read_to_string(from).unwrap();
    let with_image = |line: &str| match line.split_once("image: ") {
        Some((before, after)) => {
            let rest = after.find('}').map_or("", |at| &after[at..]);
            format!("{before}image: \"oci:../workflows/images/shell\"{rest}\n")
        }
        None => format!("{line}\n"),
    };
    product.write(
        "w/old.yaml",
        text.lines().map(with_image).collect::<String>(),
    );
    for (name, script) in SCRIPTS {
        product.write(&format!("w/{name}"), format!("#!/bin/sh -e\n{script}\n"));
    }
    product.write(old.input, "content");
    let buckets = ["acme-pictures", "acme-video", "acme-archive"];
    product
        .scar(["local", "bucket"].into_iter().chain(buckets))
        .exits(0);
}

#[track_caller]
fn works(product: &Product, manifest: &str, old: &Old) {
    product.scar(["validate", manifest]).exits(0);
    product.scar(["apply", manifest, "--local"]).exits(0);
    let again = ["plan", manifest, "--local", "--exit-code"];
    product.scar(again).exits(0);
    let run = product
        .scar(["run", manifest, old.input, "--local"])
        .exits(0);
    for result in old.results {
        assert!(
            run.stdout.contains(result),
            "{result} is not in {}",
            run.stdout
        );
    }
    product.scar(again).exits(0);
}

#[test]
fn an_old_file_works_as_it_is() {
    for old in &FILES {
        let product = Product::new();
        at_hand(&product, old);
        works(&product, "w/old.yaml", old);
    }
}

#[test]
fn a_converted_file_does_the_same() {
    for old in &FILES {
        let product = Product::new();
        at_hand(&product, old);
        let convert = ["import", "w/old.yaml", "--out", "w/workflow.yaml"];
        product.scar(convert).exits(0);
        works(&product, "w/workflow.yaml", old);
    }
}

#[test]
fn other_storages_are_refused_with_their_place() {
    let product = Product::new();
    let from = root().join("engine/manifest/tests/import/providers.yaml");
    product.write("old.yaml", fs::read_to_string(from).unwrap());
    let run = product.scar(["validate", "old.yaml"]).exits(3);
    assert!(run.stderr.contains("minio"), "{}", run.stderr);
    assert!(run.stderr.contains("old.yaml:"), "{}", run.stderr);
    product
        .scar(["import", "old.yaml", "--out", "new.yaml"])
        .exits(3);
    assert!(!product.path().join("new.yaml").exists());
}

#[test]
fn a_bucket_that_should_be_there_is_made_in_the_local_cloud() {
    let product = Product::new();
    at_hand(&product, &FILES[0]);
    let text = fs::read_to_string(product.path().join("w/old.yaml")).unwrap();
    product.write(
        "w/other.yaml",
        text.replace("acme-pictures", "acme-elsewhere"),
    );
    let said = product
        .scar(["apply", "w/other.yaml", "--local"])
        .exits(4)
        .stderr;
    assert!(said.contains("scar local bucket acme-elsewhere"), "{said}");
}
