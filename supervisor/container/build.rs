//! Compiles the loader of the engine `graft`, which is embedded in the crate.
//!
//! It is a program of its own, without a standard library, so it cannot be a module; and as a crate of
//! the workspace it would need linker settings from outside. So the compiler that builds this crate is
//! asked once more. It is embedded compressed, which halves it. Where there is no loader for the target, the
//! file is empty and the engine says so.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// Static, movable, and without anything that the system would bring along.
const OPTIONS: [&str; 14] = [
    "--edition=2024",
    "--crate-name=graft",
    "--crate-type=bin",
    "-Copt-level=2",
    "-Cpanic=abort",
    "-Crelocation-model=pie",
    "-Ctarget-feature=+crt-static",
    "-Cstrip=symbols",
    "-Ccodegen-units=1",
    "-Clto=fat",
    "-Clinker=rust-lld",
    "-Clinker-flavor=ld.lld",
    "-Clink-args=-static -pie --no-dynamic-linker -znorelro --no-rosegment",
    "-Dwarnings",
];

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=graft");
    let variable = |name| env::var(name).unwrap_or_default();
    let output = PathBuf::from(variable("OUT_DIR")).join("graft");
    let packed = output.with_extension("deflate");
    let target = variable("TARGET");
    if !target.starts_with("x86_64-unknown-linux-") {
        return fs::write(packed, b"");
    }
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(compiler)
        .args(OPTIONS)
        .args(["--target", &target, "-o"])
        .arg(&output)
        .arg(Path::new("graft").join("main.rs"))
        // Options for the crates of the workspace may not suit a program without a system.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()?;
    if !status.success() {
        return Err(io::Error::other(
            "the loader of the engine `graft` cannot be compiled",
        ));
    }
    let mut packer = DeflateEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&fs::read(output)?)?;
    fs::write(packed, packer.finish()?)
}
