//! What operators read: one line when an issuer goes, one when it comes back.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use super::Setup;
use super::keys::{Key, with};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// The lines since the last time.
    fn take(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn each_change_of_an_issuers_state_is_one_line() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let setup = Setup::new("ES256").await;
    let assert_line = |part: &str| {
        let found = lines.take();
        let [line] = &found[..] else { panic!("not one line of {part:?}: {found:#?}") };
        assert!(line.contains(part) && line.contains(&setup.issuer.url), "{line}");
    };
    // An outage at the very start, in which one line is said however often it is tried.
    setup.issuer.behaviour().away = true;
    for _ in 0..3 {
        assert!(setup.verify(&setup.token(1)).await.is_err());
        setup.pass(Duration::from_secs(10));
    }
    assert_line("the keys of an issuer cannot be had");
    setup.issuer.behaviour().away = false;
    setup.verify(&setup.token(1)).await.unwrap();
    assert_line("can be had again");
    // Keys that stay the same are no news.
    setup.pass(Duration::from_mins(5));
    setup.verify(&setup.token(2)).await.unwrap();
    assert_eq!(lines.take(), [""; 0]);
    setup.issuer.set_keys(&[&setup.key, &Key::new("second", "ES256")]);
    setup.pass(Duration::from_mins(4));
    let far = serde_json::json!({ "exp": super::NOW + 90_000 });
    let token = setup.key.token(&with(&setup.claims(), &far));
    setup.pass(Duration::from_mins(1));
    setup.verify(&token).await.unwrap();
    assert_line("keys=2");
    // An outage later on.
    setup.issuer.behaviour().status = 500;
    for _ in 0..3 {
        setup.pass(Duration::from_mins(5));
        setup.verify(&token).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_line("is away; its last keys go on being used");
    // Refusals are told by whoever asked; nothing here repeats a token.
    assert!(setup.verify("a.b.c").await.is_err());
    assert_eq!(lines.take(), [""; 0]);
}
