//! Whether a stored token still stands in this history: a stream opened there and closed after its first reply.
//!
//! Invariant: the probe runs with the pipeline that the token was made with, since a token of an event that today's
//! pipeline filters out is unknown to the server. Only tokens of events prove anything: the server takes a post-batch
//! token of any history.

use moorline_pipeline::error::Result;
use moorline_pipeline::model::Token;
use moorline_pipeline::source::{Probe, StartFrom};

use crate::client::{CommandError, Connection};
use crate::error::{self, Call};
use crate::plan::Plan;

/// Asks the server about a token.
pub(crate) async fn probe(connection: &Connection, pipeline: &str, witness: &Token) -> Result<Probe> {
    let malformed = || error::malformed("the stored position", "its pipeline can't be read");
    let plan = Plan::from_text(pipeline).ok_or_else(malformed)?;
    // With no document asked for, the server would not look for the token.
    let command = plan.command(&StartFrom::Token(witness.clone()), 1, "moorline probe")?;
    let limit = connection.command_timeout;
    match connection.replies(plan.database(), command, connection.preference(), limit, |_| true).await {
        Ok(_) => Ok(Probe::Known),
        // ChangeStreamFatalError, ChangeStreamHistoryLost, InvalidResumeToken.
        Err(CommandError::Driver(e)) if matches!(error::code(&e), 280 | 286 | 260) => Ok(Probe::Lost(error::words(&e))),
        Err(e) => Err(connection.failure(&e, Call::Stream)),
    }
}
