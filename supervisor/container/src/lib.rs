//! scar-container
