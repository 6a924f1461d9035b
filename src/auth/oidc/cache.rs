//! Identities of tokens that were verified, so that a signature is checked once and not with every request.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest as _, Sha256};

use crate::auth::caller::Identity;

/// What stands for a token. The token itself is not kept.
pub(super) type Fingerprint = [u8; 32];

pub(super) fn fingerprint(token: &str) -> Fingerprint {
    Sha256::digest(token.as_bytes()).into()
}

/// A verified token.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) identity: Arc<Identity>,
    /// `exp` in microseconds since 1970.
    pub(super) expires_at: i64,
    /// The place of its issuer.
    pub(super) issuer: usize,
    /// Which of the issuer's key sets verified it.
    pub(super) generation: u64,
}

/// Two halves: when the young one is full it becomes the old one, whose entries go unless they are used again. Only
/// verified tokens enter, so that strangers cannot push anyone out.
#[derive(Debug)]
pub(super) struct Cache {
    half: usize,
    maps: RwLock<Maps>,
}

#[derive(Debug, Default)]
struct Maps {
    young: HashMap<Fingerprint, Entry>,
    old: HashMap<Fingerprint, Entry>,
}

impl Cache {
    /// Room for `capacity` tokens, at least 2.
    pub(super) fn new(capacity: usize) -> Self {
        Self { half: (capacity / 2).max(1), maps: RwLock::default() }
    }

    pub(super) fn get(&self, token: &Fingerprint) -> Option<Entry> {
        let maps = self.maps.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = maps.young.get(token) {
            return Some(entry.clone());
        }
        let entry = maps.old.get(token)?.clone();
        drop(maps);
        self.insert(*token, entry.clone());
        Some(entry)
    }

    pub(super) fn insert(&self, token: Fingerprint, entry: Entry) {
        let mut maps = self.maps.write().unwrap_or_else(PoisonError::into_inner);
        if maps.young.len() >= self.half && !maps.young.contains_key(&token) {
            maps.old = std::mem::take(&mut maps.young);
        }
        maps.old.remove(&token);
        maps.young.insert(token, entry);
    }

    pub(super) fn remove(&self, token: &Fingerprint) {
        let mut maps = self.maps.write().unwrap_or_else(PoisonError::into_inner);
        maps.young.remove(token);
        maps.old.remove(token);
    }

    pub(super) fn len(&self) -> usize {
        let maps = self.maps.read().unwrap_or_else(PoisonError::into_inner);
        maps.young.len() + maps.old.len()
    }
}
