//! The one integration-test binary. `cargo xtask test` starts what it needs.

mod filter_strategies;
mod support;
mod users;
