//! The driver's client, how it is made, replaced when it hangs, and how commands run on it with a limit.
//!
//! Invariants: a driver future runs in a task of its own until its end, since the driver's state is harmed when one is
//! dropped half-way; dropping our future only stops the reading of further replies. A command that outlives its limit
//! condemns its client, because the driver has no socket time-out and a half-open connection would hang for ever.
//! The client has no read concern of its own: snapshot reads write theirs into the command.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bson::{Document, RawDocumentBuf};
use futures_util::StreamExt;
use mongodb::Client;
use mongodb::options::{AuthMechanism, ClientOptions, SelectionCriteria, Tls as DriverTls, TlsOptions};
use moorline_pipeline::error::{Failure, Result};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use crate::error::{self, Call};
use crate::reply::ReplyBuffer;
use crate::settings::{Settings, redacted, without_socket_timeout};

/// Connections of one stream, its chunk readers and its look-ups, with room for two lanes in one process.
const POOL: u32 = 64;

/// What a command failed with: the driver's own error where there is one, since some callers ask for its code.
pub(crate) enum CommandError {
    /// The server's or the driver's word.
    Driver(mongodb::error::Error),
    /// No answer within this many seconds.
    Silent(u64),
}

/// A client and the way to make another one.
pub(crate) struct Connection {
    options: ClientOptions,
    current: Mutex<(Client, u64)>,
    /// How long a command may take, where a call has no limit of its own.
    pub(crate) command_timeout: Duration,
    /// Bytes that a stream may read ahead.
    pub(crate) read_ahead_bytes: usize,
    /// Least time between two questions for few changes.
    pub(crate) poll_interval: Duration,
    /// The connection string as people may see it.
    pub(crate) place: String,
}

impl Connection {
    pub(crate) async fn new(settings: Settings) -> Result<Self> {
        let place = redacted(settings.uri.expose_secret());
        let options = options(&settings, &place).await?;
        let client = Client::with_options(options.clone()).map_err(|e| error::failure(&e, Call::Other, &place))?;
        Ok(Self {
            options,
            current: Mutex::new((client, 0)),
            command_timeout: settings.command_timeout,
            read_ahead_bytes: settings.read_ahead_bytes,
            poll_interval: settings.poll_interval,
            place,
        })
    }

