//! The one integration-test binary. `cargo xtask test` starts what it needs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asking;
mod batch;
mod conditions;
mod http_basics;
mod idempotency;
mod identity;
mod lists;
mod negotiation;
mod pages;
mod support;
mod users;
mod validation;
