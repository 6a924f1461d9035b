//! Who calls.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::oidc;
use crate::error::{ApiError, Kind};
use crate::model::actor::Actor;
use crate::model::role::{Permission, Role};
use crate::model::secret::Digest;
use crate::model::token::Token;
use crate::store::journal::Author;

/// Somebody whose credential was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whom the journal names.
    pub actor: Actor,
    /// [`Actor::key`] of it.
    pub key: Arc<str>,
    /// What it may do; `None` is nothing.
    pub role: Option<Role>,
    /// From when on the credential is worth nothing, in microseconds since 1970-01-01 UTC.
    pub expires_at: Option<i64>,
    /// Which of Roster's own tokens it was.
    pub digest: Option<Digest>,
}

impl Identity {
    /// An actor with a role.
    pub fn new(actor: Actor, role: Option<Role>, expires_at: Option<i64>) -> Self {
        Self { key: actor.key().into(), actor, role, expires_at, digest: None }
    }

    /// The bearer of one of Roster's own tokens.
    pub fn of_token(digest: Digest, token: &Token) -> Self {
        let actor = Actor::token(token.id, token.name.as_str());
        Self { digest: Some(digest), ..Self::new(actor, token.role, token.expires_at) }
    }

    /// The bearer of an issuer's token.
    pub fn of_jwt(issuer: &str, said: &oidc::Said) -> Self {
        let actor = Actor::jwt(issuer, &said.subject, said.name.as_str());
        Self::new(actor, said.role, Some(said.expires_at))
    }

    /// Whether it may do this.
    pub fn may(&self, permission: Permission) -> bool {
        self.role.is_some_and(|role| role.may(permission))
    }
}

/// The caller of one request: an extractor for the handlers behind [`super::gate`].
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is.
    pub identity: Arc<Identity>,
    /// What its request takes.
    pub needed: Permission,
    /// The id of the request.
    pub request_id: Option<Arc<str>>,
    /// The address of the client.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// Whom the journal names for a write. `now` in microseconds since 1970-01-01 UTC.
    pub fn author(&self, now: i64) -> Author {
        Author {
            now,
            actor: self.identity.actor.clone(),
            request_id: self.request_id.as_deref().map(str::to_owned),
            address: self.address.map(|address| address.to_string()),
        }
    }

    /// Whether it may do this.
    pub fn may(&self, permission: Permission) -> bool {
        self.identity.may(permission)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Only a route that anybody may ask has none, and its handler has no use for one.
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| ApiError::new(Kind::Internal, "the log tells more, under the request id"))
    }
}
