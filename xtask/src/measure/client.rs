//! As much of HTTP/1.1 as measuring takes.

use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::shell::Failure;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A list of users, read to its end.
pub(super) struct Streamed {
    /// Items in it.
    pub(super) users: u64,
    bytes: u64,
    took: Duration,
}

impl Streamed {
    #[expect(clippy::cast_precision_loss, reason = "a rate is printed in a few digits")]
    pub(super) fn users_per_second(&self) -> f64 {
        self.users as f64 / self.took.as_secs_f64()
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate is printed in a few digits")]
    pub(super) fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.took.as_secs_f64()
    }
}

/// The status that a GET is answered with.
pub(super) fn status(address: &str, path: &str) -> Result<u16> {
    get(address, path).map(|(status, _)| status)
}

/// Reads the whole list.
///
/// # Errors
/// It is not answered with 200, or it is cut off.
pub(super) fn stream_users(address: &str) -> std::result::Result<Streamed, Failure> {
    let start = Instant::now();
    let read = || {
        let (status, mut body) = get(address, "/users")?;
        if status != 200 {
            return Err(Error::new(ErrorKind::InvalidData, format!("status {status}")));
        }
        let mut counter = Counter::default();
        read_chunks(&mut body, &mut counter)?;
        Ok(Streamed { users: counter.items, bytes: counter.bytes, took: start.elapsed() })
    };
    read().map_err(|error| Failure::new(format!("/users: {error}")))
}

/// Sends a GET; returns the status and, after the header, a body in chunks (RFC 9112, section 7.1).
fn get(address: &str, path: &str) -> Result<(u16, impl BufRead)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(
        format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
        )
        .as_bytes(),
    )?;
    let mut reader = BufReader::with_capacity(256 * 1024, stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| Error::new(ErrorKind::InvalidData, "no status line"))?;
    while !line.trim_end().is_empty() {
        line.clear();
        reader.read_line(&mut line)?;
    }
    Ok((status, reader))
}

/// Reads up to and with the last chunk: without it the list was cut off.
fn read_chunks(body: &mut impl BufRead, counter: &mut Counter) -> Result<()> {
    loop {
        let mut line = String::new();
        body.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim_end(), 16)
            .map_err(|_| Error::new(ErrorKind::UnexpectedEof, "cut off: no last chunk"))?;
        let mut left = size;
        while left > 0 {
            let available = body.fill_buf()?;
            if available.is_empty() {
                return Err(Error::new(ErrorKind::UnexpectedEof, "cut off inside a chunk"));
            }
            let take = available.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            counter.read(&available[..take]);
            body.consume(take);
            left -= take as u64;
        }
        body.read_exact(&mut [0; 2])?;
        if size == 0 {
            return Ok(());
        }
    }
}

/// Counts `"id":`, wherever the pieces of the body part it.
#[derive(Default)]
struct Counter {
    items: u64,
    bytes: u64,
    matched: usize,
}

impl Counter {
    fn read(&mut self, piece: &[u8]) {
        const KEY: &[u8] = b"\"id\":";
        self.bytes += piece.len() as u64;
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
        assert_eq!((counter.items, counter.bytes), (2, 0xd + 0x13));
        let mut cut = &b"3\r\n[{}\r\n"[..];
        assert!(read_chunks(&mut cut, &mut Counter::default()).is_err());
    }
}
