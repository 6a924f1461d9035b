//! On a real cluster of at least two nodes: what users and machines do to it, and what that costs those who call.
//!
//! The tests share one installation and leave it as they found it, so that each can also be run alone:
//! `cargo xtask e2e kubernetes --no-guide -- kubernetes::faults`.

mod changes;
mod chart;
mod cluster;
mod door;
mod faults;
mod growth;
mod identity;
mod installation;
mod mistakes;
mod nodes;
mod ops;
mod overlay;
mod pod;
mod policies;
mod production;
mod program;
mod report;
mod starts;
mod traffic;
mod upgrade;
