//! A reader that leaves, such as `head`, ends no command.

use std::fs;
use std::io::pipe;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn nobody_reads_and_the_command_ends_as_ever() {
    // A folder without a record is a stack whose start was cut short: enough for a line of output.
    let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pipes");
    fs::create_dir_all(state.join("cut-short")).expect("a state folder");
    let status = |name: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["stack", "status", "--format", "json"]).args(name).env("MOORLINE_STATE", &state);
        command
    };
    let heard = status(&[]).output().expect("it starts");
    assert!(String::from_utf8_lossy(&heard.stdout).contains("down --name cut-short"), "{heard:?}");

    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let unheard = status(&[]).stdout(writer).stderr(Stdio::piped()).output().expect("it starts");
    assert!(unheard.status.success() && unheard.stderr.is_empty(), "{unheard:?}");

    // The other stream: an error that nobody reads is still an error, and no panic (which is 101).
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let failed = status(&["--name", "cut-short"]).stderr(writer).output().expect("it starts");
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    fs::remove_dir_all(&state).expect("nothing is left behind");
}
