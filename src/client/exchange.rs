//! One request and its answer, with as many attempts as are safe.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rand::RngExt as _;
use rand::rngs::StdRng;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Certificate, Method, redirect, retry};

use super::answer::Answer;
use super::retry::Schedule;
use super::trouble::Trouble;
use super::{ClientError, ErrorKind};
use crate::clock::Clock;
use crate::config::{Credential, ServerUrl};

/// Most bytes of an answer; a page of Roster's has some MiB.
const BODY_MAX: usize = 64 << 20;

/// What a client is given.
pub struct Settings {
    /// The server.
    pub url: ServerUrl,
    /// The token for it.
    pub token: Option<Credential>,
    /// The authorities to trust instead of the system's, a PEM file.
    pub ca_file: Option<PathBuf>,
    /// How long to wait for a connection and for the next bytes.
    pub timeout: Duration,
    /// How long to go on trying; zero tries once.
    pub retry_time: Duration,
    /// The time, for dates that servers name.
    pub clock: Clock,
    /// For pauses and keys.
    pub random: StdRng,
    /// Told of each attempt that failed and is repeated.
    pub notice: fn(&str),
}

/// Asks one server.
pub struct Client {
    http: reqwest::Client,
    url: ServerUrl,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    retry_time: Duration,
    clock: Clock,
    random: Mutex<StdRng>,
    notice: fn(&str),
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url).finish_non_exhaustive()
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Bytes>,
    repeatable: bool,
    /// What to do when nobody knows whether it was done.
    advice: String,
}

impl Request {
    /// A request for a path of the API with its query. By itself it may be repeated when its method is idempotent
    /// (RFC 9110 section 9.2.2).
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let repeatable = method.is_idempotent();
        let advice = "look before you repeat it".to_owned();
        Self { method, path: path.into(), headers: Vec::new(), body: None, repeatable, advice }
    }

    /// With a body of this media type.
    #[must_use]
    pub fn body(mut self, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.push((CONTENT_TYPE, HeaderValue::from_static(media_type)));
        self.body = Some(body.into());
        self
    }

    /// With a header field by which the server knows a repetition, so that it does no harm: `Idempotency-Key` of a
    /// POST, `If-Match` of anything.
    ///
    /// # Errors
    ///
    /// The value cannot stand in a header field; `source` is what it came from.
    pub fn guarded(mut self, name: &'static str, value: &str, source: &str) -> Result<Self, ClientError> {
        let value = HeaderValue::from_str(value)
            .map_err(|_| ClientError::usage(format!("{source}: has characters that cannot stand there")))?;
        self.headers.push((HeaderName::from_static(name), value));
        self.repeatable = true;
        Ok(self)
    }

    /// With words on what to do when nobody knows whether it was done.
    #[must_use]
    pub fn advice(mut self, advice: String) -> Self {
        self.advice = advice;
        self
    }
}

