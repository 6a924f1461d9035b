//! An issuer in this process that misbehaves as it is told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::keys::Key;

/// What the issuer does.
pub(crate) struct Behaviour {
    /// The public keys.
    pub(crate) keys: Vec<Value>,
    /// What it calls itself.
    pub(crate) name: String,
    /// Where it says that its keys are.
    pub(crate) jwks_uri: String,
    /// Connections are accepted and closed.
    pub(crate) away: bool,
    /// How long an answer takes.
    pub(crate) delay: Duration,
    /// The status of answers, and where they redirect to.
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    /// Said instead of the keys.
    pub(crate) body: Option<Vec<u8>>,
    /// What must be in `Authorization`, or the answer is 401.
    pub(crate) bearer: Option<String>,
    /// What was asked for, and with which `Authorization`.
    pub(crate) asked: Vec<(String, Option<String>)>,
}

#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Issuer {
    /// Over plain HTTP on loopback.
    pub(crate) async fn start(keys: &[&Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self::on(listener, url, keys, None)
    }

    /// Under this name; over TLS if there is an acceptor.
    pub(crate) fn on(listener: TcpListener, url: String, keys: &[&Key], tls: Option<TlsAcceptor>) -> Self {
        let behaviour = Behaviour {
            keys: keys.iter().map(|key| key.public.clone()).collect(),
            name: url.clone(),
            jwks_uri: format!("{url}/openid/v1/jwks"),
            away: false,
            delay: Duration::ZERO,
            status: 200,
            location: None,
            body: None,
            bearer: None,
            asked: Vec::new(),
        };
        let address = listener.local_addr().unwrap();
        let issuer = Self { url, address, behaviour: Arc::new(Mutex::new(behaviour)) };
        let accepting = issuer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (issuer, tls) = (accepting.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => issuer.serve(stream).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                issuer.serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        issuer
    }

    /// What it does from now on.
    pub(crate) fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap()
    }

    /// How often the keys or the discovery document were asked for.
    pub(crate) fn asked(&self, end: &str) -> usize {
        self.behaviour().asked.iter().filter(|(path, _)| path.ends_with(end)).count()
    }

    pub(crate) fn set_keys(&self, keys: &[&Key]) {
        self.behaviour().keys = keys.iter().map(|key| key.public.clone()).collect();
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        if self.behaviour().away {
            return;
        }
        let service = service_fn(|request| self.answer(request));
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        let shown = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let delay = self.behaviour().delay;
        tokio::time::sleep(delay).await;
        let mut behaviour = self.behaviour();
        behaviour.asked.push((path.clone(), shown.clone()));
        let mut response = Response::builder().status(behaviour.status).header("connection", "close");
        if behaviour.bearer.is_some() && behaviour.bearer != shown {
            response = response.status(401);
        }
        let accepted = request.headers().get("accept").map(|value| value.to_str().unwrap().to_owned());
        // As a Kubernetes API server does.
        if path.ends_with("jwks") && !accepted.is_some_and(|types| types.contains("application/jwk-set+json"))
        {
            response = response.status(406);
        }
        if let Some(location) = &behaviour.location {
            response = response.header("location", location);
        }
        let discovery = json!({ "issuer": behaviour.name, "jwks_uri": behaviour.jwks_uri });
        let body = match (path.as_str(), &behaviour.body) {
            ("/.well-known/openid-configuration", _) => discovery.to_string().into_bytes(),
            (_, Some(body)) => body.clone(),
            _ => json!({ "keys": behaviour.keys }).to_string().into_bytes(),
        };
        Ok(response.body(Full::from(body)).unwrap())
    }
}
