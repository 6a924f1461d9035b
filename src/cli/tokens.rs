//! `roster token`: tokens by the database itself, with no server between.

use std::io::{self, Write as _};

use comfy_table::{Table, presets};

use super::signals::{interruptible, until_stopped};
use super::transfer::open_ready;
use super::{Failure, complain, print};
use crate::auth::secrets;
use crate::client::text::visible;
use crate::clock::Clock;
use crate::config::{TokenConfig, TokenRequest};
use crate::model::actor::Actor;
use crate::model::role::Role;
use crate::model::secret::Secret;
use crate::model::token::{Token, TokenDraft};
use crate::model::user::timestamp;
use crate::store::journal::Author;
use crate::store::{Store, StoreError};

/// Tokens read at once.
const PAGE: i64 = 1000;

pub(super) async fn run(config: TokenConfig) -> Result<(), Failure> {
    // Only the waiting is given up: what is asked then takes a moment, and a secret that is given is shown.
    let shutdown = interruptible()?;
    let store = until_stopped(&shutdown, open_ready(&config.url, config.wait, false)).await?;
    let outcome = answer(&store, config.request).await;
    store.close().await;
    outcome
}

async fn answer(store: &Store, request: TokenRequest) -> Result<(), Failure> {
    let author = Author::local(Clock::System.now(), Actor::command("token"));
    match request {
        TokenRequest::Create { name, role, lifetime } => {
            let expires_at = lifetime.map(|lifetime| author.now.saturating_add(lifetime));
            let draft = TokenDraft { name, role, expires_at };
            let secret = secrets::draw()?;
            let token = store.create_token(&author, &draft, secret.digest()).await?;
            let until = token
                .expires_at
                .map_or("until it is revoked".to_owned(), |time| format!("until {}", timestamp(time)));
            complain(&format!(
                "token {} ({}, {}) is good {until}; its secret is shown only now:",
                token.id,
                visible(&token.name),
                role.name()
            ));
            if let Err(error) = show(&secret) {
                // Nobody has it, and nobody would think of it again.
                store.revoke_token(&author, token.id).await?;
                return Err(format!("stdout: {error}; token {} is revoked again", token.id).into());
            }
        }
        TokenRequest::List { json: true } => {
            each(store, |token| print(&format!("{}\n", token.to_json()))).await?;
        }
        TokenRequest::List { json: false } => print(&format!("{}\n", table(store).await?)),
        TokenRequest::Revoke { id } => {
            store.revoke_token(&author, id).await.map_err(|error| match error {
                StoreError::NotFound => format!("there is no token {id}, or it is revoked already"),
                other => other.to_string(),
            })?;
            complain(&format!("token {id} is revoked; servers refuse it within 5 seconds"));
        }
    }
    Ok(())
}

/// Writes a secret to stdout. Here a reader that is gone is an error like any other.
fn show(secret: &Secret) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", secret.expose())?;
    stdout.flush()
}

async fn each(store: &Store, mut tell: impl FnMut(&Token)) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let tokens = store.tokens(after, PAGE).await?;
        let Some(last) = tokens.last() else { return Ok(()) };
        after = last.id;
        tokens.iter().for_each(&mut tell);
    }
}

async fn table(store: &Store) -> Result<Table, StoreError> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ID", "NAME", "ROLE", "CREATED", "BY", "EXPIRES", "LAST USED", "REVOKED"]);
    let time = |time: Option<i64>| time.map_or("-".to_owned(), short);
    each(store, |token| {
        table.add_row([
            token.id.to_string(),
            visible(&token.name).into_owned(),
            token.role.map_or("?", Role::name).to_owned(),
            short(token.created_at),
            visible(&token.created_by).into_owned(),
            time(token.expires_at),
            time(token.last_used_at),
            time(token.revoked_at),
        ]);
    })
    .await?;
    Ok(table)
}

/// To the second.
fn short(time: i64) -> String {
    let text = timestamp(time);
    text.get(..19).map_or_else(|| text.clone(), |start| format!("{start}Z"))
}
