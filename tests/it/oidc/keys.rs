//! Keys of every accepted kind, and tokens signed with them: good ones and whatever else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};
use serde_json::{Value, json};

/// A key and its public half.
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) private: EncodingKey,
    pub(crate) public: Value,
    /// What it signs with.
    pub(crate) name: &'static str,
}

impl Key {
    /// A fresh key for the algorithm with this name.
    pub(crate) fn new(id: &str, name: &'static str) -> Self {
        let pair = |kind| KeyPair::generate_for(kind).unwrap();
        let public_half = |private| Jwk::from_encoding_key(private, name.parse().unwrap()).unwrap();
        let (private, mut public) = match name {
            "EdDSA" => {
                let pair = pair(&PKCS_ED25519);
                let public = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key_raw()) });
                (EncodingKey::from_ed_der(&pair.serialize_der()), public)
            }
            "ES256" | "ES384" => {
                let kind = if name == "ES256" { &PKCS_ECDSA_P256_SHA256 } else { &PKCS_ECDSA_P384_SHA384 };
                let private = EncodingKey::from_ec_der(&pair(kind).serialize_der());
                let public = serde_json::to_value(public_half(&private)).unwrap();
                (private, public)
            }
            _ => {
                // The key itself stands behind the 26 bytes that say what kind it is (RFC 5208 section 5).
                let private = EncodingKey::from_rsa_der(&pair(&PKCS_RSA_SHA256).serialize_der()[26..]);
                let public = serde_json::to_value(public_half(&private)).unwrap();
                (private, public)
            }
        };
        public["kid"] = id.into();
        public["use"] = "sig".into();
        public["alg"] = name.into();
        Self { id: id.to_owned(), private, public, name }
    }

    /// The header of a token of this key.
    pub(crate) fn header(&self) -> Value {
        json!({ "alg": self.name, "kid": self.id, "typ": "at+jwt" })
    }

    /// A token with the usual header.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// A token with this header and claims, whatever they say.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        self.sign_as(self.name, header, claims)
    }

    /// A token signed with this algorithm, whatever the header says.
    pub(crate) fn sign_as(&self, algorithm: &str, header: &str, claims: &str) -> String {
        sign(&self.private, algorithm.parse().unwrap(), header, claims)
    }
}

pub(crate) fn sign(key: &EncodingKey, algorithm: Algorithm, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = crypto::sign(signed.as_bytes(), key, algorithm).unwrap();
    format!("{signed}.{signature}")
}

pub(crate) fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

pub(crate) fn decode(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// An object with some members replaced; null takes one away.
pub(crate) fn with(object: &Value, changes: &Value) -> Value {
    let mut object = object.clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = value.clone();
        }
    }
    object
}
