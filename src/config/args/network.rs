//! The part of the command line that is about what lies between this program and its clients.

use std::ffi::OsString;

use clap::Args;

use super::LogArgs;

#[derive(Args, Debug)]
#[command(next_help_heading = "Addresses")]
pub(in crate::config) struct ProxyArgs {
    /// Proxies whose X-Forwarded-For is believed: IP addresses and networks such as 10.0.0.0/8, with commas between
    #[arg(long, value_name = "LIST", default_value = "")]
    pub(in crate::config) trusted_proxies: OsString,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Addresses")]
pub(in crate::config) struct FdStoreArgs {
    /// The name of an fd-store, which holds the API's port open while a crashed server is started again
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(in crate::config) fd_store: OsString,
}

/// Hold the port of a server open while the server is started again after a crash
///
/// Runs beside a server with the same --fd-store, user and network, such as in another container of its pod, and does
/// nothing else, so that it goes on when the server is killed. New connections then wait for the next server instead of
/// being refused; after 5 seconds without one, or when a server is lost again within ten minutes, they are given up. A
/// server that ends in order leaves nothing behind. SIGTERM and SIGINT end the store. Linux only.
#[derive(Args, Debug)]
pub(in crate::config) struct RunFdStoreArgs {
    #[command(flatten)]
    pub(in crate::config) store: FdStoreArgs,
    #[command(flatten)]
    pub(in crate::config) log: LogArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "TLS")]
pub(in crate::config) struct TlsArgs {
    /// The certificate of the API's port in PEM, with those between it and its root; without it, the port speaks plain HTTP
    #[arg(long, value_name = "PATH", default_value = "")]
    pub(in crate::config) tls_cert: OsString,
    /// The private key of the certificate in PEM; both files are read again whenever they change
    #[arg(long, value_name = "PATH", default_value = "")]
    pub(in crate::config) tls_key: OsString,
}
