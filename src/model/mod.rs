//! Pure data and its rules: no I/O, no clock, no randomness.

pub mod actor;
pub mod change;
pub mod email;
pub mod etag;
pub mod filter;
pub mod fold;
pub mod hex;
pub mod import;
pub mod json;
pub mod listing;
pub mod place;
pub mod position;
pub mod role;
pub mod secret;
pub mod token;
pub mod user;
mod user_input;
