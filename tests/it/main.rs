//! The one integration-test binary. `cargo xtask test` starts what it needs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;
mod users;
