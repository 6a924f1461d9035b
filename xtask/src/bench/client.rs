//! As much of HTTP/1.1 as measuring takes.

use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::server::TOKEN;
use crate::shell::Failure;

const START_TIMEOUT: Duration = Duration::from_secs(30);
/// The v1 app takes its time for a million users.
const TIMEOUT: Duration = Duration::from_mins(5);

/// A list of users, read to its end.
pub(super) struct Streamed {
    /// Items in it.
    pub(super) users: u64,
    pub(super) seconds: f64,
}

/// The status that a GET is answered with.
pub(super) fn status(address: &str, path: &str) -> Result<u16> {
    get(address, path).map(|(head, _)| head.status)
}

/// The time from the start of a server to its first 200 at a path.
///
/// # Errors
/// There is none within half a minute.
pub(super) fn first_ok(
    address: &str,
    path: &str,
    started: Instant,
) -> std::result::Result<Duration, Failure> {
    loop {
        if status(address, path).is_ok_and(|status| status == 200) {
            return Ok(started.elapsed());
        }
        if started.elapsed() > START_TIMEOUT {
            return Err(Failure::new(format!("no 200 from {path} within {START_TIMEOUT:?}")));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Reads the whole list.
///
/// # Errors
/// It is not answered with 200, or it is cut off.
pub(super) fn stream_users(address: &str) -> std::result::Result<Streamed, Failure> {
    let start = Instant::now();
    let counter = read(address, "/users", Counter::default())?.1;
    Ok(Streamed { users: counter.items, seconds: start.elapsed().as_secs_f64() })
}

/// The target of `Link: <…>; rel="next"` (RFC 8288) in the answer to a GET, if there is one.
///
/// # Errors
/// It is not answered with 200, or it is cut off.
pub(super) fn next_page(address: &str, path: &str) -> std::result::Result<Option<String>, Failure> {
    let head = read(address, path, Counter::default())?.0;
    let link = head.value("link").filter(|link| link.contains("rel=\"next\""));
    Ok(link.and_then(|link| link.split(['<', '>']).nth(1)).map(str::to_owned))
}

fn read(address: &str, path: &str, mut counter: Counter) -> std::result::Result<(Head, Counter), Failure> {
    let mut all = || {
        let (head, mut body) = get(address, path)?;
        if head.status != 200 {
            return Err(Error::new(ErrorKind::InvalidData, format!("status {}", head.status)));
        }
        match head.value("content-length").and_then(|length| length.parse().ok()) {
            Some(length) => read_exactly(&mut body, length, &mut counter)?,
            None => read_chunks(&mut body, &mut counter)?,
        }
        Ok(head)
    };
    let head = all().map_err(|error| Failure::new(format!("http://{address}{path}: {error}")))?;
    Ok((head, counter))
}

struct Head {
    status: u16,
    fields: Vec<String>,
}

impl Head {
    fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find_map(|field| {
            let (own, value) = field.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Sends a GET; returns the head of the answer and what its body is read from.
fn get(address: &str, path: &str) -> Result<(Head, impl BufRead)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(
        format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\nAccept: application/json\r\n\
             Connection: close\r\n\r\n"
        )
        .as_bytes(),
    )?;
    let mut lines = Vec::new();
    let mut reader = BufReader::with_capacity(256 * 1024, stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let status = lines.first().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| Error::new(ErrorKind::InvalidData, "no status line"))?;
    Ok((Head { status, fields: lines }, reader))
}

/// Reads a body in chunks (RFC 9112, section 7.1) up to and with the last one: without it the list was cut off.
fn read_chunks(body: &mut impl BufRead, counter: &mut Counter) -> Result<()> {
    loop {
        let mut line = String::new();
        body.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim_end(), 16)
            .map_err(|_| Error::new(ErrorKind::UnexpectedEof, "cut off: no last chunk"))?;
        read_exactly(body, size, counter)?;
        body.read_exact(&mut [0; 2])?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn read_exactly(body: &mut impl BufRead, length: u64, counter: &mut Counter) -> Result<()> {
    let mut left = length;
    while left > 0 {
        let available = body.fill_buf()?;
        if available.is_empty() {
            return Err(Error::new(ErrorKind::UnexpectedEof, "cut off"));
        }
        let take = available.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        counter.read(&available[..take]);
        body.consume(take);
        left -= take as u64;
    }
    Ok(())
}

/// Counts `"id":`, wherever the pieces of the body part it.
#[derive(Default)]
struct Counter {
    items: u64,
    matched: usize,
}

impl Counter {
    fn read(&mut self, piece: &[u8]) {
        const KEY: &[u8] = b"\"id\":";
        for byte in piece {
            self.matched = match self.matched {
                matched if KEY[matched] == *byte => matched + 1,
                // The quote that ends a shorter match may be the one that begins the next.
                4 if *byte == b'i' => 2,
                _ => usize::from(*byte == b'"'),
            };
            if self.matched == KEY.len() {
                self.items += 1;
                self.matched = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_counted_across_pieces_and_a_cut_is_seen() {
        let mut counter = Counter::default();
        let mut body = &b"d\r\n[{\"id\":1},{\"i\r\n13\r\nd\":2,\"name\":\"id\"}]\n\r\n0\r\n\r\n"[..];
        // The sizes: 13 bytes up to `{"`, then the rest.
        let first = b"[{\"id\":1},{\"i";
        let second = b"d\":2,\"name\":\"id\"}]\n";
        assert_eq!((first.len(), second.len()), (0xd, 0x13));
        assert!(read_chunks(&mut body, &mut counter).is_ok());
        assert_eq!(counter.items, 2);
        let mut cut = &b"3\r\n[{}\r\n"[..];
        assert!(read_chunks(&mut cut, &mut Counter::default()).is_err());
    }
}
