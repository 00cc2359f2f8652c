//! What is seen of a replay: a bar on a terminal, else a line every few seconds.
//!
//! Invariant: a bar leaves nothing behind.

use std::time::Instant;

use moorline_export::replay::Progress as Now;

use crate::bar::{self, Bar};
use crate::commands::words;
use crate::messages;

/// Shows it.
pub(super) struct Progress {
    bar: Bar,
    silent: bool,
    step: (String, &'static str),
    began: Instant,
    shown: Instant,
}

impl Progress {
    /// Nothing is done yet.
    pub(super) fn begin(silent: bool) -> Self {
        let bar = Bar::begin(!messages::manner().quiet && !silent);
        let now = Instant::now();
        Self { bar, silent, step: (String::new(), ""), began: now, shown: now }
    }

    /// Takes what was done.
    pub(super) fn show(&mut self, now: &Now<'_>) {
        if self.silent {
            return;
        }
        if self.step.0 != now.namespace || self.step.1 != now.step {
            self.step = (now.namespace.to_owned(), now.step);
            self.began = Instant::now();
        }
        if self.shown.elapsed() < bar::every(self.bar.drawn().is_some()) {
            return;
        }
        self.shown = Instant::now();
        let line = line(now, self.began.elapsed().as_secs_f64());
        match self.bar.drawn() {
            Some(bar) => bar.set_message(line),
            None => messages::note(&line),
        }
    }
}

fn line(now: &Now<'_>, seconds: f64) -> String {
    let rate = now.done as f64 / seconds.max(0.001);
    let left = (now.of.saturating_sub(now.done) as f64 / rate.max(1.0)) as u64;
    let (done, of, rate) = (words::rounded(now.done), words::rounded(now.of), words::rounded(rate as u64));
    if now.step == "reading" {
        format!("reading  {}   {done} / {of} records   {rate}/s   eta {}", now.namespace, words::seconds(left))
    } else {
        format!("writing  {}   {done} rows   {rate}/s   eta at most {}", now.namespace, words::seconds(left))
    }
}
