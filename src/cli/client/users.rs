//! `roster users`.

use std::io::Read as _;
use std::path::Path;

use serde_json::value::RawValue;

use super::{client, rows, written};
use crate::cli::complain;
use crate::client::text::visible;
use crate::client::users::{self, Listing, NewUser, Patch, Walk};
use crate::client::{Client, ClientError, ErrorKind, Layout};
use crate::config::{OutputForm, UsersAction, UsersConfig};

/// Most bytes of a profile that is read from a file; servers take less.
const PROFILE_MAX: u64 = 16 << 20;

pub(super) async fn run(config: UsersConfig) -> Result<(), ClientError> {
    let output = config.output;
    match config.action {
        UsersAction::List { filter, q, sort, fields, limit } => {
            let listing = Listing { filter, q, sort, fields };
            if list(&client(&config.connection)?, &listing, limit, output).await? == 0 {
                complain("no users");
            }
            Ok(())
        }
        UsersAction::Get(id) => show(output, &users::get(&client(&config.connection)?, id).await?),
        UsersAction::Find { wanted, fields } => {
            let listing = Listing::exactly(&wanted, fields);
            match list(&client(&config.connection)?, &listing, None, output).await? {
                0 => {
                    let message = format!("no user has the name or e-mail address {}", visible(&wanted));
                    Err(ClientError::new(ErrorKind::No, message))
                }
                _ => Ok(()),
            }
        }
        UsersAction::Create { name, email, external_id, inactive, profile, idempotency_key } => {
            let profile = object(profile)?;
            let user = NewUser { name, email, external_id, active: inactive.then_some(false), profile };
            let client = client(&config.connection)?;
            let key = idempotency_key.unwrap_or_else(|| client.new_key());
            show(output, &users::create(&client, &user, &key).await?)
        }
        UsersAction::Update { id, name, email, external_id, active, profile, if_match } => {
            let patch = Patch { name, email, external_id, active, profile: object(profile)? };
            if patch.is_empty() {
                return Err(ClientError::usage("nothing is to be changed: give at least one attribute"));
            }
            let client = client(&config.connection)?;
            show(output, &users::update(&client, id, &patch, if_match.as_deref()).await?)
        }
        UsersAction::Delete { id, if_match } => {
            let sure = users::delete(&client(&config.connection)?, id, if_match.as_deref()).await?;
            let how = if sure { "" } else { ", most likely by an attempt whose answer was lost" };
            complain(&format!("user {id} is deleted{how}"));
            Ok(())
        }
    }
}

/// Writes a list page by page; gives the number of users.
async fn list(
    client: &Client,
    listing: &Listing,
    limit: Option<u64>,
    output: OutputForm,
) -> Result<u64, ClientError> {
    let mut rows = rows(output, |_, _| Layout::of_list(listing.fields.as_deref()));
    let mut walk = Walk::new(client, listing, limit);
    while let Some(page) = walk.page().await? {
        if !written(rows.page(&page))? {
            return Ok(rows.count().max(1));
        }
    }
    written(rows.end())?;
    Ok(rows.count())
}

fn show(output: OutputForm, user: &RawValue) -> Result<(), ClientError> {
    written(rows(output, |_, _| Layout::of_user()).single(user)).map(|_| ())
}

/// A profile as it stands, or from a file. It is sent as it is written, so that the server sees a key that stands twice.
fn object(text: Option<String>) -> Result<Option<Box<RawValue>>, ClientError> {
    let Some(text) = text else { return Ok(None) };
    let (place, json) = match text.strip_prefix('@') {
        Some(path) => (format!("--profile: {}: ", visible(path)), read(path)?),
        None => ("--profile: ".to_owned(), text),
    };
    let value: Box<RawValue> = serde_json::from_str(json.trim())
        .map_err(|error| ClientError::usage(format!("{place}is not JSON: {error}")))?;
    if !value.get().starts_with('{') {
        return Err(ClientError::usage(format!("{place}must be a JSON object")));
    }
    Ok(Some(value))
}

fn read(path: &str) -> Result<String, ClientError> {
    let mut text = String::new();
    let read = if path == "-" {
        std::io::stdin().lock().take(PROFILE_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(Path::new(path)).and_then(|file| file.take(PROFILE_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| ClientError::usage(format!("--profile: {}: {error}", visible(path))))?;
    Ok(text)
}
