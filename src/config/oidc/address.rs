//! Addresses that keys may be fetched from.

use std::net::IpAddr;

use reqwest::Url;

/// An address of an issuer: `https`, or `http` to this very machine, without user name and password. The error is
/// the end of a sentence that starts with the address.
///
/// Whoever can change the answer to a request for keys can make tokens, so nothing else protects them than TLS.
///
/// # Errors
/// What is wrong with the address.
pub fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    let secure = match url.scheme() {
        "https" => true,
        "http" => is_loopback(&url),
        _ => false,
    };
    if !secure {
        return Err(
            "does not begin with https:// (http:// is for localhost and loopback addresses)".to_owned()
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user name or a password in it".to_owned());
    }
    Ok(url)
}

/// Whether an address is this machine's own: `localhost`, 127.0.0.0/8 or `::1`.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
