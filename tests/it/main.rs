//! The whole product through its command line: what a user sees.

mod clients;
mod crash;
mod docs;
mod examples;
mod failures;
mod lint;
mod ministack;
mod plan;
mod quickstart;
mod registry;
mod validate;
