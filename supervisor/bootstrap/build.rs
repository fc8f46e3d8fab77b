//! Links the program statically without any setting outside this folder.
//!
//! `-C target-feature=+crt-static` would have to come from the environment, would reach the build
//! scripts and procedural macros of every crate too, and would move the output directory. Instead the
//! final link gets `-static-pie` and, in front of the system's directories, one in which the names of
//! the shared C libraries are linker scripts that lead to the archives.

use std::{env, fs, io, path::PathBuf};

/// The shared library that the compiler asks for, and the archives that serve instead.
const LIBRARIES: [(&str, &str); 7] = [
    ("gcc_s", "-l:libgcc_eh.a -l:libgcc.a"),
    ("c", "-l:libc.a"),
    ("m", "-l:libm.a"),
    ("dl", "-l:libdl.a"),
    ("rt", "-l:librt.a"),
    ("pthread", "-l:libpthread.a"),
    ("util", "-l:libutil.a"),
];

/// Throws the unwind tables away: the program aborts on a panic, nothing ever walks them, and they are
/// a tenth of the file.
const DISCARD: &str = "\
SECTIONS { /DISCARD/ : { *(.eh_frame) *(.eh_frame_hdr) *(.gcc_except_table*) } } INSERT AFTER .text;
";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return Ok(());
    }
    let directory = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("static");
    fs::create_dir_all(&directory)?;
    for (name, archives) in LIBRARIES {
        let script = format!("GROUP ( {archives} )\n");
        fs::write(directory.join(format!("lib{name}.so")), script)?;
    }
    println!("cargo:rustc-link-arg-bins=-L{}", directory.display());
    println!("cargo:rustc-link-arg-bins=-static-pie");
    // Relocations as a bitmap: 15 KB instead of 300 KB. glibc reads it from 2.36 on, and it is linked in.
    println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    if is("PROFILE", "release") {
        let script = directory.join("discard.ld");
        fs::write(&script, DISCARD)?;
        println!("cargo:rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
        // Functions with the same code become one, as in other large programs linked with LLD, which
        // is what Rust brings along.
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
        // Strings that end alike share their ends.
        println!("cargo:rustc-link-arg-bins=-Wl,-O2");
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", script.display());
    }
    Ok(())
}
