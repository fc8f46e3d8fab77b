//! Manifests of any number of stages.

use std::fmt::Write;

/// A manifest of groups of three: a stage that fans out, a worker of one of its outputs, and a join of the
/// worker's results with the other output. Only the workers have `memory`.
///
/// A short text for each stage, so that thousands of them are not refused for the size of the file.
#[must_use]
pub fn manifest(stages: usize, memory: &str) -> String {
    let mut text = "scar: 1\nname: generated\nstages:\n".to_owned();
    for group in 0..stages.div_ceil(3) {
        let _ = write!(
            text,
            r#"  s{group}: {{image: "a:1", in: "i/{group}/*.mp4", out: {{v/{group}/: "*.avi", a/{group}/: "*.wav"}}}}
  p{group}: {{image: "a:1", in: "v/{group}/*.avi", out: "p/{group}/*.json", memory: {memory}}}
  b{group}: {{image: "a:1", in: [p/{group}/*.json, a/{group}/*.wav], join: {{by: stem}}, out: r/{group}/}}
"#
        );
    }
    text
}
