//! Which server a command talks to, and with which token.

use std::path::PathBuf;

use super::ClientError;
use super::profiles::{self, DEFAULT, Profile, Profiles};
use super::text::visible;
use crate::config::{ConnectionConfig, Credential, ProfileConfig, ServerUrl};

/// A server, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The address.
    pub url: ServerUrl,
    /// The token for it, if there is one.
    pub token: Option<Credential>,
    /// The authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// Finds the server that the settings mean. A token of the environment goes to the address of the settings, a saved
/// one to the address that it was saved for.
///
/// # Errors
///
/// No server is named, the profile is not there or is of another server, or a token would be readable on its way.
pub fn resolve(config: &ConnectionConfig) -> Result<Target, ClientError> {
    let profile = match (&config.token, &config.url, &config.profile.name) {
        (Some(_), Some(_), None) => None,
        _ => find(config)?,
    };
    let url = config.url.clone().or_else(|| Some(profile.as_ref()?.url.clone()));
    let Some(url) = url else {
        return Err(ClientError::usage(
            "no server is named: use --url or ROSTER_URL, or save one with roster login --url URL",
        ));
    };
    let insecure = config.insecure_http || profile.as_ref().is_some_and(|profile| profile.insecure_http);
    let saved_ca_file = profile.as_ref().and_then(|profile| profile.ca_file.clone());
    let token = config.token.clone().or_else(|| profile.map(|profile| profile.token));
    if token.is_some() {
        check_privacy(&url, insecure)?;
    }
    Ok(Target { url, token, ca_file: config.ca_file.clone().or(saved_ca_file) })
}

/// Refuses to send a token where others can read it.
///
/// # Errors
///
/// The address is plain HTTP to another machine, and nobody said that this is wanted.
pub fn check_privacy(url: &ServerUrl, insecure_http: bool) -> Result<(), ClientError> {
    if url.is_private() || insecure_http {
        return Ok(());
    }
    Err(ClientError::usage(format!(
        "{url} is plain http, so that everybody on the way could read the token and use it: use https, or \
         --insecure-http if you trust the network"
    )))
}

/// The file of profiles.
///
/// # Errors
///
/// The environment names no place for it.
pub fn file(config: &ProfileConfig) -> Result<&PathBuf, ClientError> {
    config.file.as_ref().ok_or_else(|| {
        ClientError::usage(
            "there is no place for profiles: neither XDG_CONFIG_HOME nor HOME is an absolute path",
        )
    })
}

fn find(config: &ConnectionConfig) -> Result<Option<Profile>, ClientError> {
    let saved = config.profile.file.as_deref().map_or_else(|| Ok(Profiles::new()), profiles::read)?;
    let Some(name) = &config.profile.name else {
        let same = |profile: &&Profile| config.url.as_ref().is_none_or(|url| *url == profile.url);
        let others = saved.values().filter(|_| config.url.is_some());
        return Ok(saved.get(DEFAULT).into_iter().chain(others).find(same).cloned());
    };
    let file = file(&config.profile)?;
    let profile = saved.get(name).ok_or_else(|| {
        let file = file.to_string_lossy();
        ClientError::usage(format!(
            "there is no profile {name} in {}: roster login --url URL --profile {name} makes it",
            visible(&file)
        ))
    })?;
    match &config.url {
        Some(url) if *url != profile.url => Err(ClientError::usage(format!(
            "the profile {name} is for {}, and its token goes to no other address, such as {url}",
            profile.url
        ))),
        _ => Ok(Some(profile.clone())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn url(text: &str) -> ServerUrl {
        ServerUrl::parse(text).unwrap()
    }

    fn saved() -> (tempfile::TempDir, ProfileConfig) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("profiles.toml");
        let profile = |text: &str, token: &str| Profile {
            url: url(text),
            token: Credential::token(token).unwrap(),
            ca_file: None,
            insecure_http: text == "http://plain-on-purpose",
        };
        let profiles = [
            ("default", profile("https://a", "for-a")),
            ("b", profile("https://b", "for-b")),
            ("plain", profile("http://plain", "for-plain")),
            ("purpose", profile("http://plain-on-purpose", "for-purpose")),
        ];
        let profiles = profiles.into_iter().map(|(name, profile)| (name.to_owned(), profile)).collect();
        profiles::save(&path, &profiles).unwrap();
        (directory, ProfileConfig { name: None, file: Some(path) })
    }

    /// What is asked with these settings: the address and the token, or the error.
    fn target(profile: &ProfileConfig, name: &str, address: &str, token: &str) -> Result<String, String> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let config = ConnectionConfig {
            url: some(address).map(|address| url(&address)),
            token: some(token).map(|token| Credential::token(&token).unwrap()),
            profile: ProfileConfig { name: some(name), ..profile.clone() },
            ca_file: None,
            insecure_http: false,
            timeout: Duration::from_secs(1),
            retry_time: Duration::ZERO,
        };
        let target = resolve(&config).map_err(|error| error.message)?;
        Ok(format!("{} {}", target.url, target.token.as_ref().map_or("-", Credential::expose)))
    }

    #[test]
    fn a_token_goes_to_its_own_address() {
        let (_directory, profile) = saved();
        let target = |name, address, token| target(&profile, name, address, token);
        assert_eq!(target("", "", "").unwrap(), "https://a for-a");
        assert_eq!(target("b", "", "").unwrap(), "https://b for-b");
        assert_eq!(target("", "https://b", "").unwrap(), "https://b for-b");
        assert_eq!(target("b", "https://b/", "").unwrap(), "https://b for-b");
        assert_eq!(target("", "https://c", "").unwrap(), "https://c -");
        assert_eq!(target("", "https://a:444", "").unwrap(), "https://a:444 -");
        assert_eq!(target("", "http://a", "").unwrap(), "http://a -");
        assert_eq!(target("", "https://c", "own").unwrap(), "https://c own");
        assert_eq!(target("", "https://a", "own").unwrap(), "https://a own");
        assert_eq!(target("b", "https://b", "own").unwrap(), "https://b own");
        // What is named twice must be the same: one of the two is not what was meant.
        for token in ["", "own"] {
            assert!(target("b", "https://a", token).unwrap_err().contains("goes to no other address"));
        }
        assert!(target("nobody", "", "").unwrap_err().contains("--profile nobody makes it"));
    }

    #[test]
    fn no_token_travels_in_the_clear() {
        let (_directory, profile) = saved();
        for (name, address, token) in [("plain", "", ""), ("", "http://c", "own"), ("", "http://plain", "")] {
            let problem = target(&profile, name, address, token).unwrap_err();
            assert!(problem.contains("plain http") && problem.contains("--insecure-http"), "{problem}");
        }
        assert!(target(&profile, "purpose", "", "").is_ok());
        assert_eq!(target(&profile, "", "http://127.0.0.1:1", "own").unwrap(), "http://127.0.0.1:1 own");
    }

    #[test]
    fn without_any_address_there_is_a_word_on_how_to_name_one() {
        let none = ProfileConfig { name: None, file: None };
        assert!(target(&none, "", "", "").unwrap_err().contains("roster login --url"));
        assert!(target(&none, "x", "", "").unwrap_err().contains("XDG_CONFIG_HOME"));
        assert_eq!(target(&none, "", "https://c", "").unwrap(), "https://c -");
    }
}
