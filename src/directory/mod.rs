//! The read side: what stands between many readers and the database.

pub mod coalescer;
