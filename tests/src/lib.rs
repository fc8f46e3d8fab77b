//! scar-tests
