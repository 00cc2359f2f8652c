//! The terminal while `top` has it: keys come at once, the screen is one of its own.
//!
//! Invariant: whatever ends `top`, the terminal is given back as it was.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Pause,
    Interrupt,
    Other,
}

/// The terminal, taken.
pub(super) struct Terminal {
    before: Termios,
}

impl Terminal {
    /// Takes it.
    pub(super) fn take() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        let taken = Self { before };
        // A screen of its own, without a cursor.
        io::stdout().write_all(b"\x1b[?1049h\x1b[?25l")?;
        Ok(taken)
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (usize, usize) {
        match tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (usize::from(size.ws_col), usize::from(size.ws_row)),
            _ => (80, 24),
        }
    }

    /// Shows lines from the top, in one write, so that nothing flickers.
    pub(super) fn show(&mut self, lines: &[String]) -> io::Result<()> {
        let text: Vec<String> = lines.iter().map(|line| format!("{line}\x1b[K")).collect();
        let mut out = io::stdout().lock();
        out.write_all(format!("\x1b[H{}\x1b[J", text.join("\r\n")).as_bytes())?;
        out.flush()
    }

    /// A key that is pressed within the limit.
    pub(super) fn key(&self, limit: Duration) -> io::Result<Option<Key>> {
        let wait = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: i64::from(limit.subsec_nanos()) };
        let stdin = io::stdin();
        let mut of_stdin = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut of_stdin, Some(&wait)) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            // A new size of the window, for one: the next screen shows it.
            Err(rustix::io::Errno::INTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let mut bytes = [0; 16];
        let count = stdin.lock().read(&mut bytes)?;
        Ok(Some(match bytes[..count] {
            // The terminal is gone.
            [] => Key::Quit,
            [b'q' | b'Q' | 0x1b] => Key::Quit,
            [b'p' | b'P' | b' '] => Key::Pause,
            [3] => Key::Interrupt,
            _ => Key::Other,
        }))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Where the terminal is gone there is nothing to give back.
        let _ = io::stdout().write_all(b"\x1b[?25h\x1b[?1049l");
        let _ = io::stdout().flush();
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
