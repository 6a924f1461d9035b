//! The one integration-test binary. `cargo xtask test` starts what it needs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asking;
mod batch;
mod conditions;
mod differential;
mod feed;
mod feed_order;
mod filter_strategies;
mod filters;
mod follower;
mod http_basics;
mod idempotency;
mod identity;
mod lists;
mod negotiation;
mod pages;
mod races;
mod random;
mod rules;
mod store_story;
mod support;
mod users;
mod validation;
mod walks;
