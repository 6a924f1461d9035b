//! The settings of the commands that talk to a server.

mod types;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::args::client::{
    CreateArgs, ListArgs, LoginArgs, LogoutArgs, OutputArgs, ProfileArgs, RecordArgs, ServerArgs, UpdateArgs,
    UsersArgs, UsersCommand,
};
use super::credential::Credential;
use super::server_url::ServerUrl;
use super::settings::field;
use super::sources::{Sources, Told, read_secret, shown};
use super::transfer::text;
use super::values::{boolean, duration, output_form, positive_duration, profile_name};

pub use types::{ConnectionConfig, OutputForm, ProfileConfig, RecordConfig, UsersAction, UsersConfig};

/// The variable that has a token, and the one that names a file which has it.
pub(super) const TOKEN: &str = "ROSTER_TOKEN";
/// See [`TOKEN`].
pub(super) const TOKEN_FILE: &str = "ROSTER_TOKEN_FILE";

pub(super) fn users(sources: &mut Sources<'_>, args: &UsersArgs) -> Option<UsersConfig> {
    let (server, output) = match &args.command {
        UsersCommand::List(args) => (&args.server, Some(&args.output)),
        UsersCommand::Get(args) => (&args.server, Some(&args.output)),
        UsersCommand::Find(args) => (&args.server, Some(&args.output)),
        UsersCommand::Create(args) => (&args.server, Some(&args.output)),
        UsersCommand::Update(args) => (&args.server, Some(&args.output)),
        UsersCommand::Delete(args) => (&args.server, None),
    };
    let connection = connection(sources, server);
    let output = output.map_or(Some(OutputForm::Auto), |args| form(sources, args));
    let action = match &args.command {
        UsersCommand::List(args) => Some(list(sources, args)),
        UsersCommand::Get(args) => Some(UsersAction::Get(args.id)),
        UsersCommand::Find(args) => {
            let fields = text(sources, "--fields", args.fields.as_ref());
            text(sources, "NAME-OR-EMAIL", Some(&args.wanted))
                .map(|wanted| UsersAction::Find { wanted, fields })
        }
        UsersCommand::Create(args) => create(sources, args),
        UsersCommand::Update(args) => Some(update(sources, args)),
        UsersCommand::Delete(args) => {
            let if_match = text(sources, "--if-match", args.condition.if_match.as_ref());
            Some(UsersAction::Delete { id: args.id, if_match })
        }
    };
    Some(UsersConfig { connection: connection?, output: output?, action: action? })
}

fn list(sources: &mut Sources<'_>, args: &ListArgs) -> UsersAction {
    UsersAction::List {
        filter: text(sources, "--filter", args.filter.as_ref()),
        q: text(sources, "--q", args.q.as_ref()),
        sort: text(sources, "--sort", args.sort.as_ref()),
        fields: text(sources, "--fields", args.fields.as_ref()),
        limit: args.limit,
    }
}

fn create(sources: &mut Sources<'_>, args: &CreateArgs) -> Option<UsersAction> {
    let name = text(sources, "--name", Some(&args.name));
    let email = text(sources, "--email", args.email.as_ref());
    let external_id = text(sources, "--external-id", args.external_id.as_ref());
    let profile = text(sources, "--profile", args.attributes.as_ref());
    let idempotency_key = text(sources, "--idempotency-key", args.idempotency_key.as_ref());
    let inactive = args.inactive;
    Some(UsersAction::Create { name: name?, email, external_id, inactive, profile, idempotency_key })
}

fn update(sources: &mut Sources<'_>, args: &UpdateArgs) -> UsersAction {
    let mut change = |name: &str, value: Option<&OsString>, remove: bool| {
        if remove { Some(None) } else { text(sources, name, value).map(Some) }
    };
    let email = change("--email", args.email.as_ref(), args.no_email);
    let external_id = change("--external-id", args.external_id.as_ref(), args.no_external_id);
    UsersAction::Update {
        id: args.id,
        name: text(sources, "--name", args.name.as_ref()),
        email,
        external_id,
        active: args.active,
        profile: text(sources, "--profile", args.attributes.as_ref()),
        if_match: text(sources, "--if-match", args.condition.if_match.as_ref()),
    }
}

pub(super) fn record(sources: &mut Sources<'_>, args: &RecordArgs) -> Option<RecordConfig> {
    let connection = connection(sources, &args.server);
    let output = form(sources, &args.output);
    let actor = text(sources, "--actor", args.actor.as_ref());
    let subject = text(sources, "--subject", args.subject.as_ref());
    let after = text(sources, "--after", args.after.as_ref());
    if args.follow && output == Some(OutputForm::Json) {
        sources.problem(
            "--follow has no end, and json is one value that needs one: use --output ndjson".to_owned(),
        );
    }
    Some(RecordConfig {
        connection: connection?,
        output: output?,
        actor,
        subject,
        after,
        limit: args.limit,
        follow: args.follow,
    })
}

