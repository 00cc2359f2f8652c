//! The configuration file of a command: read, checked, and every mistake in it told at once.
//!
//! Invariants: `-` reads stdin; a file that is not there is a mistake like any other; a warning never stops anything.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use moorline_config::{Checked, Environment, Mistake, codes};
use moorline_pipeline::error::Problem;

use crate::arguments::{self, Global};
use crate::failure::Failed;
use crate::messages;

/// More than this is no configuration but a mistyped name.
const MOST_BYTES: u64 = 16 << 20;

/// Reads the file that `-c` names, and tells its warnings.
pub(crate) fn read(global: &Global) -> Result<Checked, Failed> {
    let Some(path) = &global.config else {
        let text = "this verb needs a configuration: -c FILE (or -c -, or the environment variable MOORLINE_CONFIG)";
        return Err(Failed::Usage(arguments::command().error(clap::error::ErrorKind::MissingRequiredArgument, text)));
    };
    let (text, place) = if path == Path::new("-") {
        (text_of(io::stdin().lock()), "stdin".to_owned())
    } else {
        (fs::File::open(path).and_then(text_of), path.display().to_string())
    };
    let text = text.map_err(|error| unreadable(&place, &error))?;
    let checked = moorline_config::read(&text, &place, &Environment);
    let checked = checked.map_err(|mistakes| Failed::Problems(mistakes.into_iter().map(problem).collect()))?;
    for warning in &checked.warnings {
        messages::warning(&problem(warning.clone()));
    }
    Ok(checked)
}

fn text_of(from: impl io::Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 16 MiB"));
    }
    Ok(text)
}

fn unreadable(place: &str, error: &io::Error) -> Problem {
    Problem::new(
        codes::UNREADABLE,
        "the configuration can't be read",
        place,
        error.to_string(),
        "-c FILE names a .properties or JSON file that this user may read; -c - reads stdin",
    )
}

/// A mistake in the form of all errors.
pub(crate) fn problem(mistake: Mistake) -> Problem {
    let Mistake { code, what, place, why, fix } = mistake;
    Problem { code, what, place, why, fix }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_told() {
        assert!(text_of(&[0xff, 0xfe][..]).is_err());
        assert_eq!(text_of(&b"name=x\n"[..]).unwrap(), "name=x\n");
    }
}
