//! `roster login` and `roster logout`.

use reqwest::Method;
use serde_json::Value;

use super::client_of;
use crate::cli::complain;
use crate::client::connection::{self, Target};
use crate::client::profiles::{self, DEFAULT, Profile};
use crate::client::terminal::read_token;
use crate::client::text::visible;
use crate::client::{ClientError, ErrorKind, Request};
use crate::config::{ConnectionConfig, ProfileConfig, ServerUrl};
use crate::routes::ME;

pub(super) async fn login(config: ConnectionConfig) -> Result<(), ClientError> {
    let Some(url) = config.url.clone() else {
        return Err(ClientError::usage("no server is named: use --url or ROSTER_URL"));
    };
    // All that can be known beforehand is said before anybody types a token.
    connection::check_privacy(&url, config.insecure_http)?;
    let file = connection::file(&config.profile)?;
    profiles::read(file)?;
    let ca_file = match &config.ca_file {
        Some(path) => Some(
            std::path::absolute(path).map_err(|error| ClientError::usage(format!("--ca-file: {error}")))?,
        ),
        None => None,
    };
    let token = read_token(&format!("Token for {url}: ")).await?;
    let target = Target { url: url.clone(), token: Some(token.clone()), ca_file: ca_file.clone() };
    let caller = check(target, &config).await?;
    let name = config.profile.name.as_deref().unwrap_or(DEFAULT);
    let profile = Profile { url: url.clone(), token, ca_file, insecure_http: config.insecure_http };
    // Read anew: others may have logged in while the token was typed.
    profiles::change(file, |saved| {
        saved.insert(name.to_owned(), profile);
        Ok(())
    })?;
    let place = file.to_string_lossy();
    complain(&format!("logged in to {url} as {caller}; saved as the profile {name} in {}", visible(&place)));
    Ok(())
}

/// Asks the server whether it takes the token; gives who the caller is.
async fn check(target: Target, config: &ConnectionConfig) -> Result<String, ClientError> {
    let url = target.url.clone();
    let client = client_of(target, config)?;
    let answer = client.send(&Request::new(Method::GET, ME)).await?;
    match answer.status {
        200 => Ok(caller(&answer.json()?)),
        404 => Err(without_callers(&url)),
        _ => Err(client.refusal(&answer)),
    }
}

fn without_callers(url: &ServerUrl) -> ClientError {
    ClientError::usage(format!(
        "{url} has no {ME}, so that nothing can tell whether the token is good: it is not Roster, or a release that \
         knows no callers yet; nothing was saved"
    ))
}

fn caller(me: &Value) -> String {
    let text = |value: &Value| visible(value.as_str().unwrap_or_default()).into_owned();
    let (kind, name) = (text(&me["actor"]["kind"]), text(&me["actor"]["name"]));
    let mut told = if name.is_empty() || name == kind { kind } else { format!("{kind} {name}") };
    if let Some(role) = me["role"].as_str() {
        told = format!("{told}, role {}", visible(role));
    }
    if let Some(end) = me["expires_at"].as_str() {
        told = format!("{told}, until {}", visible(end));
    }
    told
}

pub(super) fn logout(config: &ProfileConfig) -> Result<(), ClientError> {
    let file = connection::file(config)?;
    let name = config.name.as_deref().unwrap_or(DEFAULT);
    let place = visible(&file.to_string_lossy()).into_owned();
    let missing = || ClientError::new(ErrorKind::No, format!("there is no profile {name} in {place}"));
    if !profiles::read(file)?.contains_key(name) {
        return Err(missing());
    }
    let profile = profiles::change(file, |saved| saved.remove(name).ok_or_else(missing))?;
    complain(&format!(
        "the profile {name} is removed from {place}; its token is good for {} until it ends or is revoked",
        profile.url
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_caller_is_told_without_what_a_terminal_obeys() {
        let me = json!({ "actor": { "kind": "token", "id": "3", "name": "c\u{1b}i" }, "role": "reader",
            "permissions": ["users:read"], "expires_at": "2026-12-01T00:00:00.000000Z" });
        assert_eq!(caller(&me), "token c\\u001bi, role reader, until 2026-12-01T00:00:00.000000Z");
        assert_eq!(
            caller(&json!({ "actor": { "kind": "demo", "name": "demo" }, "expires_at": null })),
            "demo"
        );
    }
}
