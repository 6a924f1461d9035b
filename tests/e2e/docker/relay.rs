//! A balancer of connections, as a Kubernetes Service is one: who connects gets one of the servers that are ready, and
//! keeps it. It looks at no request, so what clients see of a server that ends is up to the server.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The addresses of a server: the API's, and that of `/readyz`.
#[derive(Clone)]
pub(super) struct Backend {
    pub(super) api: String,
    pub(super) ops: String,
}

/// Takes new connections until it is dropped.
pub(super) struct Relay {
    pub(super) address: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    backends: Mutex<Vec<(Backend, bool)>>,
    turn: AtomicUsize,
    ended: AtomicBool,
}

impl Relay {
    pub(super) fn start(backends: &[Backend]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self { address: listener.local_addr().unwrap().to_string(), shared: Arc::default() };
        for (place, backend) in backends.iter().enumerate() {
            relay.replace(place, backend.clone());
        }
        let shared = Arc::clone(&relay.shared);
        thread::spawn(move || {
            while !shared.ended.load(Ordering::Relaxed) {
                shared.probe();
                thread::sleep(Duration::from_millis(200));
            }
        });
        let shared = Arc::clone(&relay.shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.ended.load(Ordering::Relaxed) {
                    return;
                }
                // Without a server the client's connection is closed, which it sees and counts.
                if let (Ok(client), Some(server)) = (client, shared.next()) {
                    join(client, &server);
                }
            }
        });
        relay
    }

    /// A server that was started anew has other addresses.
    pub(super) fn replace(&self, place: usize, backend: Backend) {
        let mut backends = self.shared.backends.lock().unwrap();
        let ready = is_ready(&backend);
        if place == backends.len() {
            backends.push((backend, ready));
        } else {
            backends[place] = (backend, ready);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(&self.address);
    }
}

impl Shared {
    fn probe(&self) {
        let probed: Vec<Backend> =
            self.backends.lock().unwrap().iter().map(|(backend, _)| backend.clone()).collect();
        for backend in probed {
            let now = is_ready(&backend);
            for (known, ready) in self.backends.lock().unwrap().iter_mut() {
                if known.ops == backend.ops {
                    *ready = now;
                }
            }
        }
    }

    fn next(&self) -> Option<TcpStream> {
        let ready: Vec<String> = {
            let backends = self.backends.lock().unwrap();
            backends.iter().filter(|(_, ready)| *ready).map(|(backend, _)| backend.api.clone()).collect()
        };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        TcpStream::connect(ready.get(turn.checked_rem(ready.len())?)?).ok()
    }
}

fn is_ready(backend: &Backend) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(&backend.ops)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200 "))
    };
    ask().unwrap_or(false)
}

/// Copies in both directions, each to its end.
fn join(client: TcpStream, server: &TcpStream) {
    let pairs =
        [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server.try_clone().unwrap(), client)];
    for (mut from, mut to) in pairs {
        let _ = to.set_nodelay(true);
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}
