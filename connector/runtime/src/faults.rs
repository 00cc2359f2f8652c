//! Faults on purpose: points around each step of a commit and of a chunk, at which a test lets the process die or a
//! step fail after its work was done.
//!
//! `MOORLINE_FAULT` names faults, with commas between them: `POINT:ACTION@N` or `POINT:ACTION@N:lane=L`, for example
//! `commit.sent:kill@2` or `flush.after:error@1:lane=1`. The first one waits for the N-th passing of its point (in that
//! lane, else in any), the next one is armed when it has fired. Each writes a line to stderr as it fires.
//!
//! Invariants: only builds with debug assertions have any of this, so a release can't be made to fail; there a point is
//! an empty function. What is not understood in the variable is an error at start, so that no test passes by a typo.

#[cfg(not(debug_assertions))]
use moorline_pipeline::error::Result;

/// Where a fault may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Around the begin of a transaction.
    BeginBefore,
    BeginAfter,
    /// Around the queueing of its records.
    ProduceBefore,
    ProduceAfter,
    /// Around the wait for their delivery.
    FlushBefore,
    FlushAfter,
    /// Around the writing of a snapshot's progress, in transactions that hold rows.
    ProgressBefore,
    ProgressAfter,
    /// Around the writing of an anchor, in transactions that have one.
    AnchorBefore,
    AnchorAfter,
    /// Around the writing of the position.
    PositionBefore,
    PositionAfter,
    /// The commit is under way: killed meanwhile, or done and then said to have failed.
    CommitSent,
    /// The commit was answered, and nobody knows yet.
    CommitAnswered,
    /// Around a closed gate.
    GateBefore,
    GateAfter,
    /// Around the reading of a chunk.
    ReadBefore,
    ReadAfter,
    /// Around the handing on of a chunk's rows.
    EmitBefore,
    EmitAfter,
}

#[cfg(debug_assertions)]
pub(crate) use armed::{arm, pass, under_way};

/// Does nothing: a release has no faults of its own.
#[cfg(not(debug_assertions))]
pub(crate) fn arm() -> Result<()> {
    Ok(())
}

/// Does nothing: a release has no faults of its own.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) fn pass(_point: Point, _lane: u32) -> Result<()> {
    Ok(())
}

/// Does nothing: a release has no faults of its own.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) fn under_way(_point: Point, _lane: u32) {}

