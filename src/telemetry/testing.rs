//! What the tests of this module share.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tower::ServiceExt as _;
use tracing::info;
use tracing_subscriber::fmt::MakeWriter;

use super::metrics::BuildInfo;
use super::{ErrorReport, Metrics, Observer, RequestIds, observe};

/// A writer of log lines that keeps them.
#[derive(Clone, Default)]
pub(super) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(super) fn lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.text().lines().map(parse).collect()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

pub(super) fn metrics() -> Arc<Metrics> {
    let word = |text: &str| text.to_owned();
    let build = BuildInfo { version: word("1.2.3"), commit: word("abc"), rustc: word("1.95.0"), schema: 2 };
    Arc::new(Metrics::new(build))
}

/// A router with one route of each kind, observed.
pub(super) fn app(metrics: Arc<Metrics>, traced: bool) -> Router {
    let observer = Observer::new(metrics, Arc::new(RequestIds::seeded(1)), traced, || false);
    let broken = || async {
        let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
        response.extensions_mut().insert(ErrorReport("database\nis away".to_owned()));
        response
    };
    let streamed = || async {
        let parts = stream::iter(0..3).map(|part| {
            info!(target: "roster::api", part, "streaming");
            Ok::<_, io::Error>("12345")
        });
        Response::new(Body::from_stream(parts))
    };
    Router::new()
        .route(
            "/users/{id}",
            get(|| async {
                info!(target: "roster::api", "inside");
                "hello"
            }),
        )
        .route("/broken", get(broken))
        .route("/stream", get(streamed))
        .route("/never", get(std::future::pending::<()>))
        .route("/panic", get(|| async { panic!("on purpose") as () }))
        .layer(from_fn_with_state(observer, observe))
}

pub(super) async fn send(app: &Router, request: Request<Body>) -> Response {
    app.clone().oneshot(request).await.unwrap()
}

pub(super) fn request(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let builder = headers
        .iter()
        .fold(Request::builder().uri(path), |builder, (name, value)| builder.header(*name, *value));
    builder.body(Body::empty()).unwrap()
}
