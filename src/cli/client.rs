//! The commands that talk to a server.

mod login;
mod record;
mod users;

use std::io::{self, StdoutLock};

use super::signals::interruptible;
use super::{AWAY, CONFLICT, DENIED, FAILED, Failure, NO, STOPPED, UNKNOWN, complain};
use crate::client::connection::{self, Target};
use crate::client::rows::{Form, Rows};
use crate::client::terminal::Screen;
use crate::client::{Client, ClientError, ErrorKind, Layout, Settings};
use crate::clock::Clock;
use crate::config::{ConnectionConfig, OutputForm, ProfileConfig, RecordConfig, UsersAction, UsersConfig};

pub(super) async fn users(config: UsersConfig) -> Result<(), Failure> {
    let writes =
        !matches!(config.action, UsersAction::List { .. } | UsersAction::Get(_) | UsersAction::Find { .. });
    let stopped = if writes {
        "stopped by a signal: look whether it was done before you repeat it"
    } else {
        "stopped by a signal"
    };
    until_stopped(users::run(config), Some(stopped)).await
}

pub(super) async fn record(config: RecordConfig) -> Result<(), Failure> {
    let stopped = if config.follow { None } else { Some("stopped by a signal") };
    until_stopped(record::run(config), stopped).await
}

pub(super) async fn login(config: ConnectionConfig) -> Result<(), Failure> {
    until_stopped(login::login(config), Some("stopped by a signal: nothing was saved")).await
}

pub(super) fn logout(config: &ProfileConfig) -> Result<(), Failure> {
    login::logout(config).map_err(ended)
}

/// Runs to the end or to the first signal, which is an end as good as any when there is nothing to say of it.
async fn until_stopped(
    work: impl Future<Output = Result<(), ClientError>>,
    stopped: Option<&str>,
) -> Result<(), Failure> {
    let shutdown = interruptible()?;
    tokio::select! {
        done = work => done.map_err(ended),
        () = shutdown.begun() => match stopped {
            Some(words) => Err(Failure { code: STOPPED, message: words.to_owned() }),
            None => Ok(()),
        },
    }
}

fn ended(error: ClientError) -> Failure {
    let code = match error.kind {
        ErrorKind::No => NO,
        ErrorKind::Usage => FAILED,
        ErrorKind::Refused => DENIED,
        ErrorKind::Conflict => CONFLICT,
        ErrorKind::Unavailable => AWAY,
        ErrorKind::Unknown => UNKNOWN,
    };
    Failure { code, message: error.message }
}

/// A client of the server that the settings mean.
fn client(config: &ConnectionConfig) -> Result<Client, ClientError> {
    client_of(connection::resolve(config)?, config)
}

#[expect(clippy::disallowed_methods, reason = "this is where the randomness of a client comes from")]
fn client_of(target: Target, config: &ConnectionConfig) -> Result<Client, ClientError> {
    let random = rand::make_rng();
    let Target { url, token, ca_file } = target;
    let (timeout, retry_time) = (config.timeout, config.retry_time);
    let clock = Clock::System;
    Client::new(Settings { url, token, ca_file, timeout, retry_time, clock, random, notice: complain })
}

/// Stdout, for items under the columns that the form wants.
fn rows(
    wanted: OutputForm,
    layout: impl FnOnce(Form, Screen) -> Layout,
) -> Rows<io::BufWriter<StdoutLock<'static>>> {
    let screen = Screen::of_stdout();
    let form = Form::of(wanted, screen);
    Rows::new(io::BufWriter::new(io::stdout().lock()), form, layout(form, screen), screen)
}

/// Whether there is still somebody who reads stdout. That nobody does is no error.
fn written(result: io::Result<()>) -> Result<bool, ClientError> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(ClientError::usage(format!("stdout: {error}"))),
    }
}
