//! Writes the list of error pages, so that `scar explain` has them without a file beside it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let folder = Path::new(&here).join("../../docs/errors");
    // A directive of cargo's, not output.
    writeln!(io::stdout(), "cargo:rerun-if-changed={}", folder.display())?;
    let mut pages =
        String::from("/// Code and text of every error page.\nconst PAGES: &[(&str, &str)] = &[\n");
    for path in markdown_files(&folder)? {
        let code = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let path = path.canonicalize()?;
        let _ = writeln!(pages, "    ({code:?}, include_str!({path:?})),");
    }
    pages.push_str("];\n");
    fs::write(Path::new(&out).join("pages.rs"), pages)
}

/// Pages by code; other texts in the folder, such as an index, do not begin with a code's letter and digit.
fn markdown_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_page = |path: &PathBuf| {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let coded = name.len() == 4 && name[1..].bytes().all(|byte| byte.is_ascii_digit());
        coded && path.extension().is_some_and(|suffix| suffix == "md")
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut files: Vec<PathBuf> = entries
        .into_iter()
        .map(|entry| entry.path())
        .filter(is_page)
        .collect();
    files.sort();
    Ok(files)
}
