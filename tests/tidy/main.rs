//! The laws of the house, as ordinary tests: arrows, purity, sizes, pages, confinement.

mod arrows;
mod pages;
mod sizes;
mod sources;
