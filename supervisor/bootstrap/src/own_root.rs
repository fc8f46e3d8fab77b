//! A function whose image is the root of this process: what tasks may write to is emptied between them.

use std::fs;

use scar_container::remove_tree;

use crate::setup::Setup;

/// The only directories that can be written to ("Working with Lambda container images": everything else
/// is read-only), and shared memory, where there is any.
const WRITABLE: [&str; 2] = ["/tmp", "/dev/shm"];

/// Removes all that tasks have left, and all that was fetched for them, which they could have changed.
/// Does nothing where the root is not the image's: there tasks reach nothing that outlives them.
pub(crate) fn tidy(setup: &Setup) {
    if setup.own_image.is_none() {
        return;
    }
    for directory in WRITABLE {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            // What cannot be removed now, the next task tries again.
            let _ = remove_tree(&entry.path());
        }
    }
}
