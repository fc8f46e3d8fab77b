//! scar-apply
