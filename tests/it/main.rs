//! The whole product through its command line: what a user sees.

mod quickstart;
