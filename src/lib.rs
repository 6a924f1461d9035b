//! Roster, a user directory service. The modules, in the order in which they depend on each other:
//! each uses those below it, none those above; only `api` and `openapi` know `routes` too, for links are paths.

pub mod cli; // the commands, one function each
pub mod client; // the other side of the API: HTTP, pages, tables
pub mod service; // starting and ending the whole: listeners, database, background work
pub mod routes; // every path, one line each
pub mod openapi; // what the contract says of each
pub mod api; // handlers of the JSON API and of the ops port
pub mod app; // what every handler is given
pub mod auth; // who calls, and what they may do
pub mod server; // HTTP/1.1 on a socket: limits on connections, drain
pub mod fd_store; // a process that holds the listening socket over a crash
pub mod error; // the only place that picks an error's status
pub mod directory; // reads that share statements
pub mod transfer; // users in bulk: import, export, copy
pub mod demo; // sample people
pub mod store; // the only SQL
pub mod config; // the command line and the environment
pub mod model; // pure data and rules
pub mod telemetry; // logs, metrics, traces
pub mod clock; // the time as a value
pub mod address; // who is at the other end, behind proxies too
