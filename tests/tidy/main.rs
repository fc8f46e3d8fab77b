//! The laws of the house, as ordinary tests: arrows, purity, sizes, pages, confinement.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod arrows;
mod pages;
mod sizes;
mod sources;
