//! The address of the database, which may hold a password.

use std::fmt;
use std::path::Path;

/// The query parameters of a `PostgreSQL` address that the driver knows. It would log any other, with its
/// value, and otherwise ignore it.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// Parameters whose values are never shown. A key may stand in the address itself instead of a path.
const SECRET_PARAMETERS: &[&str] = &["password", "ssl-key", "sslkey"];

/// A checked database address. `Debug` and `Display` show it with `***` in place of passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Reads `sqlite:PATH` or a `PostgreSQL` URI (RFC 3986, scheme `postgres` or `postgresql`).
    ///
    /// # Errors
    ///
    /// What is wrong, without any part of the text, since it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            check_sqlite(path)?;
        } else if let Some(rest) = postgres_rest(text) {
            check_postgres(rest)?;
        } else {
            return Err("has none of the forms sqlite:PATH, postgres://USER@HOST/DATABASE and \
                        postgresql://USER@HOST/DATABASE"
                .to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The address of an `SQLite` database in this file.
    ///
    /// # Errors
    ///
    /// The path is empty, is not UTF-8 or contains `?`.
    pub fn sqlite(path: &Path) -> Result<Self, String> {
        let path = path.to_str().ok_or("the path is not valid UTF-8")?;
        Self::parse(&format!("sqlite:{path}"))
    }

    /// The whole address with its password, for the database driver alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The file of an `SQLite` database, taken literally (`%` is not decoded); `None` for `PostgreSQL`.
    pub fn sqlite_path(&self) -> Option<&Path> {
        self.0.strip_prefix("sqlite:").map(|path| Path::new(without_slashes(path)))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rest) = postgres_rest(&self.0) else { return f.write_str(&self.0) };
        let scheme = &self.0[..self.0.len() - rest.len()];
        let (authority, tail) = split_authority(rest);
        f.write_str(scheme)?;
        match authority.rsplit_once('@') {
            Some((user_info, host)) => match user_info.split_once(':') {
                Some((user, _)) => write!(f, "{user}:***@{host}")?,
                None => f.write_str(authority)?,
            },
            None => f.write_str(authority)?,
        }
        let Some((path, query)) = tail.split_once('?') else { return f.write_str(tail) };
        let parameters: Vec<String> = query.split('&').map(redact_parameter).collect();
        write!(f, "{path}?{}", parameters.join("&"))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

fn redact_parameter(parameter: &str) -> String {
    let (key, _) = parameter.split_once('=').unwrap_or((parameter, ""));
    match decode(key) {
        Some(name) if !SECRET_PARAMETERS.contains(&name.as_str()) => parameter.to_owned(),
        _ => format!("{key}=***"),
    }
}

/// `sqlite://PATH` is what other programs write; the two slashes are not part of the path.
fn without_slashes(path: &str) -> &str {
    path.strip_prefix("//").unwrap_or(path)
}

fn check_sqlite(path: &str) -> Result<(), String> {
    let path = without_slashes(path);
    if path.is_empty() {
        return Err("names no file; write sqlite:PATH".to_owned());
    }
    if path.contains(":memory:") {
        return Err("names a database in memory, which would be lost; name a file".to_owned());
    }
    if path.contains('?') {
        return Err("has parameters after a ?, and an SQLite address takes none".to_owned());
    }
    if path.contains(char::is_control) {
        return Err("has a control character in the path".to_owned());
    }
    Ok(())
}

/// What follows `postgres://` or `postgresql://`.
fn postgres_rest(text: &str) -> Option<&str> {
    text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"))
}

/// The authority (RFC 3986, section 3.2), which ends before the first `/` or `?`, and what follows it.
fn split_authority(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()))
}

/// The checks stand in such an order that a message which names a part of the address can be sure that
/// the part does not belong to a password.
fn check_postgres(rest: &str) -> Result<(), String> {
    const ENCODE: &str = "in a user name, password or database name, write / as %2F, ? as %3F, # as %23, \
                          @ as %40 and % as %25";
    if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("contains white space or a control character".to_owned());
    }
    let (authority, tail) = split_authority(rest);
    if rest.contains('#') || tail.contains('@') {
        return Err(format!("has a # somewhere or an @ after the first / or ?: {ENCODE}"));
    }
    if decode(rest).is_none() {
        return Err(format!("has a % that does not start the encoding of a UTF-8 character: {ENCODE}"));
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let query = tail.split_once('?').map_or("", |(_, query)| query);
    check_host(host, query).map_err(|problem| format!("{problem}; {ENCODE}"))?;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match decode(name).unwrap_or_default().as_str() {
            "sslmode" | "ssl-mode" => check_mode(&decode(value).unwrap_or_default())?,
            option if option.starts_with("options[") && option.ends_with(']') => {}
            known if PARAMETERS.contains(&known) => {}
            _ => {
                return Err(format!(
                    "has the unknown parameter {name:?}; known are {}",
                    PARAMETERS.join(", ")
                ));
            }
        }
    }
    Ok(())
}

/// The driver's other modes may mean less than they seem to.
fn check_mode(mode: &str) -> Result<(), String> {
    match mode {
        "disable" | "require" | "verify-full" => Ok(()),
        "allow" | "prefer" => Err(format!(
            "has sslmode={mode}, which would go on in the clear without a word; write sslmode=verify-full or \
             sslmode=require, or sslmode=disable to do without TLS"
        )),
        "verify-ca" => {
            Err("has sslmode=verify-ca, which would let any server pass that has a public certificate; \
                            write sslmode=verify-full"
                .to_owned())
        }
        _ => Err("has an sslmode that is none of disable, require and verify-full".to_owned()),
    }
}

/// The host may be left out when a parameter names it, as it must for some socket directories.
fn check_host(host: &str, query: &str) -> Result<(), String> {
    let (name, port) = match host.rsplit_once(':') {
        // The colons within an IPv6 address are followed by its closing bracket.
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_port = |port: &str| !port.starts_with('+') && port.parse().is_ok_and(|port: u16| port > 0);
    if port.is_some_and(|port| !is_port(port)) {
        return Err("has a port that is not a number from 1 to 65535".to_owned());
    }
    if name.is_empty() && !query.split('&').any(|parameter| parameter.starts_with("host")) {
        return Err("names no host".to_owned());
    }
    if name.contains(',') {
        return Err("names several hosts, and only one is supported".to_owned());
    }
    let plain = match name.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !name.contains(['[', ']', '<', '>', '\\', '^', '|', ':']),
    };
    if plain { Ok(()) } else { Err("has a host that is not valid".to_owned()) }
}

/// Undoes percent-encoding (RFC 3986, section 2.1); `None` if it is malformed or not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = tail;
            continue;
        }
        let digits = tail.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