pub(super) fn login(sources: &mut Sources<'_>, args: &LoginArgs) -> Option<ConnectionConfig> {
    let url = address(sources, &args.server);
    rest(sources, &args.server, url.ok()?, None)
}

pub(super) fn logout(sources: &mut Sources<'_>, args: &LogoutArgs) -> Option<ProfileConfig> {
    profile(sources, &args.profile)
}

fn connection(sources: &mut Sources<'_>, args: &ServerArgs) -> Option<ConnectionConfig> {
    let url = address(sources, args);
    let token = token(sources);
    if let (Ok(url), Ok(Some(_))) = (&url, &token) {
        check_token_and_address(sources, url.as_ref());
    }
    rest(sources, args, url.ok()?, token.ok()?)
}

/// A token that the environment has belongs to the address that the environment has: whoever names another address
/// on the command line did not think of the token, and it would go to a stranger.
fn check_token_and_address(sources: &mut Sources<'_>, url: Option<&ServerUrl>) {
    let meant = sources.environment().get("ROSTER_URL").and_then(OsStr::to_str);
    let meant = meant.and_then(|text| ServerUrl::parse(text).ok());
    match (url, meant) {
        (None, _) => sources.problem(format!(
            "{TOKEN} is set without ROSTER_URL or --url: a saved profile's address gets its own token alone"
        )),
        (Some(url), Some(meant)) if *url != meant => sources.problem(format!(
            "--url is another server than ROSTER_URL, to which {TOKEN} belongs: set ROSTER_URL, or unset {TOKEN}"
        )),
        _ => {}
    }
}

fn rest(
    sources: &mut Sources<'_>,
    args: &ServerArgs,
    url: Option<ServerUrl>,
    token: Option<Credential>,
) -> Option<ConnectionConfig> {
    let profile = profile(sources, &args.profile);
    let ca_file = sources.optional(("ca_file", args.ca_file.as_deref()), |path| Ok(PathBuf::from(path)));
    let insecure_http = sources.displayed(field!(args.insecure_http), boolean);
    let timeout = sources.written(field!(args.timeout), positive_duration);
    let retry_time = sources.written(field!(args.retry_time), duration);
    Some(ConnectionConfig {
        url,
        token,
        profile: profile?,
        ca_file: ca_file.ok()?,
        insecure_http: insecure_http?,
        timeout: timeout?,
        retry_time: retry_time?,
    })
}

fn address(sources: &mut Sources<'_>, args: &ServerArgs) -> Result<Option<ServerUrl>, Told> {
    sources.optional(("url", args.url.as_deref()), ServerUrl::parse)
}

fn profile(sources: &mut Sources<'_>, args: &ProfileArgs) -> Option<ProfileConfig> {
    let name = sources.optional(("use_profile", args.use_profile.as_deref()), profile_name).ok()?;
    Some(ProfileConfig { name, file: profiles(sources) })
}

fn form(sources: &mut Sources<'_>, args: &OutputArgs) -> Option<OutputForm> {
    sources.written(field!(args.output), output_form)
}

/// Where profiles are saved, by the XDG Base Directory Specification: a path that is not absolute is ignored.
fn profiles(sources: &Sources<'_>) -> Option<PathBuf> {
    let environment = sources.environment();
    let absolute = |name| environment.get(name).map(Path::new).filter(|path| path.is_absolute());
    let directory = absolute("XDG_CONFIG_HOME").map(Path::to_owned);
    let directory = directory.or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(directory.join("roster").join("profiles.toml"))
}

/// The token of the environment; there is no flag for it, since others can see command lines.
fn token(sources: &mut Sources<'_>) -> Result<Option<Credential>, Told> {
    let environment = sources.environment();
    let read = match (environment.get(TOKEN), environment.get(TOKEN_FILE)) {
        (Some(_), Some(_)) => Err(format!("{TOKEN}: {TOKEN_FILE} is set too; set only one of the two")),
        (Some(value), None) => value
            .to_str()
            .ok_or_else(|| "is not valid UTF-8".to_owned())
            .and_then(Credential::token)
            .map_err(|problem| format!("{TOKEN}: {problem}")),
        (None, Some(path)) => read_secret(path.as_ref())
            .and_then(|text| Credential::token(&text))
            .map_err(|problem| format!("{TOKEN_FILE}: the file {}: {problem}", shown(path.as_ref()))),
        (None, None) => return Ok(None),
    };
    read.map(Some).map_err(|problem| sources.tell(problem))
}
