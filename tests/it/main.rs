//! The whole product through its command line: what a user sees.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod clients;
mod crash;
mod docs;
mod examples;
mod failures;
mod gitops;
mod lint;
mod ministack;
mod plan;
mod quickstart;
mod recovery;
mod registry;
mod terminal;
mod validate;
