//! A bar on the last line of a terminal, for what takes a while.
//!
//! Invariants: a bar leaves nothing behind; where standard error is no terminal, or machines read it, there is none.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::messages;

/// How often a bar is drawn.
const FRAME: Duration = Duration::from_millis(250);
/// How often a line is written in its place, at most.
const LINE: Duration = Duration::from_secs(5);

/// A bar, where there can be one; gone when it is dropped.
pub(crate) struct Bar(Option<ProgressBar>);

impl Bar {
    /// Draws one, if that is wished and can be.
    pub(crate) fn begin(wished: bool) -> Self {
        let drawn = wished && std::io::stderr().is_terminal() && !messages::manner().json;
        Self(drawn.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // Cut at the terminal's width. A plain message cannot fail to be a template.
            bar.set_style(ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
            messages::set_bar(Some(bar.clone()));
            bar
        }))
    }

    /// What draws it, for a task; `None` where lines are written.
    pub(crate) fn drawn(&self) -> Option<&ProgressBar> {
        self.0.as_ref()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
        messages::set_bar(None);
    }
}

/// How often something new is shown, on a bar or in lines.
pub(crate) fn every(drawn: bool) -> Duration {
    if drawn { FRAME } else { LINE }
}
