//! A CloudFormation document: read, write, references, intrinsic functions, diff, replacement rules.
//!
//! This crate knows CloudFormation and deliberately nothing of scar: the planner and the local cloud
//! both build on it, and neither sees the other's types.
//!
//! ```
//! let text = r#"{"Resources": {"Drop": {"Type": "AWS::S3::Bucket"}}}"#;
//! let document = scar_cfn::Document::parse(text)?;
//! assert!(scar_cfn::validate(&document).is_empty());
//! assert_eq!(scar_cfn::creation_order(&document)?, ["Drop"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod diff;
pub mod document;
pub mod evaluate;
mod indent;
mod json;
mod parameter;
mod problem;
mod read;
pub mod reference;
pub mod replacement;
mod substitution;
mod validate;
mod write;

pub use diff::{Difference, PropertyDifference, diff};
pub use document::{Document, Resource};
pub use evaluate::{Pseudo, Resolver, Scope};
pub use problem::{Problem, problems};
pub use read::ReadError;
pub use reference::{Cycle, creation_order, dependencies};
pub use replacement::{Replacement, replacement};
pub use validate::{Finding, Severity, validate, validate_content, validate_size};
pub use write::canonical;
