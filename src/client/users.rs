//! What can be asked of a server about its users.

use form_urlencoded::Serializer;
use reqwest::Method;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Answer, Client, ClientError, ErrorKind, Request};
use crate::model::listing::LIMIT_MAX;
use crate::routes::{USERS, user_path};

/// The media type of what is created.
const JSON: &str = "application/json";
/// The media type of a change (RFC 7396).
const MERGE_PATCH: &str = "application/merge-patch+json";

/// Which users to list. Texts are for the server to judge.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The filter expression.
    pub filter: Option<String>,
    /// How names or e-mail addresses begin.
    pub q: Option<String>,
    /// The order.
    pub sort: Option<String>,
    /// More attributes.
    pub fields: Option<String>,
}

impl Listing {
    /// Those whose name or e-mail address is this, in any case.
    pub fn exactly(wanted: &str, fields: Option<String>) -> Self {
        let text = serde_json::Value::from(wanted);
        Self { filter: Some(format!("name eq {text} or email eq {text}")), fields, ..Self::default() }
    }

    fn first_page(&self, limit: u64) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("limit", &limit.to_string());
        let parts =
            [("filter", &self.filter), ("q", &self.q), ("sort", &self.sort), ("fields", &self.fields)];
        for (name, value) in parts {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}

/// A walk over the pages of a list.
#[derive(Debug)]
pub struct Walk<'c> {
    client: &'c Client,
    /// The query of the next page.
    next: Option<String>,
    left: u64,
}

impl<'c> Walk<'c> {
    /// A walk over at most `limit` users.
    pub fn new(client: &'c Client, listing: &Listing, limit: Option<u64>) -> Self {
        let left = limit.unwrap_or(u64::MAX);
        let page = left.min(LIMIT_MAX.unsigned_abs());
        Self { client, next: Some(listing.first_page(page)), left }
    }

    /// The next users; `None` after the last page.
    pub async fn page(&mut self) -> Result<Option<Vec<Box<RawValue>>>, ClientError> {
        let Some(query) = self.next.take().filter(|_| self.left > 0) else { return Ok(None) };
        let answer = self.client.ask(&Request::new(Method::GET, format!("{USERS}?{query}")), 200).await?;
        let mut users: Vec<Box<RawValue>> = answer.json()?;
        users.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= users.len() as u64;
        let next = answer.header("link").and_then(next_query).map(str::to_owned);
        if next.as_ref() == Some(&query) {
            return Err(ClientError::usage("the server's next page is the page itself: it is not Roster"));
        }
        self.next = next;
        Ok(Some(users))
    }
}

/// The query of the `rel="next"` link (RFC 8288). Only the query counts, so that a page never leads to another server,
/// and a server may stand below a path that it does not know.
fn next_query(link: &str) -> Option<&str> {
    link.split('<').skip(1).find_map(|part| {
        let (target, parameters) = part.split_once('>')?;
        let next = |parameter: &str| matches!(parameter.trim(), "rel=\"next\"" | "rel=next");
        let own = parameters.split(',').next().unwrap_or_default();
        own.split(';').any(next).then(|| target.split_once('?')).flatten().map(|(_, query)| query)
    })
}

/// A new user. What is `None` is left to the server.
#[derive(Clone, Debug, Serialize)]
pub struct NewUser {
    /// `name`
    pub name: String,
    /// `email`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// `external_id`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// `active`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// `profile`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Box<RawValue>>,
}

/// A change. What is `None` stays as it is; `Some(None)` takes the attribute away.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Patch {
    /// `name`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `email`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Option<String>>,
    /// `external_id`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Option<String>>,
    /// `active`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// A merge patch of `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Box<RawValue>>,
}

impl Patch {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        let Self { name, email, external_id, active, profile } = self;
        name.is_none() && email.is_none() && external_id.is_none() && active.is_none() && profile.is_none()
    }
}

/// One user with all attributes.
pub async fn get(client: &Client, id: i64) -> Result<Box<RawValue>, ClientError> {
    client.ask(&Request::new(Method::GET, user_path(id)), 200).await?.json()
}

