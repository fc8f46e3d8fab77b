//! The whole product through its command line: what a user sees.

mod crash;
mod examples;
mod failures;
mod plan;
mod quickstart;
mod validate;
