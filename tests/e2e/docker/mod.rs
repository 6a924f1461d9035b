//! The image, and containers of it that are started by hand.

mod away;
mod image;
mod import;
mod mistakes;
mod relay;
mod site;
mod steps;
mod stopping;
