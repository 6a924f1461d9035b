//! Users in bulk: in from files, out into files, and from one database to another.

pub mod cells;
pub mod console;
pub mod export;
pub mod format;
pub mod import;
pub mod output;
pub mod reader;
pub mod report;
