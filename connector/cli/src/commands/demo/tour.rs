//! The steps, one function each.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use moorline_pipeline::error::{Failure, Problem};
use moorline_pipeline::source::Source as _;
use moorline_sink_kafka::TopicReader;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::check::Checker;
use super::child::{Run, broken};
use super::documents::{Set, Sets};
use super::source::{Known, Source};
use super::{Servers, checked};
use crate::commands::signals::Signals;
use crate::commands::words;
use crate::failure::{Exit, Failed};
use crate::{messages, wiring};

const STEPS: u32 = 7;
const FIRST: &str = "moorline.properties";
const SECOND: &str = "second.properties";
/// How long the second snapshot may take to get going.
const BEGIN_LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(10);

/// Why a step is the last one.
pub(super) enum Stopped {
    /// Ctrl-C.
    Interrupted,
    Failed(Failed),
}

impl From<Problem> for Stopped {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem.into())
    }
}
impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.into())
    }
}
impl From<Failed> for Stopped {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}
impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}

type Result<T = (), E = Stopped> = std::result::Result<T, E>;

/// Plays all steps, and cleans up behind them however they ended.
pub(super) fn play(
    runtime: &Runtime,
    servers: &Servers,
    name: &str,
    folder: &Path,
    sets: Sets,
    keep: bool,
) -> Result<Exit, Failed> {
    let stop = CancellationToken::new();
    let guard = runtime.enter();
    let signals = Signals::listen(stop.clone())?;
    drop(guard);
    let began = Instant::now();
    let source = Source::open(runtime, &servers.mongodb, name)?;
    let tour = Tour { runtime, stop: &stop, servers, name, folder, source };
    let ended = tour.steps(sets);
    if keep {
        messages::note(&format!("kept: database {name}, topics {name}*, and {}", folder.display()));
    } else {
        tour.source.drop_database();
        messages::note(&format!("database {name} is dropped; the topics {name}* are left to their retention"));
    }
    drop(signals);
    match ended {
        Ok(()) => {
            messages::data(&format!("\neverything held; {} s\n", began.elapsed().as_secs()))?;
            Ok(Exit::Done)
        }
        Err(Stopped::Interrupted) => Ok(Exit::Interrupted),
        Err(Stopped::Failed(failed)) => Err(failed),
    }
}

struct Tour<'a> {
    runtime: &'a Runtime,
    stop: &'a CancellationToken,
    servers: &'a Servers,
    name: &'a str,
    folder: &'a Path,
    source: Source<'a>,
}

