//! The one integration-test binary. `cargo xtask test` starts what it needs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "cargo shows what a test prints, such as its seed, when it fails")]

mod addresses;
mod asking;
mod batch;
mod certificates;
mod client;
mod commands;
mod conditions;
mod connections;
mod crashes;
mod demo;
mod differential;
mod faults;
mod feed;
mod feed_order;
mod filter_strategies;
mod filters;
mod follower;
mod full_disk;
mod http_basics;
mod idempotency;
mod identity;
mod lists;
mod long_statements;
mod monitoring;
mod negotiation;
mod oidc;
mod openapi;
mod pages;
mod permissions;
mod postgres_server;
mod postgres_tls;
mod privileges;
mod production;
mod races;
mod random;
mod raw;
mod rolling;
mod rules;
mod schemathesis;
mod silent_peers;
mod starting;
mod standing;
mod store_story;
mod support;
mod tokens;
mod telemetry;
mod tls;
mod transfer;
mod users;
mod v1;
mod validation;
mod walks;
