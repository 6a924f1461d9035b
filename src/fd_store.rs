//! A file descriptor store: a process that does nothing but hold a listening socket for a server, so that the socket
//! outlives the server. While a crashed server is started again, the system queues new connections instead of refusing
//! them, and the next server takes them from there. docs/adr/0012 says why.
//!
//! The two speak over a Unix socket in the abstract namespace of Linux (unix(7)), which is that of the network: the
//! containers of a pod share it, and no volume is needed. It knows no permissions, so that each side looks at the user of
//! the other. The store begins, with the socket that it holds (`SCM_RIGHTS`) or with nothing. The server then gives it a
//! socket to hold; in the end, it has the store let go, which the store answers. A connection that ends without that is a
//! crash.

mod message;
mod peer;
mod server;
mod store;
#[cfg(test)]
mod tests;

pub use server::{Deposit, Held, take};
pub use store::{BindError, PATIENCE, Store};