/// Creates a user. The server does it once for one `key`.
pub async fn create(client: &Client, user: &NewUser, key: &str) -> Result<Box<RawValue>, ClientError> {
    let again = format!("repeat the command with --idempotency-key {key}, and it is done once");
    let request = Request::new(Method::POST, USERS)
        .body(JSON, json(user)?)
        .guarded("idempotency-key", key, "--idempotency-key")?
        .advice(again.clone());
    let answer = client.send(&request).await?;
    if answer.status == 201 { answer.json() } else { Err(refused(client, &answer, &again)) }
}

/// Changes a user; with `if_match` only if it still has this entity tag.
pub async fn update(
    client: &Client,
    id: i64,
    patch: &Patch,
    if_match: Option<&str>,
) -> Result<Box<RawValue>, ClientError> {
    let request = Request::new(Method::PATCH, user_path(id)).body(MERGE_PATCH, json(patch)?);
    let request = guarded(request, if_match)?.advice(look(id));
    let answer = client.send(&request).await?;
    if answer.status == 200 { answer.json() } else { Err(refused(client, &answer, &look(id))) }
}

/// Deletes a user; with `if_match` only if it still has this entity tag. `false` means that an earlier attempt, whose
/// answer was lost, has most likely done it.
pub async fn delete(client: &Client, id: i64, if_match: Option<&str>) -> Result<bool, ClientError> {
    let request = guarded(Request::new(Method::DELETE, user_path(id)), if_match)?.advice(look(id));
    let answer = client.send(&request).await?;
    match answer.status {
        204 => Ok(true),
        404 if answer.doubtful && answer.problem().is_some() => Ok(false),
        _ => Err(refused(client, &answer, &look(id))),
    }
}

fn look(id: i64) -> String {
    format!("look with roster users get {id}")
}

/// The error that the answer to a write is. After an attempt whose answer was lost, few answers tell what became of that:
/// who may not ask any more learns nothing, and a 412 may have found the attempt's own change.
fn refused(client: &Client, answer: &Answer, advice: &str) -> ClientError {
    let telling = matches!(answer.status, 404 | 409 | 422) && answer.problem().is_some();
    if !answer.doubtful || telling {
        return client.refusal(answer);
    }
    let message = format!(
        "nobody knows whether it was done: the answer of an earlier attempt was lost, and now: {}; {}",
        answer.line(),
        advice
    );
    ClientError::new(ErrorKind::Unknown, client.without_token(message))
}

/// An entity tag is in quotes (RFC 9110 section 8.8.3), which shells take away.
fn guarded(request: Request, if_match: Option<&str>) -> Result<Request, ClientError> {
    let Some(tag) = if_match else { return Ok(request) };
    let bare = !tag.contains('"') && tag != "*";
    let value = if bare { format!("\"{tag}\"") } else { tag.to_owned() };
    request.guarded("if-match", &value, "--if-match")
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, ClientError> {
    serde_json::to_vec(value).map_err(|error| ClientError::usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_in_the_link() {
        for (link, expected) in [
            ("</users?cursor=a%2C&limit=2>; rel=\"next\"", Some("cursor=a%2C&limit=2")),
            ("<https://evil/users?cursor=b>; rel=next", Some("cursor=b")),
            ("</a?x>; rel=\"prev\", </b?y>; title=\"t\"; rel=\"next\"", Some("y")),
            ("</a?x>; rel=\"prev\"", None),
            ("</a>; rel=\"next\"", None),
            ("nothing", None),
        ] {
            assert_eq!(next_query(link), expected, "{link}");
        }
    }

    #[test]
    fn what_is_found_exactly_is_quoted() {
        let listing = Listing::exactly("a\" or id gt 0 or name eq \"", None);
        let expected = r#"name eq "a\" or id gt 0 or name eq \"" or email eq "a\" or id gt 0 or name eq \"""#;
        assert_eq!(listing.filter.as_deref(), Some(expected));
    }

    #[test]
    fn a_change_says_what_is_to_go() {
        let patch = Patch { email: Some(None), active: Some(false), ..Patch::default() };
        assert_eq!(serde_json::to_string(&patch).unwrap(), r#"{"email":null,"active":false}"#);
        assert!(Patch::default().is_empty() && !patch.is_empty());
    }
}
