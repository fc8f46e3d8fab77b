//! A CloudFormation document: read, write, references, intrinsic functions, diff, replacement rules.
//!
//! This crate knows CloudFormation and deliberately nothing of scar: the planner and the local cloud
//! both build on it, and neither sees the other's types.

pub mod document;

pub use document::{Document, Resource};
