//! As much of HTTP/1.1 as a client with a kept connection takes.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(20);
/// The most of a body that is kept, for the message about a failure.
const KEPT: usize = 300;

pub(super) struct Answer {
    pub(super) status: u16,
    /// Whether the server closes the connection after it.
    pub(super) closes: bool,
    /// Its beginning.
    pub(super) body: String,
}

pub(super) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects to the first address of a name that answers.
    pub(super) fn open(address: &str) -> Result<Self> {
        let mut last = Error::new(ErrorKind::NotFound, "no address");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(ANSWER))?;
                    stream.set_write_timeout(Some(ANSWER))?;
                    return Ok(Self { stream: BufReader::new(stream) });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Whether the other end has not closed it yet, as careful clients look before they use it again.
    pub(super) fn is_open(&self) -> bool {
        let stream = self.stream.get_ref();
        let _ = stream.set_nonblocking(true);
        let seen = stream.peek(&mut [0]);
        let _ = stream.set_nonblocking(false);
        seen.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Sends a request and reads its answer to the end.
    pub(super) fn ask(&mut self, request: &str) -> Result<Answer> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (status, fields) = self.head()?;
        let value = |name: &str| {
            fields.iter().find_map(|field| {
                let (own, value) = field.split_once(':')?;
                own.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let mut body = Vec::new();
        match value("content-length").map(str::parse) {
            Some(Ok(length)) => self.read(length, &mut body)?,
            Some(Err(_)) => return Err(Error::new(ErrorKind::InvalidData, "no length in Content-Length")),
            None if value("transfer-encoding").is_some() => self.chunks(&mut body)?,
            None => {}
        }
        body.truncate(KEPT);
        let closes = value("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(Answer { status, closes, body: String::from_utf8_lossy(&body).into_owned() })
    }

    fn head(&mut self) -> Result<(u16, Vec<String>)> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status =
            status.ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("no status in {first:?}")))?;
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok((status, fields));
            }
            fields.push(line);
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "closed before the answer"));
        }
        Ok(line.trim_end().to_owned())
    }

    fn read(&mut self, length: u64, body: &mut Vec<u8>) -> Result<()> {
        let before = body.len();
        (&mut self.stream).take(length).read_to_end(body)?;
        let all = (body.len() - before) as u64 == length;
        if all { Ok(()) } else { Err(Error::new(ErrorKind::UnexpectedEof, "closed within the answer")) }
    }

    /// A body in chunks (RFC 9112, section 7.1), up to its last one.
    fn chunks(&mut self, body: &mut Vec<u8>) -> Result<()> {
        loop {
            let line = self.line()?;
            let size = u64::from_str_radix(line.split(';').next().unwrap_or_default(), 16)
                .map_err(|_| Error::new(ErrorKind::InvalidData, format!("no chunk size in {line:?}")))?;
            self.read(size, body)?;
            self.line()?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn answers_are_read_and_a_closed_connection_is_seen() -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let server = std::thread::spawn(move || -> Result<()> {
            let (mut stream, _) = listener.accept()?;
            let answers = [
                "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
                "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nnot\r\n0\r\n\r\n",
            ];
            for answer in answers {
                stream.read_exact(&mut [0; 1])?;
                stream.write_all(answer.as_bytes())?;
            }
            Ok(())
        });
        let mut connection = Connection::open(&address)?;
        let first = connection.ask("a")?;
        assert_eq!((first.status, first.closes, first.body.as_str()), (201, false, "ok"));
        assert!(connection.is_open());
        let second = connection.ask("b")?;
        assert_eq!((second.status, second.closes, second.body.as_str()), (503, true, "not"));
        assert!(server.join().is_ok());
        assert!(!connection.is_open());
        assert_eq!(connection.ask("c").err().map(|error| error.kind()), Some(ErrorKind::UnexpectedEof));
        Ok(())
    }
}
