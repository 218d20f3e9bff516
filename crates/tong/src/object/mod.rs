//! The objects, a file each.
pub mod file;
pub mod mailslot;
