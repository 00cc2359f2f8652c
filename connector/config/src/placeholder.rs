//! `${env:NAME}`, `${file:PATH:KEY}` and `${directory:PATH:FILE}`: where a value stands that is not in the file.
//!
//! Invariant: nothing here reads anything; the caller's [`Lookup`] does.

use std::fmt;

/// What a placeholder names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// `${env:NAME}`: a variable of the environment.
    Variable(String),
    /// `${file:PATH:KEY}`: a key of a properties file.
    Property {
        /// The file.
        path: String,
        /// Its key.
        key: String,
    },
    /// `${directory:PATH:FILE}`: a file's whole text, as Kubernetes mounts secrets.
    File {
        /// The folder.
        folder: String,
        /// The file in it.
        file: String,
    },
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "${{env:{name}}}"),
            Self::Property { path, key } => write!(f, "${{file:{path}:{key}}}"),
            Self::File { folder, file } => write!(f, "${{directory:{folder}:{file}}}"),
        }
    }
}

/// Finds what placeholders name.
pub trait Lookup {
    /// The value; or why there is none, in words that hold no value.
    fn look_up(&self, reference: &Reference) -> Result<String, String>;
}

/// A placeholder that gives no value: what, why, and what to do.
pub(crate) type Unresolved = (String, String, String);

/// A value with its placeholders resolved.
pub(crate) struct Resolved {
    /// The text.
    pub(crate) text: String,
    /// Whether any of it came from a placeholder, so that it must not be shown.
    pub(crate) hidden: bool,
}

/// The providers that are built in.
pub(crate) const PROVIDERS: [&str; 3] = ["env", "file", "directory"];

/// Resolves all placeholders of a value. What looks like one but names no provider (`${x}`) is text, as in Connect.
pub(crate) fn resolve(text: &str, allowed: &[String], lookup: &dyn Lookup) -> Result<Resolved, Vec<Unresolved>> {
    let mut resolved = Resolved { text: String::with_capacity(text.len()), hidden: false };
    let mut wrong = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        resolved.text.push_str(before);
        let inner = from[2..].find('}').map(|end| &from[2..2 + end]);
        let Some((inner, (provider, path))) = inner.and_then(|inner| Some((inner, inner.split_once(':')?))) else {
            resolved.text.push_str("${");
            rest = &from[2..];
            continue;
        };
        resolved.hidden = true;
        match reference(provider, path, allowed).and_then(|reference| found(&reference, lookup)) {
            Ok(value) => resolved.text.push_str(&value),
            Err(unresolved) => wrong.push(unresolved),
        }
        rest = &from[2 + inner.len() + 1..];
    }
    resolved.text.push_str(rest);
    if wrong.is_empty() { Ok(resolved) } else { Err(wrong) }
}

fn found(reference: &Reference, lookup: &dyn Lookup) -> Result<String, Unresolved> {
    lookup.look_up(reference).map_err(|why| {
        let fix = match reference {
            Reference::Variable(name) => format!("set the variable {name} where the connector is started"),
            Reference::Property { path, key } => format!("write {key}=... into {path}, and let this user read it"),
            Reference::File { folder, file } => {
                format!("put the value into {folder}/{file}, and let this user read it")
            }
        };
        (format!("`{reference}` cannot be resolved"), why, fix)
    })
}

fn reference(provider: &str, path: &str, allowed: &[String]) -> Result<Reference, Unresolved> {
    let shown = crate::redaction::shown(provider);
    let forms = "${env:NAME}, ${file:PATH:KEY} and ${directory:PATH:FILE}";
    if !PROVIDERS.contains(&provider) {
        let why = "the providers of this version are env, file and directory".to_owned();
        return Err((format!("there is no provider `{shown}` for placeholders"), why, format!("write one of {forms}")));
    }
    if !allowed.iter().any(|name| name == provider) {
        let why = "`config.providers` does not name it".to_owned();
        return Err((
            format!("the provider `{shown}` is switched off"),
            why,
            format!("add {shown} to config.providers"),
        ));
    }
    let pair = path.split_once(':').filter(|(path, key)| !path.is_empty() && !key.is_empty());
    match (provider, pair) {
        // Connect's own provider takes an empty path before the name.
        ("env", _) if !path.trim_start_matches(':').is_empty() => {
            Ok(Reference::Variable(path.trim_start_matches(':').to_owned()))
        }
        ("file", Some((path, key))) => Ok(Reference::Property { path: path.to_owned(), key: key.to_owned() }),
        ("directory", Some((folder, file))) => Ok(Reference::File { folder: folder.to_owned(), file: file.to_owned() }),
        _ => Err((
            format!("a placeholder of `{shown}` is not whole"),
            "it does not say where the value stands".to_owned(),
            format!("the forms are {forms}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Known;

    impl Lookup for Known {
        fn look_up(&self, reference: &Reference) -> Result<String, String> {
            match reference {
                Reference::Variable(name) if name == "A" => Ok("hunter2".to_owned()),
                Reference::Property { path, key } if path == "/etc/p" && key == "k" => Ok("two".to_owned()),
                Reference::File { folder, file } if folder == "/run/s" && file == "f" => Ok("three".to_owned()),
                _ => Err("it is not there".to_owned()),
            }
        }
    }

    fn resolved(text: &str) -> Result<Resolved, Vec<Unresolved>> {
        resolve(text, &PROVIDERS.map(str::to_owned), &Known)
    }

    #[test]
    fn all_forms_also_within_a_text() {
        let found = resolved("a-${env:A}-${env::A}-${file:/etc/p:k}-${directory:/run/s:f}-b").ok().unwrap();
        assert_eq!(found.text, "a-hunter2-hunter2-two-three-b");
        assert!(found.hidden);
    }

    #[test]
    fn what_names_no_provider_is_text() {
        for text in ["${x}", "$1", "a${", "a}", "${}", "$${"] {
            let found = resolved(text).ok().unwrap();
            assert!(found.text == text && !found.hidden, "{text}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_by_name_alone() {
        for text in ["${env:B}", "${file:/etc/p}", "${vault:x:y}", "${env:}", "${directory:/run/s:g}"] {
            assert_eq!(resolved(text).err().unwrap().len(), 1, "{text}");
        }
        let wrong = resolved("${env:A} ${env:B} ${env:C}").err().unwrap();
        assert_eq!(wrong.len(), 2);
        assert!(!format!("{wrong:?}").contains("hunter2"));
        let off = resolve("${env:A}", &["file".to_owned()], &Known).err().unwrap();
        assert!(off[0].0.contains("switched off"));
    }
}
