//! The story of tokens, on a database in which no token ever was.

use std::time::Duration;

use roster::model::actor::Actor;
use roster::model::change::{Selection, SubjectKind};
use roster::model::position::Position;
use roster::model::role::Role;
use roster::model::secret::{Digest, Secret};
use roster::model::token::{Token, TokenChange, TokenDraft};
use roster::store::journal::Author;
use roster::store::{Store, StoreError};

use super::START;
use crate::support::eventually;

fn draft(name: &str, role: Role) -> TokenDraft {
    TokenDraft { name: name.to_owned(), role, expires_at: None }
}

fn digest(byte: u8) -> Digest {
    Secret::from_random([byte; 32]).digest()
}

pub(super) async fn tokens(store: &Store) {
    let author = Author::local(START + 20, Actor::sole("story"));
    assert!(!store.has_tokens().await.unwrap());
    let first =
        store.create_first_token(&author, &draft("first", Role::Admin), digest(1)).await.unwrap().unwrap();
    assert_eq!((first.id, first.role, first.created_by.as_str()), (1, Some(Role::Admin), "story:story"));
    let again = store.create_first_token(&author, &draft("late", Role::Admin), digest(2)).await.unwrap();
    assert!(again.is_none() && store.has_tokens().await.unwrap());

    let second = store.create_token(&author, &draft("second", Role::Reader), digest(3)).await.unwrap();
    let change = TokenChange { role: Some(Role::Writer), ..TokenChange::default() };
    let changed = store.update_token(&author, second.id, &change).await.unwrap();
    assert_eq!(changed, Token { role: Some(Role::Writer), version: 2, ..second.clone() });
    assert_eq!(store.update_token(&author, second.id, &change).await.unwrap(), changed);
    store.note_token_uses(vec![(second.id, START + 30), (first.id, START + 31), (99, START)]).await.unwrap();
    // An older use, of another server, changes nothing.
    store.note_token_uses(vec![(second.id, START + 29)]).await.unwrap();
    let used = store.token(second.id).await.unwrap();
    assert_eq!((used.last_used_at, used.version), (Some(START + 30), 2));

    let live =
        |listed: Vec<(Digest, Token)>| listed.into_iter().map(|(_, token)| token.id).collect::<Vec<_>>();
    assert_eq!(live(store.usable_tokens(START + 40).await.unwrap()).len(), 2);
    let short = TokenDraft { expires_at: Some(START + 40), ..draft("short", Role::Reader) };
    let expiring = store.create_token(&author, &short, digest(4)).await.unwrap();
    assert_eq!(live(store.usable_tokens(START + 39).await.unwrap()).len(), 3);
    store.revoke_token(&author, expiring.id).await.unwrap();
    let revoked = store.revoke_token(&author, second.id).await.unwrap();
    assert_eq!((revoked.revoked_at, revoked.version), (Some(author.now), 3));
    assert_eq!(live(store.usable_tokens(START + 40).await.unwrap()), [first.id]);
    let ids = |page: Vec<Token>| page.into_iter().map(|token| token.id).collect::<Vec<_>>();
    assert_eq!(ids(store.tokens(0, 10).await.unwrap()), [first.id, second.id, expiring.id]);
    assert_eq!(ids(store.tokens(first.id, 1).await.unwrap()), [second.id]);
    for outcome in [
        store.update_token(&author, second.id, &change).await,
        store.revoke_token(&author, second.id).await,
        store.token(second.id).await,
        store.revoke_token(&author, 99).await,
        store.token(99).await,
    ] {
        assert!(matches!(outcome, Err(StoreError::NotFound)), "{outcome:?}");
    }
    let of_second = Selection { subject: Some((SubjectKind::Token, second.id)), ..Selection::default() };
    let hidden = Selection { users_alone: true, ..Selection::default() };
    eventually(Duration::from_secs(30), "settled", async || {
        store.changes(&of_second, Position::default(), 10).await.unwrap().0.len() == 3
    })
    .await;
    let (told, _) = store.changes(&of_second, Position::default(), 10).await.unwrap();
    let actions: Vec<&str> = told.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["token.created", "token.updated", "token.revoked"]);
    let (users, _) = store.changes(&hidden, Position::default(), 1000).await.unwrap();
    assert!(users.iter().all(|entry| entry.subject_kind == "user"));
}
