//! The issuers whose JWTs are accepted: one by settings, or several by a file.

mod address;
mod file;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::settings::field;
use super::sources::Sources;
use crate::model::role::Role;

pub use address::endpoint;

/// The claim that holds roles, unless another is named.
const ROLE_CLAIM: &str = "roles";

/// One issuer, and what its tokens mean here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerConfig {
    /// The issuer's identifier, which `iss` must equal to the letter; an address that [`endpoint`] accepts.
    pub issuer: String,
    /// What a token may be meant for, at least one: `aud` must have one of them (RFC 7519 section 4.1.3).
    pub audiences: Vec<String>,
    /// PEM certificates of the authorities that the issuer is trusted by, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// A file with the bearer token that the issuer's own origin wants to see.
    pub token_file: Option<PathBuf>,
    /// The claim that holds roles: its whole name, or the path to it with dots between.
    pub role_claim: String,
    /// What values of that claim mean; the names of roles mean themselves unless they are here.
    pub role_map: BTreeMap<String, Role>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Issuers of JWTs")]
#[expect(clippy::struct_field_names, reason = "the names are those of the flags and variables")]
pub(super) struct OidcArgs {
    /// The issuer (OIDC) whose JWTs are accepted, as in their iss claim; empty for none
    #[arg(long, value_name = "URL", default_value = "")]
    pub(super) oidc_issuer: OsString,
    /// What a JWT must be meant for (aud): one or several, with commas between
    #[arg(long, value_name = "NAMES", default_value = "")]
    pub(super) oidc_audience: OsString,
    /// The claim that holds a caller's roles: its name, or a path with dots
    #[arg(long, value_name = "CLAIM", default_value = ROLE_CLAIM)]
    pub(super) oidc_role_claim: OsString,
    /// What values of that claim mean: VALUE=ROLE, several with commas between
    #[arg(long, value_name = "MAP", default_value = "")]
    pub(super) oidc_role_map: OsString,
    /// PEM certificates to trust the issuer by, instead of the system's
    #[arg(long, value_name = "FILE", default_value = "")]
    pub(super) oidc_ca_file: OsString,
    /// A file with a bearer token to show to the issuer's own origin
    #[arg(long, value_name = "FILE", default_value = "")]
    pub(super) oidc_token_file: OsString,
    /// Several issuers as [[issuer]] tables in TOML, instead of the settings above
    #[arg(long, value_name = "FILE", default_value = "")]
    pub(super) oidc_issuers_file: OsString,
}

/// Settings of the one issuer, which a file of several replaces.
const SINGLE: [&str; 6] =
    ["oidc_issuer", "oidc_audience", "oidc_role_claim", "oidc_role_map", "oidc_ca_file", "oidc_token_file"];

/// The issuers, none if nothing names one.
pub(super) fn issuers(sources: &mut Sources<'_>, args: &OidcArgs) -> Option<Vec<IssuerConfig>> {
    let issuer = sources.written(field!(args.oidc_issuer), optional(issuer));
    let audiences = sources.written(field!(args.oidc_audience), audiences);
    let role_claim = sources.written(field!(args.oidc_role_claim), role_claim);
    let role_map = sources.written(field!(args.oidc_role_map), role_map);
    let ca_file = sources.written(field!(args.oidc_ca_file), path);
    let token_file = sources.written(field!(args.oidc_token_file), path);
    let file = sources.written(field!(args.oidc_issuers_file), path);
    let given: Vec<String> = SINGLE.into_iter().filter_map(|id| sources.given(id)).collect();
    let of_file = sources.given("oidc_issuers_file");
    if let (Some(label), Some(Some(path))) = (of_file, file) {
        if !given.is_empty() {
            sources.problem(format!("{label}: {} is set too; set one or the other", given.join(", ")));
        }
        return from_file(sources, &label, &path);
    }
    let (issuer, audiences, role_claim) = (issuer?, audiences?, role_claim?);
    let (role_map, ca_file, token_file) = (role_map?, ca_file?, token_file?);
    let Some(issuer) = issuer else {
        if given.is_empty() {
            return Some(Vec::new());
        }
        sources.problem(format!("{}: ROSTER_OIDC_ISSUER is not set", given.join(", ")));
        return None;
    };
    if audiences.is_empty() {
        let label = sources.given("oidc_issuer").unwrap_or_default();
        sources.problem(format!("{label}: ROSTER_OIDC_AUDIENCE is not set: who are its tokens meant for?"));
        return None;
    }
    Some(vec![IssuerConfig { issuer, audiences, ca_file, token_file, role_claim, role_map }])
}

fn from_file(sources: &mut Sources<'_>, label: &str, path: &std::path::Path) -> Option<Vec<IssuerConfig>> {
    match file::load(path) {
        Ok(issuers) => Some(issuers),
        Err(problems) => {
            for problem in problems {
                sources.problem(format!("{label}: the file {}: {problem}", path.display()));
            }
            None
        }
    }
}

/// Nothing for an empty text.
fn optional<T>(
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> impl FnOnce(&str) -> Result<Option<T>, String> {
    |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

fn issuer(text: &str) -> Result<String, String> {
    let url = endpoint(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        // OpenID Connect Discovery 1.0 section 3
        return Err("has a query or a fragment, which an issuer cannot have".to_owned());
    }
    Ok(text.to_owned())
}

fn audiences(text: &str) -> Result<Vec<String>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut audiences: Vec<String> = text.split(',').map(|one| one.trim().to_owned()).collect();
    if audiences.iter().any(String::is_empty) {
        return Err("has an empty audience".to_owned());
    }
    audiences.sort_unstable();
    audiences.dedup();
    Ok(audiences)
}

fn role_claim(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text.to_owned()) }
}

#[expect(clippy::unnecessary_wraps, reason = "any text may be a path; that is what a parser returns")]
fn path(text: &str) -> Result<Option<PathBuf>, String> {
    Ok(Some(text).filter(|text| !text.is_empty()).map(PathBuf::from))
}

/// `VALUE=ROLE,…`: values may have `=` in them, but no comma.
fn role_map(text: &str) -> Result<BTreeMap<String, Role>, String> {
    let mut map = BTreeMap::new();
    let mut problems = Vec::new();
    for item in text.split(',').map(str::trim).filter(|_| !text.is_empty()) {
        let Some((value, name)) = item.rsplit_once('=').map(|(value, name)| (value.trim(), name.trim()))
        else {
            problems.push(format!("has {item:?}, which is not VALUE=ROLE"));
            continue;
        };
        match Role::parse(name) {
            _ if value.is_empty() => problems.push(format!("has {item:?}, which maps no value")),
            None => problems.push(format!("names the role {name:?}; {}", known_roles())),
            Some(role) => {
                if map.insert(value.to_owned(), role).is_some() {
                    problems.push(format!("maps {value:?} twice"));
                }
            }
        }
    }
    if problems.is_empty() { Ok(map) } else { Err(problems.join(", and ")) }
}

fn known_roles() -> String {
    format!("there are {}", Role::ALL.map(Role::name).join(", "))
}
