//! Free ports for servers.
//!
//! Invariant: they lie below the kernel's own range for outgoing connections, so that a server that is
//! killed and started again finds its port still free.

use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

const FIRST: u64 = 20_000;
const COUNT: u64 = 12_000;

/// Gives `count` different free ports. The start is random, so that parallel runs seldom meet; if they
/// do, the server that lost says "address in use" and `up` fails with its log.
pub(crate) fn free(count: usize) -> Result<Vec<u16>> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| u64::from(passed.subsec_nanos()));
    let start = clock.wrapping_add(u64::from(std::process::id()).wrapping_mul(7_919));
    let mut held = Vec::new();
    for step in 0..COUNT {
        let port = u16::try_from(FIRST + (start.wrapping_add(step)) % COUNT)?;
        // The listeners are held until all are found.
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            held.push((port, listener));
        }
        if held.len() == count {
            return Ok(held.into_iter().map(|(port, _)| port).collect());
        }
    }
    bail!("fewer than {count} ports are free in {FIRST}..{}", FIRST + COUNT)
}
