//! The `scar` command: verbs, views and exit codes. The only crate that prints.
//!
//! It deliberately decides nothing about workflows or clouds: a verb is a recipe of the other crates'
//! functions, and what they say is shown by [`view`].

mod args;
mod assets;
mod changes;
mod deployment;
mod derived;
mod dispatch;
mod encoding;
mod error;
mod file;
mod follow;
mod images;
mod inputs;
#[cfg(test)]
mod pipelines;
mod places;
mod plan_set;
mod policy;
mod project;
#[cfg(test)]
mod reference;
mod session;
mod starters;
mod supervisor;
mod target;
mod verb;
mod view;
mod whereabouts;
mod workspace;

fn main() -> std::process::ExitCode {
    dispatch::main()
}
