//! Who is at the other end of a connection, behind proxies too.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use ipnet::{IpNet, Ipv4Net};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection, as an extension of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// The client as far as it is known for sure, as an extension of each request: the other end of the connection or,
/// where that is a trusted proxy, whom the proxy tells of. An IPv4 address is never written as an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// The proxies whose word about their clients is believed; cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Reads addresses and networks (RFC 4632, RFC 4291 section 2.3) with commas between; no text at all is nobody.
    ///
    /// # Errors
    ///
    /// The first entry that is wrong, and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        text.split(',').map(str::trim).map(network).collect::<Result<_, _>>().map(Self)
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client behind `peer`. `X-Forwarded-For` grows to the right: each proxy adds the address that it saw, so
    /// what stands further left than the last entry of a trusted proxy is only what somebody claims. An entry that is
    /// no address ends the walk, at the last one that was good.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let mut address = peer.to_canonical();
        let lines = headers.get_all(X_FORWARDED_FOR).into_iter().rev();
        let mut entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        while self.contain(address) {
            let Some(next) = entries.next().and_then(entry) else { break };
            address = next;
        }
        ClientAddress(address)
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let wrong = || format!("has the entry {text:?}, which is no IP address or network such as 10.0.0.0/8");
    if !text.contains('/') {
        let address: IpAddr = text.parse().map_err(|_| wrong())?;
        return Ok(address.to_canonical().into());
    }
    let network: IpNet = text.parse().map_err(|_| wrong())?;
    if network != network.trunc() {
        return Err(format!(
            "has the entry {text:?}, which is no whole network; that would be {}",
            network.trunc()
        ));
    }
    let network = canonical(network);
    if network.prefix_len() == 0 {
        return Err(format!("has the entry {text:?}, by which everybody could pose as anybody"));
    }
    Ok(network)
}

/// A network of IPv4 addresses that are written as IPv6 ones (RFC 4291 section 2.5.5.2), without that.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(long) = network else { return network };
    let short = long.addr().to_ipv4_mapped().zip(long.prefix_len().checked_sub(96));
    short.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(network, IpNet::V4)
}

/// An address, perhaps with a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn entry(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes).ok()?.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(text) => text.parse().map(IpAddr::V6).ok(),
        None => text.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip())),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(text: &str) -> TrustedProxies {
        TrustedProxies::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
    }

    fn client(trusted: &str, peer: &str, lines: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, axum::http::HeaderValue::from_bytes(line).unwrap());
        }
        proxies(trusted).client(peer.parse().unwrap(), &headers).0.to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        for trusted in ["", " ", "10.0.0.0/8", "::1, 192.0.2.9"] {
            assert_eq!(client(trusted, "192.0.2.1", &[b"198.51.100.1"]), "192.0.2.1", "{trusted}");
        }
        assert_eq!(client("", "::ffff:192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn the_walk_ends_at_the_first_who_is_not_trusted() {
        let trusted = "10.0.0.0/8, 2001:db8::/32, 192.0.2.9";
        for (lines, expected) in [
            (&[&b"198.51.100.1"[..]][..], "198.51.100.1"),
            (&[b"203.0.113.5, 198.51.100.1"], "198.51.100.1"),
            (&[b"203.0.113.5, 198.51.100.1, 10.9.9.9,192.0.2.9 , 2001:db8::7"], "198.51.100.1"),
            // Several lines are one list.
            (&[b"203.0.113.5", b"198.51.100.1", b"10.9.9.9", b"10.9.9.8, 192.0.2.9"], "198.51.100.1"),
            // All of them are trusted: the one furthest away.
            (&[b"10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(client(trusted, "10.0.0.1", lines), expected, "{lines:?}");
            assert_eq!(client(trusted, "::ffff:10.0.0.1", lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_malformed_entry_ends_the_walk_at_the_last_good_one() {
        let wrong: [&[u8]; 12] = [
            b"",
            b"unknown",
            b"198.51.100",
            b"198.51.100.1.",
            b"198.51.100.1:",
            b"198.51.100.1:99999",
            b"[::1",
            b"::1]",
            b"fe80::1%eth0",
            b"[198.51.100.1]",
            b"\xff\xfe",
            b"198.51.100.1 10.0.0.1",
        ];
        for entry in wrong {
            let line = [b"203.0.113.5,", entry, b",10.0.0.2"].concat();
            assert_eq!(client("10.0.0.0/8", "10.0.0.1", &[&line]), "10.0.0.2", "{entry:?}");
            assert_eq!(client("10.0.0.0/8", "10.0.0.1", &[entry]), "10.0.0.1", "{entry:?}");
        }
    }

    #[test]
    fn ports_and_both_forms_of_an_address_are_known() {
        for (entry, expected) in [
            ("198.51.100.1:4711", "198.51.100.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:DB8:0::1", "2001:db8::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            ("[::ffff:198.51.100.1]:4711", "198.51.100.1"),
        ] {
            assert_eq!(client("10.0.0.1", "10.0.0.1", &[entry.as_bytes()]), expected);
        }
        for trusted in ["::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "10.0.0.1/32"] {
            assert_eq!(client(trusted, "10.0.0.1", &[b"198.51.100.1"]), "198.51.100.1", "{trusted}");
        }
        assert_eq!(client("::ffff:10.0.0.0/120", "10.0.1.1", &[b"198.51.100.1"]), "10.0.1.1");
    }

    #[test]
    fn wrong_entries_are_named() {
        for (text, cause) in [
            ("10.0.0.1,", "\"\", which is no IP address"),
            ("proxy.example", "\"proxy.example\", which is no IP address"),
            ("10.0.0.0/33", "\"10.0.0.0/33\", which is no IP address"),
            ("10.0.0.1/8", "\"10.0.0.1/8\", which is no whole network; that would be 10.0.0.0/8"),
            ("::1, 0.0.0.0/0", "\"0.0.0.0/0\", by which everybody"),
            ("::/0", "\"::/0\", by which everybody"),
            ("::ffff:0:0/96", "\"::ffff:0:0/96\", by which everybody"),
        ] {
            let problem = TrustedProxies::parse(text).expect_err(text);
            assert!(problem.contains(cause), "{problem}");
        }
    }
}
