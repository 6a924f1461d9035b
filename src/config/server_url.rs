//! The address of a server, for the commands that talk to one.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// A checked address: scheme, host, port and perhaps a path, below which the API's paths stand. Equal addresses are
/// written alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    text: String,
    secure: bool,
    loopback: bool,
}

impl ServerUrl {
    /// Reads an `http` or `https` URI (RFC 9110 section 4.2).
    ///
    /// # Errors
    ///
    /// What is wrong, as the end of a sentence and without any part of the text, since it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok().filter(Url::has_host);
        let url = url.ok_or("is not a URL such as https://roster.example.com")?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err("begins neither with https:// nor with http://".to_owned()),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "holds a user name or a password; a token comes from ROSTER_TOKEN or roster login".to_owned()
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("has a ? or a #, which an address cannot have".to_owned());
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        // RFC 6761 section 6.3 keeps the name localhost for this machine.
        let loopback = host.parse().map_or(host == "localhost", |ip: IpAddr| ip.is_loopback());
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), secure, loopback })
    }

    /// Whether what is sent can be read by nobody on the way: TLS, or another program on this machine.
    pub fn is_private(&self) -> bool {
        self.secure || self.loopback
    }

    /// Whether it is spoken to by TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The address of something below this one, by a path that begins with a slash.
    pub fn below(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_is_written_one_way() {
        for (text, expected) in [
            ("https://Roster.example.com:443/", "https://roster.example.com"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://h/base//", "https://h/base"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            let url = ServerUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), expected);
            assert_eq!(ServerUrl::parse(expected).unwrap(), url);
        }
        assert_eq!(ServerUrl::parse("https://h/base/").unwrap().below("/users"), "https://h/base/users");
    }

    #[test]
    fn what_is_sent_in_the_clear_to_others_is_known() {
        for text in
            ["https://h", "http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]", "http://localhost:1"]
        {
            assert!(ServerUrl::parse(text).unwrap().is_private(), "{text}");
        }
        for text in
            ["http://h", "http://10.0.0.1", "http://localhost.example.com", "http://[::ffff:127.0.0.1]"]
        {
            assert!(!ServerUrl::parse(text).unwrap().is_private(), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for text in [
            "",
            "roster.example.com",
            "127.0.0.1:8080",
            "ftp://h",
            "https://",
            "https://u:hunter2@h",
            "https://hunter2@h",
            "https://h/?token=hunter2",
            "https://h/#hunter2",
        ] {
            let problem = ServerUrl::parse(text).unwrap_err();
            assert!(!problem.contains("hunter2") && !problem.contains('\n'), "{text}: {problem}");
        }
    }
}
