//! Roster, a user directory service. The modules, in the order in which they depend on each other:
//! each may use those below it, none those above.

pub mod api; // handlers of the JSON API and of the ops port
pub mod app; // what every handler is given
pub mod cli; // the commands, one function each
pub mod clock;
pub mod config; // the command line and the environment
pub mod demo; // sample people
pub mod directory; // reads that share statements
pub mod error; // the only place that picks an error's status
pub mod model; // pure data and rules
pub mod openapi; // what the contract says of each
pub mod routes; // every path, one line each
pub mod server; // HTTP/1.1 on a socket: limits on connections, drain
pub mod service; // starting and ending the whole: listeners, database, background work
pub mod store; // the only SQL
pub mod telemetry; // logs, metrics, traces // the time as a value
