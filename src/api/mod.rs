//! The JSON API: from requests to the store and back.

pub mod body;
pub mod changes;
pub mod docs;
pub mod format;
pub mod health;
pub mod import;
pub mod list;
pub mod query;
pub mod site;
mod stream;
pub mod users;
