//! Where the two sides meet, and who may.

use std::io;
use std::path::PathBuf;

use rustix::process::geteuid;
use tokio::net::UnixStream;

/// The address of the store with this name, as tokio takes it: a byte of zero says that it is abstract.
pub(super) fn address(name: &str) -> PathBuf {
    PathBuf::from(format!("\0roster-fd-store/{name}"))
}

/// Refuses who is at the other end of a connection, unless it is the user of this process.
pub(super) fn check(stream: &UnixStream) -> io::Result<()> {
    let (peer, own) = (stream.peer_cred()?.uid(), geteuid().as_raw());
    if peer == own {
        return Ok(());
    }
    let problem = format!("the other side is of user {peer}, this one of user {own}");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, problem))
}
