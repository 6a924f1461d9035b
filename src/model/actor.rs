//! Who does something.

use serde::Serialize;

/// Who is told of in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// `token`, `jwt` (the bearer of an issuer's token), `command` (a command on the server's machine), `bootstrap`,
    /// `demo`; `unknown` for what was written before actors were told apart.
    pub kind: String,
    /// What names it for good among its kind; never used for another. Empty for `unknown`.
    pub id: String,
    /// What people call it.
    pub name: String,
}

impl Actor {
    /// The token with this id.
    pub fn token(id: i64, name: impl Into<String>) -> Self {
        Self { kind: "token".to_owned(), id: id.to_string(), name: name.into() }
    }

    /// The subject of an issuer: `iss` and `sub` together name it for good (`OpenID` Connect Core, section 5.7).
    pub fn jwt(issuer: &str, subject: &str, name: impl Into<String>) -> Self {
        Self { kind: "jwt".to_owned(), id: format!("{issuer}#{subject}"), name: name.into() }
    }

    /// A command of the program itself, such as `import`.
    pub fn command(name: &str) -> Self {
        Self { kind: "command".to_owned(), id: name.to_owned(), name: name.to_owned() }
    }

    /// Something that is the only one of its kind.
    pub fn sole(kind: &str) -> Self {
        Self { kind: kind.to_owned(), id: kind.to_owned(), name: kind.to_owned() }
    }

    /// `KIND:ID`: what is equal for one caller and different for two.
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind, self.id)
    }
}
