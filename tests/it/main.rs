//! The whole product through its command line: what a user sees.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod again;
mod clients;
mod crash;
mod docs;
mod examples;
mod failures;
mod gitops;
mod hardened;
mod image_functions;
mod interrupts;
mod lint;
mod manifests;
mod ministack;
mod old_files;
mod places;
mod plan;
mod programs;
mod quickstart;
mod recovery;
mod registry;
mod starters;
mod terminal;
mod troubles;
mod validate;
