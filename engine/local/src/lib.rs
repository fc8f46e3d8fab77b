//! scar-local
