//! A function whose image is the root of this process: what tasks may write to is emptied between them.

use std::fs;

use scar_container::remove_tree;

use crate::setup::Setup;

/// The only directory that can be written to ("Working with Lambda container images": the file system is
/// read-only but for `/tmp`).
const WRITABLE: &str = "/tmp";

/// Removes all that tasks have left, and all that was fetched for them, which they could have changed.
/// Does nothing where the root is not the image's: there tasks reach nothing that outlives them.
pub(crate) fn tidy(setup: &Setup) {
    if setup.own_image.is_none() {
        return;
    }
    for entry in fs::read_dir(WRITABLE).into_iter().flatten().flatten() {
        // What cannot be removed now, the next task tries again.
        let _ = remove_tree(&entry.path());
    }
}
