//! The stack of deploy/compose.yaml.

#[path = "../../it/telemetry/collector.rs"]
mod collector;
mod faults;
mod scale;
mod stack;
mod start;
mod watch;
