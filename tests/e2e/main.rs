//! End to end: the image on a real Docker engine, the stack by Compose, the objects in a real cluster.
//! `cargo xtask e2e docker|compose|kubernetes` builds what these need and runs them, one at a time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "what was measured is printed")]

mod compose;
mod docker;
mod kubernetes;
mod load;
mod manifests;
mod shell;
