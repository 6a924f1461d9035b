//! A collector of traces: it takes requests of OTLP over HTTP and reads them by the published definitions.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A span that has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) trace: u128,
    pub(crate) id: u64,
    /// Zero when there is none.
    pub(crate) parent: u64,
    pub(crate) nanoseconds: u64,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Attributes of the process that made it.
    pub(crate) resource: BTreeMap<String, String>,
}

/// Heads and bodies of requests.
type Kept = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// What has arrived at one address.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    requests: Kept,
}

impl Collector {
    /// On a free port of an address such as `127.0.0.1`.
    pub(crate) async fn start(host: &str) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Kept::default();
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Self { address, requests }
    }

    /// All spans that have arrived; panics when a body is not what OTLP says.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = self.requests.lock().unwrap();
        requests.iter().flat_map(|(_, body)| read(body)).collect()
    }

    /// The span with this id, if it has arrived.
    pub(crate) fn span(&self, id: u64) -> Option<Span> {
        self.spans().into_iter().find(|span| span.id == id)
    }

    /// The request lines and fields of all that has arrived, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|(head, _)| head.clone()).collect()
    }
}

fn read(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut found = Vec::new();
    for group in request.resource_spans {
        let resource = attributes(group.resource.unwrap_or_default().attributes);
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            found.push(Span {
                name: span.name,
                trace: u128::from_be_bytes(span.trace_id.try_into().unwrap()),
                id: u64::from_be_bytes(span.span_id.try_into().unwrap()),
                parent: span.parent_span_id.try_into().map_or(0, u64::from_be_bytes),
                nanoseconds: span.end_time_unix_nano - span.start_time_unix_nano,
                attributes: attributes(span.attributes),
                resource: resource.clone(),
            });
        }
    }
    found
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
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
