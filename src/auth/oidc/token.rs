//! What a token says, before anyone knows whether it is true: the compact form (RFC 7515 section 7.1), the header, the claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::claims;
use crate::config::IssuerConfig;
use crate::model::json::parse_object;
use crate::model::role::Role;

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN: usize = 16 * 1024;
/// The longest subject, in bytes. A Kubernetes service account's takes up to 339; `OpenID` Connect allows 255 characters.
const MAX_SUBJECT: usize = 512;
/// The longest name of a key, in bytes.
const MAX_KEY_ID: usize = 512;
/// The clocks of issuer and server may differ by this, in microseconds.
pub const LEEWAY: i64 = 60_000_000;
/// The last second of the year 9999: a later time is a mistake in the unit.
const MAX_SECONDS: i64 = 253_402_300_799;

/// The algorithms that are accepted, all asymmetric (RFC 8725 section 3.1): a key that everyone may read verifies.
const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];
/// The types that are accepted, in lower case (RFC 8725 section 3.11, RFC 9068 section 2.1).
const TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];

/// The algorithm with this name, if it is accepted. Names are case-sensitive (RFC 7515 section 4.1.1).
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    ALGORITHMS.into_iter().find(|(known, _)| *known == name).map(|(_, algorithm)| algorithm)
}

/// A token taken apart.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// What the signature is of.
    pub(super) signed: &'a str,
    /// In base64url.
    pub(super) signature: &'a str,
    pub(super) header: Vec<u8>,
    pub(super) claims: Vec<u8>,
}

/// Takes a token apart: three parts in base64url without padding, none of them empty.
pub(super) fn split(token: &str) -> Result<Parts<'_>, &'static str> {
    if token.len() > MAX_TOKEN {
        return Err("the token is too long");
    }
    let mut pieces = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (pieces.next(), pieces.next(), pieces.next(), pieces.next())
    else {
        return Err("the token does not have three parts");
    };
    if signature.is_empty() {
        return Err("the token has no signature");
    }
    let signed = &token[..header.len() + 1 + claims.len()];
    let decode =
        |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| "a part of the token is not base64url");
    let (header, claims) = (decode(header)?, decode(claims)?);
    decode(signature)?;
    Ok(Parts { signed, signature, header, claims })
}

/// What a token says: well-formed, but neither verified nor meant for us. Who bears it is known
/// only once it is verified.
#[derive(Debug)]
pub struct Statement {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    issuer: String,
    subject: String,
    audiences: Vec<String>,
    expires_at: i64,
    not_before: Option<i64>,
    claims: Map<String, Value>,
}

/// What a token says of its bearer to one who takes the issuer's word for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    /// `sub`: unique and never given to another within the issuer; at most 512 bytes, no control characters.
    pub subject: String,
    /// `preferred_username`, else `name`, else `email`, else the subject; at most 200 characters, no control
    /// characters. The issuer may give it to another.
    pub name: String,
    /// The highest role that the token maps to; without one its bearer is known and may do nothing.
    pub role: Option<Role>,
    /// `exp` in microseconds since 1970; tokens are accepted for another 60 seconds.
    pub expires_at: i64,
}

/// Reads a header and claims, both JSON. The error is a reason for the log.
///
/// # Errors
/// Anything that no acceptable token has, whoever made it: see docs/authentication.md.
pub fn read(header: &[u8], claims: &[u8]) -> Result<Statement, &'static str> {
    let header = parse_object(header).map_err(|_| "the header is not an object with distinct members")?;
    let claims = parse_object(claims).map_err(|_| "the claims are not an object with distinct members")?;
    let (algorithm, key_id) = read_header(&header)?;
    let issuer = string(&claims, "iss")?.ok_or("iss is missing")?.to_owned();
    let subject = string(&claims, "sub")?.ok_or("sub is missing")?.to_owned();
    if subject.is_empty() || subject.len() > MAX_SUBJECT || subject.contains(char::is_control) {
        return Err("sub is empty, too long or has control characters");
    }
    let expires_at = date(&claims, "exp")?.ok_or("exp is missing")?;
    let not_before = date(&claims, "nbf")?;
    date(&claims, "iat")?;
    let audiences = audiences(&claims)?;
    Ok(Statement { algorithm, key_id, issuer, subject, audiences, expires_at, not_before, claims })
}

