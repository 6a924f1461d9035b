//! The one integration-test binary. `cargo xtask test` starts what it needs.

mod support;
mod users;
