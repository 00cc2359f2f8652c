//! The one place of this crate that reads anything: placeholders from the process's environment and from files.
//!
//! Invariants: a file of more than a mebibyte is no secret and is not read; no reason holds any of a file's text.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::placeholder::{Lookup, Reference};
use crate::text::properties;

/// Looks in the environment and on disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment;

/// Most bytes of a file of secrets.
const MOST_BYTES: u64 = 1 << 20;

impl Lookup for Environment {
    fn look_up(&self, reference: &Reference) -> Result<String, String> {
        match reference {
            Reference::Variable(name) => match std::env::var(name) {
                Ok(value) => Ok(value),
                Err(std::env::VarError::NotPresent) => Err("the environment has no such variable".to_owned()),
                Err(std::env::VarError::NotUnicode(_)) => Err("the variable holds no text in UTF-8".to_owned()),
            },
            Reference::Property { path, key } => {
                let entries = properties::read(&text(Path::new(path))?).entries;
                // As Java's, the last one counts.
                let found = entries.into_iter().rev().find(|entry| entry.key == *key);
                found.map(|entry| entry.value).ok_or_else(|| "the file has no such key".to_owned())
            }
            Reference::File { folder, file } => {
                if Path::new(file).components().count() != 1 || file == ".." {
                    return Err("it names no file of that folder itself".to_owned());
                }
                // An editor's or `echo`'s line end is not part of the secret.
                text(&Path::new(folder).join(file)).map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
            }
        }
    }
}

fn text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| format!("the file can't be opened: {}", error.kind()))?;
    let read = file.take(MOST_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| format!("the file can't be read: {}", error.kind()))?;
    if text.len() as u64 > MOST_BYTES { Err("the file is larger than 1 MiB".to_owned()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_files() {
        let variable = |name: &str| Environment.look_up(&Reference::Variable(name.to_owned()));
        assert!(variable("PATH").is_ok());
        assert!(variable("MOORLINE_NO_SUCH_VARIABLE").is_err());
        let folder = env!("CARGO_MANIFEST_DIR").to_owned();
        let file = |file: &str| Environment.look_up(&Reference::File { folder: folder.clone(), file: file.to_owned() });
        assert!(file("Cargo.toml").unwrap().starts_with("[package]"));
        assert!(file("../config/Cargo.toml").is_err() && file("..").is_err() && file("none").is_err());
        let property = |key: &str| Reference::Property { path: format!("{folder}/Cargo.toml"), key: key.to_owned() };
        assert_eq!(Environment.look_up(&property("name")).unwrap(), "\"moorline-config\"");
        assert!(Environment.look_up(&property("none")).is_err());
    }
}
