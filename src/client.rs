//! The other side of the API: what the commands that talk to a server are made of.
//!
//! A token goes only to the address it was saved or set for: no redirect is followed, no proxy is used, and links of a
//! server lead to nowhere but itself. Whatever a server says is made harmless before a terminal sees it.

mod answer;
pub mod changes;
pub mod connection;
mod exchange;
mod failure;
mod layout;
mod problem;
pub mod profiles;
mod retry;
pub mod rows;
mod table;
pub mod terminal;
pub mod text;
mod trouble;
pub mod users;

pub use answer::Answer;
pub use exchange::{Client, Request, Settings};
pub use failure::{ClientError, ErrorKind};
pub use layout::Layout;
