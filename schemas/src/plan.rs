//! The plan, version 1: what `scar plan --json` prints and a saved plan file holds.
