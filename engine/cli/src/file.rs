//! Files of people, replaced whole or not at all.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// Permissions of a new file.
const MODE: u32 = 0o644;

/// Writes a file beside its place and moves it there, so that no reader sees half of it and no crash leaves
/// half of it. Links stay links, and permissions stay.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), CliError> {
    // What does not exist has no other name.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    write(&target, text)
        .map_err(|error| CliError::caused(format!("cannot write {}", path.display()), &error))
}

fn write(target: &Path, text: &str) -> std::io::Result<()> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let permissions = match fs::metadata(target) {
        Ok(there) => there.permissions(),
        Err(_) => Permissions::from_mode(MODE),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(target)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_permissions_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();
        replace(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        let mode = fs::metadata(&real).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(replace(&folder.path().join("no/file"), "").is_err());
    }
}