    /// The client in use, and its number for [`Connection::replace`].
    pub(crate) fn client(&self) -> (Client, u64) {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The read preference of the connection string.
    pub(crate) fn preference(&self) -> Option<SelectionCriteria> {
        self.options.selection_criteria.clone()
    }

    /// The hosts of the connection string.
    pub(crate) fn hosts(&self) -> String {
        self.options.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// Puts a new client in the place of the one with this number, unless another call already has.
    pub(crate) fn replace(&self, number: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.1 == number {
            match Client::with_options(self.options.clone()) {
                Ok(client) => *current = (client, number + 1),
                Err(e) => tracing::error!(error = %e, "no new client could be made"),
            }
        }
    }

    pub(crate) fn failure(&self, error: &CommandError, call: Call) -> Failure {
        match error {
            CommandError::Driver(e) => error::failure(e, call, &self.place),
            CommandError::Silent(seconds) => error::silent(&self.place, *seconds),
        }
    }

    /// Runs a command that has one small reply, on the primary.
    pub(crate) async fn command(&self, database: &str, command: RawDocumentBuf) -> Result<Document, CommandError> {
        let (client, number) = self.client();
        let database = database.to_owned();
        let run = async move { client.database(&database).run_raw_command(command).await };
        self.detached(number, self.command_timeout, run).await
    }

    /// Runs a command that opens a cursor, and gathers whole replies until the cursor ends or `enough` says so; then
    /// the cursor is killed. `limit` is for all of it. `preference` is none for the primary.
    pub(crate) async fn replies(
        &self,
        database: &str,
        command: RawDocumentBuf,
        preference: Option<SelectionCriteria>,
        limit: Duration,
        mut enough: impl FnMut(&ReplyBuffer) -> bool + Send + 'static,
    ) -> Result<Vec<ReplyBuffer>, CommandError> {
        let (client, number) = self.client();
        let database = database.to_owned();
        let stop = CancellationToken::new();
        let _stop_when_dropped = stop.clone().drop_guard();
        let run = async move {
            let database = client.database(&database);
            let mut open = database.run_raw_cursor_command(command);
            if let Some(preference) = preference {
                open = open.selection_criteria(preference);
            }
            let mut cursor = open.batch().await?;
            let mut replies = Vec::new();
            while let Some(batch) = cursor.next().await {
                let reply = ReplyBuffer::new(batch?);
                let last = reply.is_last() || enough(&reply) || stop.is_cancelled();
                replies.push(reply);
                if last {
                    break;
                }
            }
            Ok(replies)
        };
        self.detached(number, limit, run).await
    }

    /// Awaits a driver future without ever dropping it; past `limit` the client is replaced.
    pub(crate) async fn detached<T: Send + 'static>(
        &self,
        number: u64,
        limit: Duration,
        future: impl Future<Output = mongodb::error::Result<T>> + Send + 'static,
    ) -> Result<T, CommandError> {
        match tokio::time::timeout(limit, tokio::spawn(future)).await {
            Ok(Ok(outcome)) => outcome.map_err(CommandError::Driver),
            // The task is never aborted, so it panicked: the panic is ours to carry on.
            Ok(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            Err(_) => {
                self.replace(number);
                Err(CommandError::Silent(limit.as_secs()))
            }
        }
    }
}

async fn options(settings: &Settings, place: &str) -> Result<ClientOptions> {
    let (uri, had_socket_timeout) = without_socket_timeout(settings.uri.expose_secret());
    if had_socket_timeout {
        tracing::warn!("socketTimeoutMS in the connection string is ignored: each command has a limit of its own");
    }
    // Parsing resolves `mongodb+srv` names and may hang on a resolver; the driver's words may quote the string.
    let parse = tokio::spawn(async move { ClientOptions::parse(uri).await });
    let parsed = tokio::time::timeout(settings.server_selection_timeout, parse).await;
    let mut options = match parsed {
        Ok(Ok(Ok(options))) => options,
        Ok(Ok(Err(e))) => return Err(error::settings(place, &scrubbed(&e.to_string(), settings))),
        Ok(Err(_)) => return Err(error::settings(place, "the connection string could not be read")),
        Err(_) => return Err(error::silent(place, settings.server_selection_timeout.as_secs())),
    };
    options.app_name = Some(settings.app_name.clone());
    options.connect_timeout = Some(settings.connect_timeout);
    options.server_selection_timeout = Some(settings.server_selection_timeout);
    options.heartbeat_freq = Some(settings.heartbeat);
    options.max_pool_size = Some(options.max_pool_size.unwrap_or(POOL).max(POOL));
    options.read_concern = None;
    if let Some(tls) = &settings.tls {
        let mut driver = TlsOptions::default();
        driver.ca_file_path.clone_from(&tls.ca_file);
        driver.cert_key_file_path.clone_from(&tls.certificate_key_file);
        driver.allow_invalid_certificates = tls.allow_invalid_certificates.then_some(true);
        options.tls = Some(DriverTls::Enabled(driver));
    }
    if settings.user.is_some() || settings.password.is_some() || settings.auth_mechanism.is_some() {
        let mut credential = options.credential.take().unwrap_or_default();
        credential.username = settings.user.clone().or(credential.username);
        credential.password = settings.password.as_ref().map(|p| p.expose_secret().to_owned()).or(credential.password);
        if let Some(name) = &settings.auth_mechanism {
            let mechanism: AuthMechanism =
                name.parse().map_err(|_| error::settings(place, "unknown authentication mechanism"))?;
            credential.mechanism = Some(mechanism);
        }
        options.credential = Some(credential);
    }
    if let (Some(source), Some(credential)) = (&settings.auth_source, options.credential.as_mut()) {
        credential.source = Some(source.clone());
    }
    Ok(options)
}

/// The driver's words on a connection string, unless they quote a part of it that may be a secret.
fn scrubbed(text: &str, settings: &Settings) -> String {
    let uri = settings.uri.expose_secret();
    let secret = uri.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map_or("", |(user, _)| user);
    let password = secret.split_once(':').map_or("", |(_, password)| password);
    let quotes = |part: &str| !part.is_empty() && text.contains(part);
    if quotes(secret) || quotes(password) || quotes(uri) || uri.contains("Properties=") {
        return "the driver refuses the connection string".to_owned();
    }
    text.to_owned()
}
