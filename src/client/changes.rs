//! The record of a server, read as a feed.

use form_urlencoded::Serializer;
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Client, ClientError, Request};
use crate::model::listing::LIMIT_MAX;
use crate::routes::{CHANGES, USERS};

/// Which entries to read. Texts are for the server to judge.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// `KIND:ID` of who did it.
    pub actor: Option<String>,
    /// `KIND:ID` of what it was done to.
    pub subject: Option<String>,
}

/// One page.
#[derive(Debug, Deserialize)]
struct Page {
    changes: Vec<Box<RawValue>>,
    next: String,
    more: bool,
}

/// A reader of the feed, from the oldest entry to the newest.
#[derive(Debug)]
pub struct Feed<'c> {
    client: &'c Client,
    selection: Selection,
    after: Option<String>,
    left: u64,
}

impl<'c> Feed<'c> {
    /// A reader of at most `limit` entries that come after a position, or of all.
    pub fn new(client: &'c Client, selection: Selection, after: Option<String>, limit: Option<u64>) -> Self {
        Self { client, selection, after, left: limit.unwrap_or(u64::MAX) }
    }

    /// Whether all the entries that are wanted were read.
    pub fn is_done(&self) -> bool {
        self.left == 0
    }

    /// The entries that come next, and whether there are more by now. There may be none although there are more.
    pub async fn page(&mut self) -> Result<(Vec<Box<RawValue>>, bool), ClientError> {
        let limit = self.left.min(LIMIT_MAX.unsigned_abs());
        let mut query = Serializer::new(String::new());
        query.append_pair("limit", &limit.to_string());
        let parts =
            [("after", &self.after), ("actor", &self.selection.actor), ("subject", &self.selection.subject)];
        for (name, value) in parts {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let path = format!("{CHANGES}?{}", query.finish());
        let page: Page = self.client.ask(&Request::new(Method::GET, path), 200).await?.json()?;
        let Page { mut changes, next, more } = page;
        if more && self.after.as_ref() == Some(&next) {
            return Err(ClientError::usage("the server's next page is the page itself: it is not Roster"));
        }
        // An empty feed has no position that comes after anything.
        self.after = Some(next).filter(|next| !next.is_empty()).or(self.after.take());
        changes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= changes.len() as u64;
        Ok((changes, more && self.left > 0))
    }
}

/// The position of the newest entry, after which nothing has come yet.
pub async fn now(client: &Client) -> Result<Option<String>, ClientError> {
    let answer = client.ask(&Request::new(Method::GET, format!("{USERS}?limit=1")), 200).await?;
    let position = answer.header("roster-position").map(str::to_owned);
    position.map_or_else(
        || Err(ClientError::usage("the server does not say where its record ends")),
        |at| Ok(Some(at)),
    )
}
