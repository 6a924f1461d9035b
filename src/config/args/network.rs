//! The part of the command line that is about what lies between this program and its clients.

use std::ffi::OsString;

use clap::Args;

#[derive(Args, Debug)]
#[command(next_help_heading = "Addresses")]
pub(in crate::config) struct ProxyArgs {
    /// Proxies whose X-Forwarded-For is believed: IP addresses and networks such as 10.0.0.0/8, with commas between
    #[arg(long, value_name = "LIST", default_value = "")]
    pub(in crate::config) trusted_proxies: OsString,
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
