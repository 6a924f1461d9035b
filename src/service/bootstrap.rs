//! The first token of a database that never had one: without it nobody could ask for another.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::Parts;
use super::background::probe;
use crate::auth::secrets;
use crate::clock::Clock;
use crate::config::ServeConfig;
use crate::model::actor::Actor;
use crate::model::role::Role;
use crate::model::secret::Secret;
use crate::model::token::TokenDraft;
use crate::store::journal::Author;
use crate::store::{Store, StoreError};

/// Time between two attempts while the database or its schema is not there.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest time between two attempts that the database refuses, which it may go on doing until somebody sees to it.
const LAST_PAUSE: Duration = Duration::from_secs(30);

struct Bootstrap {
    store: Store,
    clock: Clock,
    given: Option<Secret>,
    announce: Option<fn(&Secret)>,
}

/// Gives the first token where there is none; goes on beside the service while that can't be done yet.
pub(super) async fn begin(config: &ServeConfig, store: &Store, parts: &Parts) -> Option<JoinHandle<()>> {
    if config.callers.open || config.read_only {
        return None;
    }
    let bootstrap = Bootstrap {
        store: store.clone(),
        clock: parts.clock.clone(),
        given: config.callers.first_token.clone(),
        announce: parts.announce,
    };
    let mut refused = None;
    if bootstrap.attempt(&mut refused).await {
        return None;
    }
    Some(tokio::spawn(async move {
        let mut pause = PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            if bootstrap.attempt(&mut refused).await {
                return;
            }
            pause = if refused.is_some() { (pause * 2).min(LAST_PAUSE) } else { PAUSE };
        }
    }))
}

impl Bootstrap {
    /// Whether there is nothing more to be done. `refused` is why the attempt before failed, which is told once.
    async fn attempt(&self, refused: &mut Option<String>) -> bool {
        if probe(&self.store).await.is_err() {
            *refused = None;
            return false;
        }
        let Err(error) = self.first_token().await else { return true };
        let error = error.to_string();
        if refused.as_ref() != Some(&error) {
            tracing::warn!(error, "the first token can't be given; trying again");
        }
        *refused = Some(error);
        false
    }

    async fn first_token(&self) -> Result<(), StoreError> {
        let Some(secret) = self.secret()? else {
            if !self.store.has_tokens().await? {
                tracing::warn!(
                    "nobody can call yet: give a token with `roster token create`, or name a file with one in \
                     ROSTER_BOOTSTRAP_TOKEN_FILE"
                );
            }
            return Ok(());
        };
        let author = Author::local(self.clock.now(), Actor::sole("bootstrap"));
        let draft = TokenDraft { name: "bootstrap".to_owned(), role: Role::Admin, expires_at: None };
        let Some(token) = self.store.create_first_token(&author, &draft, secret.digest()).await? else {
            return Ok(());
        };
        tracing::info!(id = token.id, "the first token is given, an admin's");
        if self.given.is_none()
            && let Some(announce) = self.announce
        {
            announce(&secret);
        }
        Ok(())
    }

    /// The secret that was given, or a new one if there is somebody to show it to.
    fn secret(&self) -> Result<Option<Secret>, StoreError> {
        match (&self.given, self.announce) {
            (Some(given), _) => Ok(Some(given.clone())),
            (None, Some(_)) => secrets::draw().map(Some).map_err(StoreError::Internal),
            (None, None) => Ok(None),
        }
    }
}
