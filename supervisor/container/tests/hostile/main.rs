//! Layers that try to leave their root, lie about their content, or cost too much.
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod archive;
mod classes;
mod content;
mod image;
mod limits;
mod variants;
