//! HTTP/1.1 by hand on a socket: a client that does exactly what a test says.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::ADMIN;

/// An answer as far as these tests look at it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Whether the server announced that it closes the connection.
    pub(crate) fn closes(&self) -> bool {
        self.head.to_ascii_lowercase().contains("\r\nconnection: close")
    }
}

/// A connection that is kept for the next request.
pub(crate) struct Connection(TcpStream);

impl Connection {
    /// Connects to `address`, with or without `http://` before it.
    pub(crate) async fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address.strip_prefix("http://").unwrap_or(address)).await?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Whether the server has not closed it, as far as one can know before using it.
    pub(crate) fn is_open(&self) -> bool {
        let mut byte = [0];
        matches!(self.0.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: &str) -> io::Result<()> {
        // Every request that names a host has the token.
        let host = "\r\nhost: localhost\r\n";
        let bytes = bytes.replace(host, &format!("{host}authorization: Bearer {ADMIN}\r\n"));
        self.0.write_all(bytes.as_bytes()).await
    }

    /// A request with a JSON body, and its answer.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> io::Result<Answer> {
        let length = body.len();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))
        .await?;
        self.answer().await
    }

    /// Reads one answer that tells its length.
    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        let mut bytes = Vec::new();
        loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                let mut body = bytes.split_off(end + 4);
                let have = body.len();
                body.resize(length(&head)?, 0);
                self.0.read_exact(&mut body[have..]).await?;
                let status = head.get(9..12).and_then(|status| status.parse().ok());
                let status = status.ok_or_else(|| io::Error::other(head.clone()))?;
                return Ok(Answer { status, head, body });
            }
            if self.0.read_buf(&mut bytes).await? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("{} bytes of a head", bytes.len()),
                ));
            }
        }
    }

    /// Everything until the end of the connection, and whether that was a reset.
    pub(crate) async fn rest(&mut self, limit: Duration) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(limit, self.0.read_to_end(&mut bytes)).await;
        let reset = read.expect("the connection ends").is_err();
        (bytes, reset)
    }

    /// Waits for one byte.
    pub(crate) async fn first_byte(&mut self) -> io::Result<u8> {
        self.0.read_u8().await
    }
}

fn length(head: &str) -> io::Result<usize> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(|| io::Error::other(format!("no length: {head}")))
}