/// An input of the fuzzer: a header on the first line, claims on the others.
pub fn halves(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    (&input[..end], input.get(end + 1..).unwrap_or_default())
}

fn read_header(header: &Map<String, Value>) -> Result<(Algorithm, Option<String>), &'static str> {
    let name = string(header, "alg")?.ok_or("alg is missing")?;
    let algorithm = algorithm(name).ok_or("alg is not an accepted algorithm")?;
    // RFC 7515 section 4.1.11: what is critical and not understood makes a token invalid, and nothing is understood.
    // `b64` and `zip` would change what is signed; `jku`, `jwk`, `x5u` and `x5c`, which name keys, are not looked at.
    if ["crit", "b64", "zip", "enc"].iter().any(|name| header.contains_key(*name)) {
        return Err("the header has an extension");
    }
    if let Some(kind) = string(header, "typ")?
        && !TYPES.contains(&kind.to_ascii_lowercase().as_str())
    {
        return Err("typ is not that of an access token");
    }
    let key_id = string(header, "kid")?;
    if key_id.is_some_and(|id| id.len() > MAX_KEY_ID) {
        return Err("kid is too long");
    }
    Ok((algorithm, key_id.map(str::to_owned)))
}

fn string<'a>(object: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, &'static str> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("a member that must be a string is not"),
    }
}

/// A `NumericDate` (RFC 7519 section 2) in microseconds: seconds since 1970, whole or not, up to the year 9999.
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, &'static str> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let Value::Number(number) = value else { return Err("a time is not a number") };
    let whole = number.as_i64().filter(|seconds| (0..=MAX_SECONDS).contains(seconds));
    let microseconds = whole.map(|seconds| seconds * 1_000_000).or_else(|| {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let range = 0.0..=MAX_SECONDS as f64;
        let seconds = number.as_f64().filter(|seconds| number.is_f64() && range.contains(seconds))?;
        #[expect(clippy::cast_possible_truncation, reason = "within the range that was just checked")]
        Some((seconds * 1e6) as i64)
    });
    microseconds.map(Some).ok_or("a time is out of range")
}

fn audiences(claims: &Map<String, Value>) -> Result<Vec<String>, &'static str> {
    match claims.get("aud").ok_or("aud is missing")? {
        Value::String(one) => Ok(vec![one.clone()]),
        Value::Array(list) => {
            let texts = list.iter().map(|one| one.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or("aud has something that is not a string")
        }
        _ => Err("aud is neither a string nor an array"),
    }
}

impl Statement {
    /// `iss`. It only picks the issuer whose keys are to verify the token.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether the claims are what `rules` ask for at the time `now`, in microseconds since 1970.
    ///
    /// # Errors
    /// A reason for the log: another issuer or audience, expired, or not yet valid.
    pub fn check(&self, rules: &IssuerConfig, now: i64) -> Result<Said, &'static str> {
        if self.issuer != rules.issuer {
            return Err("iss is another issuer");
        }
        if !self.audiences.iter().any(|audience| rules.audiences.contains(audience)) {
            return Err("aud is not this service");
        }
        if now >= self.expires_at.saturating_add(LEEWAY) {
            return Err("the token has expired");
        }
        if self.not_before.is_some_and(|from| now < from.saturating_sub(LEEWAY)) {
            return Err("the token is not valid yet");
        }
        Ok(Said {
            subject: self.subject.clone(),
            name: claims::name(&self.claims, &self.subject),
            role: claims::role(&self.claims, rules),
            expires_at: self.expires_at,
        })
    }
}
