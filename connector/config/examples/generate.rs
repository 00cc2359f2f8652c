//! Writes what is generated from the definitions of keys: `docs/configuration.md` and the JSON schema.
//!
//! With `--check` it writes nothing, and fails with the first file that is stale.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let check = std::env::args().any(|argument| argument == "--check");
    let files = [
        ("docs/configuration.md", moorline_config::documentation()),
        ("schemas/moorline-config.schema.json", format!("{:#}\n", moorline_config::json_schema())),
    ];
    for (name, text) in files {
        let path = root.join(name);
        if fs::read_to_string(&path).is_ok_and(|committed| committed == text) {
            continue;
        }
        if check {
            eprintln!("{name} is stale: cargo run -p moorline-config --example generate");
            return ExitCode::FAILURE;
        }
        if let Err(error) = fs::write(&path, text) {
            eprintln!("{name}: {error}");
            return ExitCode::FAILURE;
        }
        println!("wrote {name}");
    }
    ExitCode::SUCCESS
}
