//! Manifests as they lie on disks: of every sort of file, on every sort of terminal.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use scar_tests::{Product, Run, product::scar};

const MANIFEST: &str = "w/workflow.yaml";
const COPY: &str = "cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"";

fn validated(product: &Product, name: &str) -> Run {
    product.scar(["validate", name])
}

#[test]
fn texts_of_other_systems_are_read() {
    let product = Product::new();
    product.stage(COPY, &[]);
    let text = fs::read_to_string(product.path().join(MANIFEST)).unwrap();
    product.write("w/lines.yaml", text.replace('\n', "\r\n"));
    symlink("workflow.yaml", product.path().join("w/link.yaml")).unwrap();
    for name in ["w/lines.yaml", "w/link.yaml"] {
        validated(&product, name).exits(0);
        product.scar(["plan", name, "--offline"]).exits(0);
    }
}

#[test]
fn what_is_no_manifest_is_one_clear_error() {
    let product = Product::new();
    product.write("empty.yaml", "");
    product.write("mark.yaml", "\u{feff}scar: 1\n");
    product.write("binary.yaml", [0xff, 0xfe, 0x00]);
    fs::create_dir(product.path().join("folder.yaml")).unwrap();
    symlink("nowhere", product.path().join("dangling.yaml")).unwrap();
    for (name, code, words) in [
        ("empty.yaml", 3, "empty"),
        ("mark.yaml", 3, "byte order mark"),
        ("binary.yaml", 1, "not UTF-8"),
        ("folder.yaml", 1, "directory"),
        ("dangling.yaml", 1, "No such file"),
        ("missing.yaml", 1, "No such file"),
    ] {
        let run = validated(&product, name).exits(code);
        assert!(run.stderr.contains(words), "{name}: {}", run.stderr);
        assert!(run.stderr.contains(name), "{name}: {}", run.stderr);
    }
    let nothing = product.scar(["validate"]).exits(1).stderr;
    assert!(nothing.contains("scar init"), "{nothing}");
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let product = Product::new();
    let secret = product.write("secret.yaml", "scar: 1\n");
    fs::set_permissions(&secret, Permissions::from_mode(0o000)).unwrap();
    // Whoever may read everything reads this one too.
    let code = if fs::read(&secret).is_ok() { 3 } else { 1 };
    let run = validated(&product, "secret.yaml").exits(code);
    assert!((run.stdout + &run.stderr).contains("secret.yaml"));
}

#[test]
fn unknown_words_are_answered_with_known_ones() {
    let product = Product::new();
    for (arguments, known) in [
        (&["valdate"][..], "validate"),
        (&["plan", "--offlin"], "--offline"),
        (&["image", "pul"], "pull"),
    ] {
        let said = product.scar(arguments).exits(1).stderr;
        assert!(said.contains(known), "{said}");
    }
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let product = Product::new();
    product.write("bad.yaml", "scar: 1\nname: x\nstages: {a: {in: x/*}}\n");
    let at_terminal = |variable: &str| {
        let command = format!("{variable} {} validate bad.yaml", scar().display());
        let output = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .current_dir(product.path())
            .env("TERM", "xterm")
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(at_terminal("SCAR_TEST=1").contains("\u{1b}["));
    for plain in ["NO_COLOR=1", "TERM=dumb"] {
        let said = at_terminal(plain);
        assert!(!said.contains("\u{1b}["), "{plain}: {said}");
        assert!(said.contains("E011"), "{said}");
    }
}
