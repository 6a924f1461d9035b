//! A small server that answers what a test wants, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::commands::{Ended, call};

/// What it does with a request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Answers with a status, header lines and a body.
    Answer(u16, &'static str, String),
    /// Reads the request and closes the connection without an answer.
    HangUp,
    /// Reads the request and says nothing more.
    Silence,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) head: String,
    pub(super) body: String,
}

impl Seen {
    /// The value of a header field.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// A server with a script; the last reply is repeated.
pub(super) struct Scripted {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scripted {
    pub(super) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = seen.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, replies.clone(), shared.clone()));
            }
        });
        Self { url, seen, task }
    }

    /// What was asked so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Runs the program for this server, with a token.
    pub(super) async fn call(&self, arguments: &[&str]) -> Ended {
        call(arguments, &[("ROSTER_URL", &self.url), ("ROSTER_TOKEN", super::secrets::TOKEN)]).await
    }
}

async fn serve(mut stream: TcpStream, replies: Vec<Reply>, seen: Arc<Mutex<Vec<Seen>>>) {
    while let Some(request) = read(&mut stream).await {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request);
            seen.len() - 1
        };
        match replies.get(number).or(replies.last()).unwrap() {
            Reply::Answer(status, headers, body) => {
                let answer =
                    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            Reply::HangUp => return,
            Reply::Silence => std::future::pending().await,
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut seen = Seen { head, body: String::new() };
    let length: usize = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    seen.body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
    Some(seen)
}

/// A user as a server answers it.
pub(super) fn user(status: u16) -> Reply {
    let body =
        r#"{"id":7,"name":"Ana","email":null,"active":true,"external_id":null,"profile":{},"version":1}"#;
    Reply::Answer(status, "Content-Type: application/json\r\n", body.to_owned())
}

/// A problem of this status and type.
pub(super) fn problem(status: u16, headers: &'static str, slug: &str) -> Reply {
    let body = format!(r#"{{"type":"urn:roster:problem:{slug}","status":{status},"detail":"it is {slug}"}}"#);
    Reply::Answer(status, headers, body)
}

/// Header lines of a problem.
pub(super) const PROBLEM: &str = "Content-Type: application/problem+json\r\n";
/// Header lines of a problem that wants to be asked again at once.
pub(super) const AGAIN: &str = "Content-Type: application/problem+json\r\nRetry-After: 0\r\n";
