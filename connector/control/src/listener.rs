//! Listens for HTTP, and answers within limits.
//!
//! Invariants: at most [`CONNECTIONS_MAX`] connections at once, each for a limited time; a head of a request that is too
//! long or too slow is refused; a body is never read; a failure of one connection is nobody else's.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use moorline_pipeline::error::Problem;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use crate::{Telemetry, routes};

/// Connections at once.
pub const CONNECTIONS_MAX: usize = 64;
/// How long the head of a request may take.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of the head of a request.
const HEAD_BYTES: usize = 16 << 10;
/// How long a connection may last: a scraper opens another.
const CONNECTION_LIMIT: Duration = Duration::from_secs(120);
/// The pause after a connection that could not be taken: files may have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Host; empty for all interfaces.
    pub host: String,
    /// Port; 0 for any that is free.
    pub port: u16,
}

/// Listens until it is dropped.
pub struct Listener {
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    _tasks: JoinSet<()>,
}

/// Begins to listen; `MOOR-7030` where an address can't be had.
pub async fn listen(addresses: &[Address], telemetry: Arc<Telemetry>) -> Result<Listener, Problem> {
    let mut listener = Listener { addresses: Vec::new(), _tasks: JoinSet::new() };
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    for address in addresses {
        let host = if address.host.is_empty() { "0.0.0.0" } else { &address.host };
        let bound = async {
            let bound = TcpListener::bind((host, address.port)).await?;
            Ok((bound.local_addr()?, bound))
        };
        let (at, bound) = bound.await.map_err(|error| not_bound(host, address.port, &error))?;
        info!(url = format!("http://{at}"), "listening: /metrics, /health/live, /health/ready");
        if !at.ip().is_loopback() {
            warn!(
                code = "MOOR-7031",
                "{at} is open to other machines, without TLS and without a password: whoever reaches it reads names of \
                 collections, counts and errors"
            );
        }
        listener._tasks.spawn(accept(bound, Arc::clone(&telemetry), Arc::clone(&room)));
        listener.addresses.push(at);
    }
    Ok(listener)
}

async fn accept(listener: TcpListener, telemetry: Arc<Telemetry>, room: Arc<Semaphore>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // Never closed, so there is always a permit to come; those who wait do so in the system's queue.
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let telemetry = Arc::clone(&telemetry);
                connections.spawn(async move {
                    if tokio::time::timeout(CONNECTION_LIMIT, serve(stream, telemetry)).await.is_err() {
                        debug!(%peer, "the connection has lasted long enough");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                debug!("a connection can't be taken: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, telemetry: Arc<Telemetry>) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let telemetry = Arc::clone(&telemetry);
        async move { Ok::<_, Infallible>(routes::answer(&telemetry, request.method(), request.uri().path()).await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(HEAD_BYTES);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        debug!("a connection ended: {error}");
    }
}

fn not_bound(host: &str, port: u16, error: &io::Error) -> Problem {
    Problem::new(
        "MOOR-7030",
        format!("nothing can listen on {host}:{port}"),
        "listeners",
        error.to_string(),
        "listeners=http://127.0.0.1:0 takes any free port and logs which; or end what holds this one, or take the key out",
    )
}
