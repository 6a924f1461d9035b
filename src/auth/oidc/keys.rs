//! An issuer's keys (RFC 7517, RFC 7518 section 6, RFC 8037): only those that can verify a token are kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::token::{self, Parts, Statement};
use crate::model::json::parse_object;

/// The most keys of one issuer; those beyond are not looked at.
const MAX_KEYS: usize = 100;
/// How many keys are tried for a token that does not name one.
const MAX_TRIES: usize = 8;
/// The sizes of an RSA modulus in bits (RFC 7518 section 3.3; the upper bound keeps verification cheap).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
const RSA: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<Key>,
    /// Of each key, sorted.
    fingerprints: Vec<[u8; 32]>,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// What it may be used with: what its kind allows, or the one of them that it names.
    algorithms: Vec<Algorithm>,
    public: DecodingKey,
}

/// What the keys say to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// One of them made the signature.
    Good,
    /// The key that the token names did not.
    Bad,
    /// The key that the token names is not here; or it names none, and none of them made the signature.
    UnknownKey,
}

impl KeySet {
    /// Reads a JWK set. Keys of other kinds, for other uses or malformed ones are left out (RFC 7517 section 5).
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let set = parse_object(bytes).map_err(|_| "the key set is not an object with distinct members")?;
        let Some(Value::Array(list)) = set.get("keys") else { return Err("the key set has no array keys") };
        let objects = list.iter().take(MAX_KEYS).filter_map(Value::as_object);
        let (keys, mut fingerprints): (Vec<Key>, Vec<[u8; 32]>) =
            objects.filter_map(|object| Some((Key::read(object)?, fingerprint(object)))).unzip();
        fingerprints.sort_unstable();
        Ok(Self { keys, fingerprints })
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it has the same keys as another, in whatever order.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.fingerprints == other.fingerprints
    }

    pub(super) fn verify(&self, statement: &Statement, parts: &Parts<'_>) -> Verdict {
        let algorithm = statement.algorithm;
        let signed = |key: &&Key| {
            // The algorithm must be the key's: else a public key could be taken for a secret (RFC 8725 section 2.1).
            key.algorithms.contains(&algorithm)
                && crypto::verify(parts.signature, parts.signed.as_bytes(), &key.public, algorithm)
                    .unwrap_or(false)
        };
        let Some(id) = statement.key_id.as_deref() else {
            let fitting = self.keys.iter().filter(|key| key.algorithms.contains(&algorithm));
            let found = fitting.take(MAX_TRIES).any(|key| signed(&key));
            return if found { Verdict::Good } else { Verdict::UnknownKey };
        };
        let mut named = self.keys.iter().filter(|key| key.id.as_deref() == Some(id)).peekable();
        if named.peek().is_none() {
            return Verdict::UnknownKey;
        }
        if named.any(|key| signed(&key)) { Verdict::Good } else { Verdict::Bad }
    }
}

impl Key {
    fn read(object: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| object.get(name).map(|value| value.as_str().ok_or(()));
        let optional = |name: &str| text(name).transpose().ok();
        if optional("use")?.is_some_and(|usage| usage != "sig") {
            return None;
        }
        if let Some(operations) = object.get("key_ops")
            && !operations.as_array()?.iter().any(|operation| operation == "verify")
        {
            return None;
        }
        let text = |name: &str| object.get(name)?.as_str();
        let (kind, public) = match (text("kty")?, optional("crv")?) {
            ("RSA", _) => (RSA, rsa(text("n")?, text("e")?)?),
            ("EC", Some("P-256")) => (&[Algorithm::ES256][..], elliptic(text("x")?, text("y")?, 32)?),
            ("EC", Some("P-384")) => (&[Algorithm::ES384][..], elliptic(text("x")?, text("y")?, 48)?),
            ("OKP", Some("Ed25519")) => (&[Algorithm::EdDSA][..], edwards(text("x")?)?),
            _ => return None,
        };
        let algorithms = match optional("alg")? {
            None => kind.to_vec(),
            Some(name) => vec![token::algorithm(name).filter(|algorithm| kind.contains(algorithm))?],
        };
        Some(Self { id: optional("kid")?.map(str::to_owned), algorithms, public })
    }
}

fn rsa(modulus: &str, exponent: &str) -> Option<DecodingKey> {
    let trimmed = |text: &str| -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
    };
    let (modulus, exponent) = (trimmed(modulus)?, trimmed(exponent)?);
    let bits = modulus.len() * 8 - usize::try_from(modulus.first()?.leading_zeros()).ok()?;
    let sound = exponent.len() <= 4 && exponent.last()? % 2 == 1 && exponent != [1];
    (RSA_BITS.contains(&bits) && sound).then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

fn elliptic(x: &str, y: &str, length: usize) -> Option<DecodingKey> {
    (has_length(x, length) && has_length(y, length)).then(|| DecodingKey::from_ec_components(x, y).ok())?
}

fn edwards(x: &str) -> Option<DecodingKey> {
    has_length(x, 32).then(|| DecodingKey::from_ed_components(x).ok())?
}

fn has_length(text: &str, length: usize) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == length)
}

/// Of all that the issuer says of a key, in the order of the members' names.
fn fingerprint(object: &Map<String, Value>) -> [u8; 32] {
    let mut members: Vec<(&String, &Value)> = object.iter().collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    let mut hash = Sha256::new();
    for (name, value) in members {
        hash.update(Value::from(name.as_str()).to_string());
        hash.update(value.to_string());
    }
    hash.finalize().into()
}
