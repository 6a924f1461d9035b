//! A collector of traces, as small as can be: it takes every request of OTLP over HTTP and keeps its body.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Heads and bodies of requests.
type Kept = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// What has arrived at one address.
pub(crate) struct Collector {
    pub(crate) url: String,
    requests: Kept,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Kept::default();
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Self { url, requests }
    }

    /// Whether the bytes have arrived in one body.
    pub(crate) fn has(&self, wanted: &[&[u8]]) -> bool {
        let holds =
            |body: &[u8]| wanted.iter().all(|part| body.windows(part.len()).any(|window| window == *part));
        self.requests.lock().unwrap().iter().any(|(_, body)| holds(body))
    }

    /// The request lines and fields of all that has arrived.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|(head, _)| head.clone()).collect()
    }
}

async fn serve(mut stream: TcpStream, kept: Kept) {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let whole = end + length.unwrap_or(0);
        while buffer.len() < whole {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let rest = buffer.split_off(whole);
        kept.lock().unwrap().push((head, buffer.split_off(end)));
        buffer = rest;
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}