impl Tour<'_> {
    fn steps(&self, sets: Sets) -> Result {
        let Sets { first, second } = sets;
        let names = |sets: &[Set]| sets.iter().map(|set| set.name).collect::<Vec<_>>();
        let (first_names, second_names) = (names(&first), names(&second));
        self.configure(FIRST, "1", &first_names, "")?;
        // Small chunks and transactions, so that there is a middle to be killed in.
        self.configure(SECOND, "2", &second_names, "incremental.snapshot.chunk.size=1000\nmax.batch.size=1000\n")?;
        self.reach()?;
        let mut places = self.load(first)?;
        let mut flights = self.load(second)?;

        self.doctor()?;
        self.infer()?;
        self.snapshot(places.remove(0))?;
        let flights = self.kill(flights.remove(0))?;
        self.compare(&flights)?;
        self.anchors()?;
        self.tail(flights.name)?;
        self.replay()
    }

    fn say(&self, step: u32, title: &str, text: &str) -> Result {
        self.go_on()?;
        Ok(messages::data(&format!("{step}/{STEPS}  {title:<12}  {text}\n"))?)
    }

    fn more(&self, text: &str) -> Result {
        text.lines().try_for_each(|line| messages::data(&format!("     {line}\n")))?;
        Ok(())
    }

    fn go_on(&self) -> Result {
        if self.stop.is_cancelled() { Err(Stopped::Interrupted) } else { Ok(()) }
    }

    fn run(&self, arguments: &[&str]) -> Result<Run> {
        self.go_on()?;
        Ok(Run::start(self.folder, arguments)?)
    }

    fn answer(&self, arguments: &[&str]) -> Result<String> {
        self.run(arguments)?.answer(self.stop, &[0])
    }

    /// Asks each system for something, so that one that is away is told as what it is, before anything is written.
    fn reach(&self) -> Result {
        self.with_checker(FIRST, |checker| {
            self.runtime.block_on(async {
                let reached = async { wiring::source(checker.config).await?.identity().await };
                tokio::select! {
                    () = self.stop.cancelled() => Err(Stopped::Interrupted),
                    reached = reached => Ok(reached.map(drop)?),
                }
            })?;
            checker.reader.topics()?;
            self.runtime.block_on(async {
                tokio::select! {
                    () = self.stop.cancelled() => Err(Stopped::Interrupted),
                    reached = checker.registry.versions(&checker.config.anchor_topic_name) => Ok(reached.map(drop)?),
                }
            })
        })
    }

    fn load(&self, sets: Vec<Set>) -> Result<Vec<Known>> {
        let mut known = Vec::new();
        for set in sets {
            self.go_on()?;
            let (name, count, began) = (set.name, set.documents.len(), Instant::now());
            known.push(self.source.load(set)?);
            let took = began.elapsed().as_secs_f64();
            self.more(&format!(
                "{} real documents into {}.{name}   {took:.1} s",
                words::count(count as i64),
                self.name
            ))?;
        }
        Ok(known)
    }

    /// Writes a configuration, and shows it without the address of MongoDB, which may hold a password.
    fn configure(&self, file: &str, number: &str, collections: &[&str], more: &str) -> Result {
        let include: Vec<String> = collections.iter().map(|collection| format!("{}.{collection}", self.name)).collect();
        let name = format!("{}-{number}", self.name);
        let own = format!(
            "name={name}\ngroup.id={name}\nconnector.class=moorline.mongodb\ntopic.prefix={name}\n\
             collection.include.list={}\nanchor.interval.ms=1000\ntopic.creation.default.partitions=3\n{more}",
            include.join(",")
        );
        let text = format!("{}{own}", self.servers.lines);
        checked(&text)?;
        fs::write(self.folder.join(file), &text).map_err(|error| broken(file, &error.to_string()))?;
        self.more(&format!("{file}: {} …", own.lines().collect::<Vec<_>>().join("  ")))
    }

    fn doctor(&self) -> Result {
        self.say(1, "doctor", "what would go wrong on these servers, before it does")?;
        // Findings are 1, and no reason to end here: a run says what it can't do.
        let text = self.run(&["doctor", "-c", FIRST])?.answer(self.stop, &[0, 1])?;
        self.more(&text)
    }

    fn infer(&self) -> Result {
        self.say(2, "infer", "a contract for each collection, from a sample")?;
        let text = self.answer(&["contract", "infer", "-c", FIRST])?;
        let found: Vec<&str> = text.lines().filter(|line| line.contains(" sampled -> ")).collect();
        self.more(&found.join("\n"))
    }

    fn snapshot(&self, known: Known) -> Result {
        self.say(3, "run", "with 200 changes/s beside it: nothing is locked, nothing is written to the source")?;
        let writer = self.source.write(known);
        let began = Instant::now();
        let ended = self.answer(&["run", "-c", FIRST, "--until", "snapshot"]);
        let (took, written) = (began.elapsed().as_secs_f64(), writer.changes());
        self.source.end(writer)?;
        let anchor = ended?;
        self.more(&format!(
            "anchor {} after {took:.1} s; {} changes were made beside",
            anchor.trim(),
            words::count(written as i64)
        ))
    }

    /// Gives what the writer knows when all of it is in.
    fn kill(&self, known: Known) -> Result<Known> {
        let (name, total) = (known.name, known.documents.len());
        self.say(4, "kill -9", "in the middle of the second snapshot, with the writer beside it")?;
        let writer = self.source.write(known);
        let ended = self.killed(name, total);
        let written = writer.changes();
        let known = self.source.end(writer)?;
        ended?;
        self.answer(&["run", "-c", SECOND, "--until", "anchor"])?;
        let status: Value =
            serde_json::from_str(&self.answer(&["status", "-c", SECOND, "-o", "json"])?).unwrap_or_default();
        self.more(&format!(
            "the lane was begun {} times, each fencing the run before; {} changes were made beside",
            status["lanes"][0]["starts"],
            words::count(written as i64)
        ))?;
        Ok(known)
    }

    fn killed(&self, name: &str, total: usize) -> Result {
        let mut run = self.run(&["run", "-c", SECOND])?;
        self.with_checker(SECOND, |checker| {
            let deadline = Instant::now() + BEGIN_LIMIT;
            loop {
                self.go_on()?;
                match checker.committed(name) {
                    Ok(committed) if committed >= total as i64 / 8 => break,
                    // A topic that has just been made may not have a leader yet.
                    Err(failure) if Instant::now() > deadline => return Err(failure.into()),
                    Ok(_) if run.has_ended() || Instant::now() > deadline => {
                        let why = "it ended or stood still before it could be killed";
                        return Err(broken("the second snapshot", why).into());
                    }
                    _ => thread::sleep(POLL),
                }
            }
            let (pid, met) = (run.id(), run.kill());
            let rows = checker.count(name)?.rows;
            let shown = format!(
                "pid {pid}: {} of {} rows were committed",
                words::count(rows as i64),
                words::count(total as i64)
            );
            self.more(&shown)?;
            // A kill that met nobody, or came before or after the snapshot, shows nothing. Rows that were deleted before
            // they were read are never seen, so an end is told by what is left and not by the total.
            if !met || rows == 0 || rows * 10 > total as u64 * 9 {
                return Err(broken("kill -9", &format!("it was not in the middle of the snapshot: {shown}")).into());
            }
            self.answer(&["run", "-c", SECOND, "--until", "snapshot"])?;
            let after = checker.count(name)?.rows;
            let further = after.saturating_sub(rows);
            let shown = format!(
                "{} further rows were read, {} in all",
                words::count(further as i64),
                words::count(after as i64)
            );
            self.more(&shown)?;
            if further == 0 { Err(broken("the run after kill -9", &shown).into()) } else { Ok(()) }
        })
    }

    fn compare(&self, known: &Known) -> Result {
        let began = Instant::now();
        let found = self.with_checker(SECOND, |checker| Ok(checker.compare(known)?))?;
        let count = |number: u64| words::count(number as i64);
        let text = format!(
            "check: {} rows and {} changes committed (read_committed), {} rows twice; fold = source: {} documents equal, \
             {} missing, {} extra, {} wrong, {} held out   {:.1} s",
            count(found.rows),
            count(found.changes),
            count(found.doubled),
            count(found.equal),
            count(found.missing),
            count(found.extra),
            count(found.wrong),
            count(found.held_out),
            began.elapsed().as_secs_f64(),
        );
        self.more(&text)?;
        let bad = found.doubled + found.missing + found.extra + found.wrong;
        if bad > 0 || found.equal == 0 {
            return Err(broken("the records against what the writer knows", &text).into());
        }
        Ok(())
    }

    fn anchors(&self) -> Result {
        self.say(
            5,
            "anchors",
            "each is everything before its cut, in these offsets, with these counts and this digest",
        )?;
        let text = self.answer(&["anchors", "list", "-c", SECOND, "--limit", "5"])?;
        self.more(&text)?;
        self.answer(&["anchors", "show", "-c", SECOND, "--check"])?;
        self.more("the newest one was counted anew from the records: all as written")
    }

    fn tail(&self, name: &str) -> Result {
        self.say(6, "tail", "what changed, decoded")?;
        let target = format!("{}.{name}", self.name);
        let text = self.answer(&["tail", &target, "-c", SECOND, "-n", "3", "--op", "u,d", "--diff"])?;
        self.more(&text)
    }

    /// At once: the source can be read at a cut's time only within its history window.
    fn replay(&self) -> Result {
        self.say(
            7,
            "replay",
            "the newest cut as Parquet, from the topics alone; then held against the source at that time",
        )?;
        let out = format!("{}-export", self.name);
        let replayed =
            self.answer(&["replay", "-c", SECOND, "--at", "latest", "--format", "parquet", "--out", &out])?;
        self.more(replayed.lines().next().unwrap_or_default())?;
        for against in [["files", &out].as_slice(), &["source"]] {
            let words = [["verify", "-c", SECOND, "--against"].as_slice(), against].concat();
            let text = self.answer(&words)?;
            let shown: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
            self.more(&shown.join("\n"))?;
        }
        Ok(())
    }

    fn with_checker<T>(&self, file: &str, act: impl FnOnce(&Checker<'_>) -> Result<T>) -> Result<T> {
        let text = fs::read_to_string(self.folder.join(file)).map_err(|error| broken(file, &error.to_string()))?;
        let config = checked(&text)?;
        let reader = TopicReader::open(&wiring::kafka(&config)?)?;
        let registry = wiring::registry(&config)?;
        act(&Checker {
            config: &config,
            database: self.name,
            reader: &reader,
            registry: &registry,
            runtime: self.runtime,
        })
    }
}
