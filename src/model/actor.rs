//! Who does something.

use serde::Serialize;

/// Who is told of in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// `token`, `command` (a command on the server's machine), `bootstrap`, `demo`; `unknown` for what was written
    /// before actors were told apart.
    pub kind: String,
    /// What names it for good among its kind, if there is such a thing.
    pub id: Option<String>,
    /// What people call it.
    pub name: String,
}

impl Actor {
    /// The token with this id.
    pub fn token(id: i64, name: impl Into<String>) -> Self {
        Self { kind: "token".to_owned(), id: Some(id.to_string()), name: name.into() }
    }

    /// A command of the program itself, such as `import`.
    pub fn command(name: &str) -> Self {
        Self { kind: "command".to_owned(), id: None, name: name.to_owned() }
    }

    /// Something that is the only one of its kind.
    pub fn sole(kind: &str) -> Self {
        Self { kind: kind.to_owned(), id: None, name: kind.to_owned() }
    }

    /// What is equal for one caller and different for two.
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind, self.id.as_deref().unwrap_or(&self.name))
    }
}