impl Client {
    /// A client of one server.
    ///
    /// # Errors
    ///
    /// The file of authorities cannot be used, or the system has none.
    pub fn new(settings: Settings) -> Result<Self, ClientError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("roster/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .connect_timeout(settings.timeout)
            .read_timeout(settings.timeout);
        if let Some(path) = settings.ca_file.filter(|_| settings.url.is_secure()) {
            builder = builder.tls_certs_only(authorities(&path)?);
        } else if !settings.url.is_secure() {
            // Where there is no TLS, it does not matter that a system has no authorities.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| {
            ClientError::usage(format!("TLS cannot be set up: {error}; --ca-file may help"))
        })?;
        let authorization = settings.token.as_ref().map(authorization).transpose()?;
        Ok(Self {
            http,
            url: settings.url,
            authorization,
            timeout: settings.timeout,
            retry_time: settings.retry_time,
            clock: settings.clock,
            random: Mutex::new(settings.random),
            notice: settings.notice,
        })
    }

    /// A key that no other request has (`Idempotency-Key`).
    pub fn new_key(&self) -> String {
        format!("roster-{:032x}", self.draw(StdRng::random::<u128>))
    }

    /// Sends a request, again where that is safe and may help, and gives an answer with the status `wanted`.
    pub async fn ask(&self, request: &Request, wanted: u16) -> Result<Answer, ClientError> {
        let answer = self.send(request).await?;
        if answer.status == wanted { Ok(answer) } else { Err(self.refusal(&answer)) }
    }

    /// The error that an answer is.
    pub fn refusal(&self, answer: &Answer) -> ClientError {
        let error = answer.refusal(self.authorization.is_some());
        ClientError { message: self.without_token(error.message), ..error }
    }

    /// A text of others may repeat what they were sent.
    pub(super) fn without_token(&self, text: String) -> String {
        let sent = self.authorization.as_ref().and_then(|value| value.to_str().ok()?.split_once(' '));
        match sent {
            Some((_, token)) => text.replace(token, "***"),
            None => text,
        }
    }

    /// Sends a request, again where that is safe and may help, and gives whatever answer there is.
    pub async fn send(&self, request: &Request) -> Result<Answer, ClientError> {
        let started = Instant::now();
        let mut schedule = Schedule::new(self.retry_time);
        let mut doubtful = false;
        loop {
            let trouble = match self.attempt(request).await {
                Ok(answer) => return Ok(Answer { doubtful, ..answer }),
                Err(trouble) => Trouble { why: self.without_token(trouble.why), ..trouble },
            };
            doubtful |= trouble.doubtful;
            let random = self.draw(StdRng::random::<f64>);
            let pause = schedule.pause(started.elapsed(), trouble.pause, random);
            let Some(pause) = pause.filter(|_| request.repeatable && !trouble.lasting) else {
                return Err(self.given_up(request, &trouble, doubtful));
            };
            (self.notice)(&format!(
                "{}: {}; asking again in {:.1} s",
                self.url,
                trouble.why,
                pause.as_secs_f64()
            ));
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(&self, request: &Request) -> Result<Answer, Trouble> {
        let failed = |error: reqwest::Error| Trouble::of_transport(&error, self.timeout);
        let mut builder = self.http.request(request.method.clone(), self.url.below(&request.path));
        builder = builder.header(ACCEPT, "application/json");
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(authorization) = &self.authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let mut response = builder.send().await.map_err(failed)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > BODY_MAX {
                return Err(Trouble::too_large(BODY_MAX));
            }
            body.extend_from_slice(&chunk);
        }
        let (status, reason) = (response.status().as_u16(), response.status().canonical_reason());
        let headers = std::mem::take(response.headers_mut());
        let answer = Answer { status, reason, headers, body: body.freeze(), doubtful: false };
        Trouble::of_answer(&answer, self.clock.now()).map_or(Ok(answer), Err)
    }

    fn given_up(&self, request: &Request, trouble: &Trouble, doubtful: bool) -> ClientError {
        if doubtful && !request.method.is_safe() {
            let message = format!(
                "{}: nobody knows whether it was done: {}; {}",
                self.url, trouble.why, request.advice
            );
            return ClientError::new(ErrorKind::Unknown, message);
        }
        ClientError::new(ErrorKind::Unavailable, format!("{}: {}", self.url, trouble.why))
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        // A panic elsewhere cannot have left the generator in a state that matters here.
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The value of `Authorization` (RFC 6750 section 2.1), marked so that nothing shows it.
fn authorization(token: &Credential) -> Result<HeaderValue, ClientError> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
    let mut value = value.map_err(|_| ClientError::usage("the token cannot stand in a header field"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn authorities(path: &std::path::Path) -> Result<Vec<Certificate>, ClientError> {
    let named =
        |problem: String| ClientError::usage(format!("--ca-file: the file {}: {problem}", path.display()));
    let pem = std::fs::read(path).map_err(|error| named(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|_| named("is not PEM".to_owned()))?;
    if found.is_empty() { Err(named("has no certificate".to_owned())) } else { Ok(found) }
}
