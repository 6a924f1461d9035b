//! The same limits over TLS, and those of the handshake.

use super::client::{Running, start_on};
use super::*;
use crate::clock::Clock;
use crate::config::TlsFiles;
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::{TlsConnector, client::TlsStream};

struct Scene {
    server: Running,
    connector: TlsConnector,
}

impl Scene {
    async fn new(limits: Limits) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), limits)
    }

    fn on(listener: TcpListener, limits: Limits) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let files =
            TlsFiles { certificate: directory.path().join("tls.crt"), key: directory.path().join("tls.key") };
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        let (tls, _) = Tls::load(files, &Clock::System).unwrap();
        Self { server: start_on(listener, Some(tls), limits), connector: connector(certificate.der()) }
    }

    /// Waits until the server has closed all its connections.
    async fn all_closed(&self) {
        let closed = async {
            while self.server.stats.open() > 0 {
                sleep(ms(20)).await;
            }
        };
        timeout(ms(2000), closed).await.expect("the slow reader is cut");
    }

    async fn connect(&self) -> Client<TlsStream<TcpStream>> {
        self.secured(self.server.connect().await).await
    }

    async fn secured(&self, plain: Client) -> Client<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        Client(self.connector.connect(name, plain.0).await.unwrap())
    }
}

fn connector(root: &CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

#[tokio::test]
async fn heads_have_their_time_within_tls() {
    let scene = Scene::new(limits()).await;
    // The handshake is no head, and a connection may be idle after it.
    let mut idle = scene.connect().await;
    assert!(idle.is_open_after(ms(500)).await);
    idle.hello().await;
    assert!(idle.is_open_after(ms(500)).await);
    let mut half = scene.connect().await;
    half.send(HALF_HEAD).await;
    let mut pipelined = scene.connect().await;
    pipelined.send(&format!("{GET}{GET}{HALF_HEAD}")).await;
    let begun = Instant::now();
    assert!(half.rest().await.0.is_empty());
    let answers = String::from_utf8(pipelined.rest().await.0).unwrap();
    assert_eq!(answers.matches("hello").count(), 2);
    assert!(begun.elapsed() >= ms(150) && begun.elapsed() < ms(1000), "{:?}", begun.elapsed());
    assert_eq!((scene.server.stats.head_timeouts(), scene.server.stats.handshake_errors()), (2, 0));
}

#[tokio::test]
async fn slow_readers_are_cut_within_tls_and_fast_ones_get_everything() {
    let scene = Scene::new(limits()).await;
    let mut slow = scene.secured(scene.server.connect_small().await).await;
    slow.send("GET /big HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut fast = scene.connect().await;
    fast.send("GET /big HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let (read, reset) = fast.rest().await;
    assert!(read.len() > 8 << 20 && !reset);
    scene.all_closed().await;
    assert_eq!(scene.server.stats.slow_readers(), 1);
    let (read, reset) = slow.rest().await;
    assert!(read.len() < 8 << 20 && reset);
}

/// What lies between the socket and hyper, for whom the response is finished, is not waited for without limit either.
#[tokio::test]
async fn the_last_bytes_have_to_be_taken_too() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let scene = Scene::on(socket.listen(8).unwrap(), Limits { idle_timeout: ms(60_000), ..limits() });
    for last in ["", "connection: close\r\n"] {
        let mut slow = scene.secured(scene.server.connect_small().await).await;
        slow.send(&format!("GET /some HTTP/1.1\r\nhost: x\r\n{last}\r\n")).await;
        sleep(ms(100)).await;
        assert_eq!(scene.server.stats.open(), 1, "the response does not fit");
        scene.all_closed().await;
        assert!(slow.rest().await.1);
    }
    assert_eq!(scene.server.stats.slow_readers(), 2);
}

#[tokio::test]
async fn a_steady_reader_above_the_least_rate_is_not_cut_within_tls() {
    let scene = Scene::new(Limits { min_drain_rate: 20_000, drain_window: ms(500), ..limits() }).await;
    let mut client = scene.connect().await;
    client.send("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut buffer = vec![0; 10_000];
    let end = Instant::now() + ms(1500);
    while Instant::now() < end {
        client.0.read_exact(&mut buffer).await.unwrap();
        sleep(ms(25)).await;
    }
    assert_eq!(scene.server.stats.slow_readers(), 0);
}

#[tokio::test]
async fn a_handshake_has_the_time_of_a_head_and_holds_up_nobody() {
    let scene = Scene::new(limits()).await;
    let mut silent = scene.server.connect().await;
    let mut half = scene.server.connect().await;
    // The begin of a record that is to be 512 bytes long.
    half.0.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap();
    let begun = Instant::now();
    scene.connect().await.hello().await;
    assert!(begun.elapsed() < ms(190), "{:?}", begun.elapsed());
    silent.rest().await;
    half.rest().await;
    assert!(begun.elapsed() >= ms(150) && begun.elapsed() < ms(1000), "{:?}", begun.elapsed());
    assert_eq!((scene.server.stats.handshake_errors(), scene.server.stats.head_timeouts()), (2, 0));
}

#[tokio::test]
async fn plain_http_and_noise_end_the_connection_alone() {
    let scene = Scene::new(limits()).await;
    let mut kept = scene.connect().await;
    kept.hello().await;
    for noise in [GET.as_bytes(), b"\0", &[22, 3, 1, 0, 4, 9, 9, 9, 9], &[0xff; 4096]] {
        let mut client = scene.server.connect().await;
        client.0.write_all(noise).await.unwrap();
        let (read, _) = client.rest().await;
        assert!(!read.starts_with(b"HTTP"), "{read:?}");
    }
    assert_eq!(scene.server.stats.handshake_errors(), 4);
    kept.hello().await;
}

#[tokio::test]
async fn handshakes_count_as_connections() {
    let scene = Scene::new(Limits { max_connections: 1, header_timeout: ms(600), ..limits() }).await;
    let mut silent = scene.server.connect().await;
    let second = scene.connect();
    tokio::pin!(second);
    assert!(timeout(ms(300), &mut second).await.is_err());
    assert_eq!((scene.server.stats.accepted(), scene.server.stats.open()), (1, 1));
    silent.rest().await;
    second.await.hello().await;
}

#[tokio::test]
async fn the_end_within_tls_finishes_what_is_under_way() {
    let long =
        Limits { header_timeout: ms(30_000), idle_timeout: ms(60_000), deadline: ms(4000), ..limits() };
    let scene = Scene::new(long).await;
    let (mut idle, mut working) = (scene.connect().await, scene.connect().await);
    idle.hello().await;
    let mut silent = scene.server.connect().await;
    working.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    sleep(ms(100)).await;
    let stopping = tokio::spawn(scene.server.stop());
    // An orderly end has a word of its own (RFC 8446, section 6.1).
    assert_eq!(idle.rest().await, (Vec::new(), false));
    silent.rest().await;
    let (read, reset) = working.rest().await;
    let answer = String::from_utf8(read).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("connection: close") && !reset,
        "{answer}"
    );
    let (outcome, took) = stopping.await.unwrap();
    assert_eq!(outcome, Outcome { cut: 0 });
    assert!(took >= ms(700) && took < ms(3000), "{took:?}");
}

/// The client knows nothing of the end when it connects.
#[tokio::test]
async fn a_handshake_that_begins_at_the_end_of_the_drain_is_not_dropped() {
    let scene = Scene::new(Limits { header_timeout: ms(30_000), deadline: ms(4000), ..limits() }).await;
    let plain = scene.server.connect().await;
    let accepted = async {
        while scene.server.stats.open() == 0 {
            sleep(ms(5)).await;
        }
    };
    timeout(ms(2000), accepted).await.expect("it is taken in");
    scene.server.trigger.trigger();
    sleep(ms(50)).await;
    let mut client = scene.secured(plain).await;
    assert!(client.hello().await.contains("connection: close"));
    assert_eq!(scene.server.stop().await.0, Outcome { cut: 0 });
}

#[tokio::test]
async fn the_deadline_cuts_within_tls() {
    let scene = Scene::new(Limits { deadline: ms(300), min_drain_rate: 0, ..limits() }).await;
    let mut client = scene.secured(scene.server.connect_small().await).await;
    client.send("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.read_until("\r\n\r\n").await;
    let (outcome, took) = scene.server.stop().await;
    assert_eq!(outcome, Outcome { cut: 1 });
    assert!(took < ms(1500), "{took:?}");
    assert!(client.rest().await.1);
}
