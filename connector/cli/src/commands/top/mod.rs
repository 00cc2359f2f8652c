//! `top`: a running connector as it runs, on a screen, or as a JSON line a second.
//!
//! * [`sample`]: what changed between two answers. * [`screen`]: the lines of the screen. * [`terminal`]: keys, and a
//!   terminal that is left as it was found.
//!
//! Invariants: nothing is asked of the connector but what it tells anyway; the terminal is given back on every way out.

mod sample;
mod screen;
mod terminal;

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use clap::Args;
use moorline_pipeline::error::Problem;

use super::live::Live;
use crate::arguments::{Form, Global};
use crate::failure::{Exit, Failed};
use crate::messages;
use sample::Sample;
use terminal::{Key, Terminal};

/// Time between two questions.
const EVERY: Duration = Duration::from_secs(1);

/// Flags of `top`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moorline top -c moorline.properties
  moorline top --url http://127.0.0.1:8083
  moorline top --url http://127.0.0.1:8083 -n 5 | jq '.rates'

Without a terminal, or with -o json, one JSON line a second.")]
pub(crate) struct Top {
    /// Where the running connector listens; without it `listeners` of the configuration
    #[arg(long, value_name = "URL", env = "MOORLINE_URL")]
    url: Option<String>,
    /// So many lines or screens, and end
    #[arg(short, value_name = "N")]
    n: Option<u64>,
}

/// One answer as lines of text, for `status`.
pub(super) fn still(answer: &serde_json::Value) -> String {
    screen::still(answer)
}

/// Shows it.
pub(crate) fn run(args: &Top, global: &Global) -> Result<Exit, Failed> {
    let live = Live::find(args.url.as_deref(), global)?;
    let runtime = super::runtime()?;
    let machine = global.output == Form::Json || !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal();
    let most = args.n.unwrap_or(u64::MAX);
    let ended = if machine { lines(&runtime, &live, most) } else { watch(&runtime, &live, most) };
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended
}

fn lines(runtime: &tokio::runtime::Runtime, live: &Live, most: u64) -> Result<Exit, Failed> {
    let mut before: Option<Sample> = None;
    for number in 0..most {
        if number > 0 {
            std::thread::sleep(EVERY);
        }
        let now = Sample::new(runtime.block_on(live.ask())?, Instant::now());
        let line = now.with_rates(before.as_ref());
        messages::data(&format!("{line}\n"))?;
        before = Some(now);
    }
    Ok(Exit::Done)
}

fn watch(runtime: &tokio::runtime::Runtime, live: &Live, most: u64) -> Result<Exit, Failed> {
    // One that is not there at all is an error, and no screen.
    let mut now = Sample::new(runtime.block_on(live.ask())?, Instant::now());
    let mut before: Option<Sample> = None;
    let mut trouble: Option<Problem> = None;
    let mut paused = false;
    let mut terminal = Terminal::take()?;
    let mut shown = 0;
    loop {
        let (columns, rows) = terminal.size();
        terminal.show(&screen::lines(&now, before.as_ref(), &live.url, trouble.as_ref(), paused, columns, rows))?;
        shown += 1;
        if shown >= most {
            return Ok(Exit::Done);
        }
        let until = Instant::now() + EVERY;
        loop {
            match terminal.key(until.saturating_duration_since(Instant::now()))? {
                Some(Key::Quit) => return Ok(Exit::Done),
                Some(Key::Interrupt) => return Ok(Exit::Interrupted),
                Some(Key::Pause) => {
                    paused = !paused;
                    break;
                }
                Some(Key::Other) => {}
                None => break,
            }
        }
        if paused {
            continue;
        }
        match runtime.block_on(live.ask()) {
            Ok(answer) => {
                trouble = None;
                before = Some(std::mem::replace(&mut now, Sample::new(answer, Instant::now())));
            }
            Err(problem) => trouble = Some(problem),
        }
    }
}
