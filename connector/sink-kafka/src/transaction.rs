//! What the answers of a transaction's calls mean.
//!
//! ```text
//! init ──> begin ──> (records) ──> commit ── answered at once ──────────────> Cleanly
//!            ^                       │ ├──── answered after trouble ────────> AfterTrouble: renew before begin
//!            └── abort, before only ─┘ └──── fatal, fenced, never answered ─> Rebuild: read the offsets again
//! ```
//!
//! Invariants: a commit that was sent is repeated, never aborted (I-KAFKA-2). librdkafka has no KIP-890, so an EndTxn
//! that is delayed on a lost connection could end the next transaction: after an answer that came only after a retry or
//! an error of a connection the producer is made anew (I-KAFKA-6).

use std::time::{Duration, Instant};

use moorline_pipeline::error::{Next, Result};
use moorline_pipeline::sink::Committed;
use tracing::{debug, warn};

use crate::deliveries::Account;
use crate::fault;
use crate::ffi::{Client, Events, NativeError, code};
use crate::settings::RETRY_BACKOFF;

/// Pause between two tries of a call that says that it may be repeated.
const PAUSE: Duration = Duration::from_millis(100);

/// An EndTxn that took longer may have been repeated inside librdkafka, which reports an error of a connection only if
/// it differs from that connection's last one within 30 s. Its first repetition comes after the back-off less a fifth.
const SUSPICIOUS: Duration = Duration::from_millis(RETRY_BACKOFF.as_millis() as u64 * 6 / 10);

/// Fences older producers of the id and takes its epoch; repeated up to the limit.
pub(crate) fn init(client: &Client, account: &Account, id: &str, limit: Duration) -> Result<()> {
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let Err(error) = client.init_transactions(left) else { return Ok(()) };
        if !error.retriable || error.fatal || Instant::now() >= until {
            // What the connections said tells more than "timed out".
            let error = match account.trouble() {
                Some(trouble) if error.code == code::TIMED_OUT => trouble,
                _ => error,
            };
            return Err(fault::request(&cause(client, error), "to open transactional id", id, Next::Retry));
        }
        debug!(transactional_id = id, %error, "init_transactions is repeated");
        std::thread::sleep(PAUSE.min(until.saturating_duration_since(Instant::now())));
    }
}

/// Begins a transaction.
pub(crate) fn begin(client: &Client, id: &str) -> Result<()> {
    client.begin_transaction().map_err(|error| {
        let error = cause(client, error);
        if fault::fenced(error.code) { fault::taken_over(&error, id) } else { fault::unsettled("begin", id, &error) }
    })
}

/// Commits; everything queued has been delivered before. The limit bounds how long a commit is repeated.
pub(crate) fn commit(
    client: &Client,
    events: &Events,
    account: &Account,
    id: &str,
    limit: Duration,
) -> Result<Committed> {
    let until = Instant::now() + limit;
    let mut repeated = false;
    loop {
        let asked = Instant::now();
        let Err(error) = client.commit_transaction() else {
            let took = asked.elapsed();
            settle(events);
            let trouble = account.trouble();
            if !repeated && trouble.is_none() && took < SUSPICIOUS {
                return Ok(Committed::Cleanly);
            }
            debug!(transactional_id = id, ?took, repeated, ?trouble, "committed after trouble");
            return Ok(Committed::AfterTrouble);
        };
        if error.retriable && !error.fatal && Instant::now() < until {
            warn!(transactional_id = id, %error, "the commit has no answer yet and is repeated");
            repeated = true;
            std::thread::sleep(PAUSE);
            continue;
        }
        let error = cause(client, error);
        return Err(match error.code {
            found if fault::fenced(found) => fault::taken_over(&error, id),
            _ => fault::unsettled("commit", id, &error),
        });
    }
}

/// Aborts; whether it was answered without trouble. Only before a commit was sent.
pub(crate) fn abort(client: &Client, events: &Events, account: &Account, id: &str, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    let mut repeated = false;
    loop {
        let asked = Instant::now();
        let left = until.saturating_duration_since(asked).max(Duration::from_millis(1));
        match client.abort_transaction(left) {
            Ok(()) => {
                settle(events);
                return !repeated && account.trouble().is_none() && asked.elapsed() < SUSPICIOUS;
            }
            Err(error) if error.retriable && !error.fatal && Instant::now() < until => {
                repeated = true;
                std::thread::sleep(PAUSE);
            }
            Err(error) => {
                debug!(transactional_id = id, %error, "the transaction could not be aborted");
                return false;
            }
        }
    }
}

/// Lets the poll thread take what came before an answer: an error of a connection may still be on its way.
fn settle(events: &Events) {
    for _ in 0..20 {
        if events.waiting() == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// "Fatal" is only a wrapper: what is behind it tells what to do.
pub(crate) fn cause(client: &Client, error: NativeError) -> NativeError {
    if error.fatal || error.code == code::FATAL { client.fatal().unwrap_or(error) } else { error }
}
