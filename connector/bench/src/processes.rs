//! CPU time and memory of processes, from /proc.
//!
//! Invariant: CPU time comes in the kernel's ticks (a hundredth of a second), so it says nothing about short spans.

use std::fs;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::process::Child;

use crate::figures::{Cpu, Figures};
use crate::places;

const LIMIT: Duration = Duration::from_secs(900);
/// How often the memory of a process is looked at; its peak is the kernel's, so little is missed.
const LOOK: Duration = Duration::from_millis(20);

/// Whose CPU time counts as the measurement's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// This process.
    Itself,
    /// Children of this process, once they were waited for.
    Children,
    /// The process with this id.
    Process(u32),
}

/// A measurement under way.
pub(crate) struct Meter {
    own: Own,
    began: Instant,
    before: Cpu,
}

impl Meter {
    /// Begins.
    pub(crate) fn start(own: Own) -> Result<Self> {
        Ok(Self { own, before: read(own)?, began: Instant::now() })
    }

    /// Ends: a rate of `documents` over the time since the start.
    pub(crate) fn stop(self, measurement: &str, documents: u64) -> Result<Figures> {
        let seconds = self.began.elapsed().as_secs_f64();
        let after = read(self.own)?;
        Ok(Figures {
            measurement: measurement.to_owned(),
            documents,
            seconds,
            whole_seconds: None,
            bytes: None,
            cpu: Cpu {
                own: after.own - self.before.own,
                mongod: after.mongod - self.before.mongod,
                broker: after.broker - self.before.broker,
            },
            peak_rss_bytes: peak_rss("self").unwrap_or_default(),
            parts: serde_json::Map::new(),
        })
    }
}

fn read(own: Own) -> Result<Cpu> {
    // utime and stime are fields 14 and 15, those of children that were waited for 16 and 17.
    let own = match own {
        Own::Itself => ticks("self", 14)?,
        Own::Children => ticks("self", 16)?,
        Own::Process(id) => ticks(&id.to_string(), 14)?,
    };
    let server = |variable: &str| ticks(&places::variable(variable)?, 14);
    Ok(Cpu { own, mongod: server("MONGO0_PID")?, broker: server("KAFKA_PID")? })
}

/// The sum of two neighbouring fields of a process's `stat`, in seconds.
fn ticks(process: &str, field: usize) -> Result<f64> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    // The second field is the program's name in parentheses, which may hold anything; the third comes after it.
    let (_, rest) = stat.rsplit_once(')').context("the program's name")?;
    let mut fields = rest.split_whitespace().skip(field - 3).map(str::parse::<u64>);
    let mut next = || fields.next().context("a field is missing")?.context("a field is no number");
    Ok((next()? + next()?) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The most memory that a process has had resident; nothing if it is gone.
pub(crate) fn peak_rss(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

/// Waits for a process's end; how it ended, and the peak of its memory in bytes.
pub(crate) async fn ended(child: &mut Child) -> Result<(ExitStatus, u64)> {
    let id = child.id().context("its process id")?.to_string();
    let mut peak = 0;
    let watched = async {
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok((status, peak));
            }
            peak = peak_rss(&id).unwrap_or(peak);
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(LIMIT, watched).await.with_context(|| format!("it ran for more than {LIMIT:?}"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_time_and_memory() {
        let until = Instant::now();
        while until.elapsed().as_millis() < 60 {}
        assert!(ticks("self", 14).unwrap() > 0.0);
        assert!(peak_rss("self").unwrap() > 100_000);
        assert_eq!(peak_rss("0"), None);
    }
}