#[cfg(debug_assertions)]
mod armed {
    use std::collections::VecDeque;
    use std::io::Write as _;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, OnceLock, PoisonError};
    use std::time::{Duration, SystemTime};

    use moorline_pipeline::error::{Failure, Next, Problem, Result};

    use super::Point;

    /// The variable.
    const VARIABLE: &str = "MOORLINE_FAULT";
    /// A commit that is under way is killed somewhere within this time.
    const COMMIT_MICROS: u32 = 3000;

    const NAMES: [(&str, Point); 20] = [
        ("begin.before", Point::BeginBefore),
        ("begin.after", Point::BeginAfter),
        ("produce.before", Point::ProduceBefore),
        ("produce.after", Point::ProduceAfter),
        ("flush.before", Point::FlushBefore),
        ("flush.after", Point::FlushAfter),
        ("progress.before", Point::ProgressBefore),
        ("progress.after", Point::ProgressAfter),
        ("anchor.before", Point::AnchorBefore),
        ("anchor.after", Point::AnchorAfter),
        ("position.before", Point::PositionBefore),
        ("position.after", Point::PositionAfter),
        ("commit.sent", Point::CommitSent),
        ("commit.answered", Point::CommitAnswered),
        ("gate.before", Point::GateBefore),
        ("gate.after", Point::GateAfter),
        ("read.before", Point::ReadBefore),
        ("read.after", Point::ReadAfter),
        ("emit.before", Point::EmitBefore),
        ("emit.after", Point::EmitAfter),
    ];

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Action {
        Kill,
        Error,
    }

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Fault {
        point: Point,
        action: Action,
        /// Passings until it fires.
        left: u32,
        lane: Option<u32>,
        /// As it was written.
        text: String,
    }

    impl Fault {
        fn parse(text: &str) -> Option<Self> {
            let (name, rest) = text.split_once(':')?;
            let (rest, lane) = match rest.split_once(":lane=") {
                Some((rest, lane)) => (rest, Some(lane.parse().ok()?)),
                None => (rest, None),
            };
            let (action, count) = rest.split_once('@')?;
            let action = match action {
                "kill" => Action::Kill,
                "error" => Action::Error,
                _ => return None,
            };
            let left = count.parse().ok().filter(|count| *count > 0)?;
            let point = NAMES.iter().find(|(known, _)| *known == name)?.1;
            Some(Self { point, action, left, lane, text: text.to_owned() })
        }
    }

    static ARMED: OnceLock<Mutex<VecDeque<Fault>>> = OnceLock::new();
    /// Set once this process is to die: whatever passes a point waits for that.
    static DYING: AtomicBool = AtomicBool::new(false);

    /// Reads the variable, once a process.
    pub(crate) fn arm() -> Result<()> {
        let Some(text) = std::env::var_os(VARIABLE) else { return Ok(()) };
        let faults = parse(&text.to_string_lossy())?;
        ARMED.get_or_init(|| Mutex::new(faults));
        Ok(())
    }

    fn parse(text: &str) -> Result<VecDeque<Fault>> {
        let fault = |part: &str| {
            Fault::parse(part).ok_or_else(|| {
                Failure::halt(Problem::new(
                    "MOOR-7050",
                    format!("`{part}` names no fault"),
                    VARIABLE,
                    "this build has faults on purpose, for tests; a name that is not understood would test nothing",
                    format!(
                        "POINT:kill@N or POINT:error@N, with `:lane=L` behind it for one lane, of these points:\n{}\n\
                         or unset {VARIABLE}",
                        NAMES.map(|(name, _)| name).join(" ")
                    ),
                ))
            })
        };
        text.split(',').map(str::trim).map(fault).collect()
    }

    /// Passes a point: goes on, dies here, or fails. A commit is killed by [`under_way`] only.
    pub(crate) fn pass(point: Point, lane: u32) -> Result<()> {
        while DYING.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let beside = point == Point::CommitSent;
        let Some(fault) = due(point, lane, |action| !(beside && action == Action::Kill)) else { return Ok(()) };
        if fault.action == Action::Kill {
            die();
        }
        Err(Failure::new(
            Next::Retry,
            Problem::new(
                "MOOR-7051",
                format!("a fault on purpose: {}", fault.text),
                format!("lane {lane}"),
                format!("{VARIABLE} asks for it, after the work before it was done"),
                format!("unset {VARIABLE}"),
            ),
        ))
    }

    /// Before a call of some length: if it is to be killed under way, that is done by another thread, at some moment.
    pub(crate) fn under_way(point: Point, lane: u32) {
        if due(point, lane, |action| action == Action::Kill).is_none() {
            return;
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
        let wait = Duration::from_micros(u64::from(now / 1000 % COMMIT_MICROS));
        std::thread::spawn(move || {
            std::thread::sleep(wait);
            die();
        });
        // What comes after the call must not happen.
        DYING.store(true, Ordering::Release);
    }

    /// The armed fault, if this passing lets it fire; the next one is armed then.
    fn due(point: Point, lane: u32, takes: impl Fn(Action) -> bool) -> Option<Fault> {
        let mut armed = ARMED.get()?.lock().unwrap_or_else(PoisonError::into_inner);
        let first = armed.front_mut()?;
        if first.point != point || first.lane.is_some_and(|wanted| wanted != lane) || !takes(first.action) {
            return None;
        }
        first.left -= 1;
        if first.left > 0 {
            return None;
        }
        let fault = armed.pop_front()?;
        // Whether it can be written does not matter to the fault; the test that reads it fails where it is missing.
        let _ = writeln!(std::io::stderr(), "fault fired: {} in lane {lane}", fault.text);
        Some(fault)
    }

    fn die() -> ! {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn faults_are_read_and_what_is_not_understood_is_refused() {
            let faults = parse("commit.sent:kill@2, flush.after:error@1:lane=3").unwrap();
            let read: Vec<_> = faults.iter().map(|f| (f.point, f.action, f.left, f.lane)).collect();
            assert_eq!(
                read,
                [(Point::CommitSent, Action::Kill, 2, None), (Point::FlushAfter, Action::Error, 1, Some(3))]
            );
            for wrong in [
                "",
                "commit:kill@1",
                "commit.sent",
                "commit.sent:kill",
                "commit.sent:kill@0",
                "commit.sent:stop@1",
                "commit.sent:kill@x",
                "commit.sent:kill@1:lane=x",
                "flush.after:error@1,",
            ] {
                assert_eq!(parse(wrong).unwrap_err().problem.code, "MOOR-7050", "{wrong}");
            }
        }

        /// The variable stands in this module alone, which only builds with debug assertions have.
        #[test]
        fn a_release_has_no_faults() {
            let source = include_str!("faults.rs");
            let (release, debug) = source.split_once("#[cfg(debug_assertions)]\nmod armed {").unwrap();
            assert!(!release.contains("std::env") && debug.contains("std::env"));
            assert!(release.contains("#[cfg(debug_assertions)]\npub(crate) use armed::{arm, pass, under_way};"));
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
            for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                let text = std::fs::read_to_string(&file).unwrap_or_default();
                assert!(file.ends_with("faults.rs") || !text.contains(VARIABLE), "{}", file.display());
            }
        }
    }
}
