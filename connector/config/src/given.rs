//! What a file gives, by key, with defaults for the rest, in the types that the configuration has.
//!
//! Invariant: what stands here passed its key's check, so that the conversions below lose nothing; where a mistake was
//! found, the default stands in and the configuration is thrown away.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::choice::Choice;
use crate::definition::Default;
use crate::keys;
use crate::report::quoted;
use crate::value::{self, Value};

/// A value that passed.
pub(crate) struct Held {
    pub(crate) value: Value,
    /// As it stands in the file, placeholders unresolved.
    pub(crate) text: String,
    pub(crate) line: usize,
    /// The name under which it stands.
    pub(crate) name: String,
    /// Whether it must not be shown.
    pub(crate) hidden: bool,
}

/// A key with an open part (`kafka.<librdkafka key>`), and its value.
pub(crate) struct Open {
    pub(crate) key: String,
    pub(crate) value: Value,
    /// As it stands in the file, placeholders unresolved.
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// All that passed.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) values: BTreeMap<&'static str, Held>,
    pub(crate) open: Vec<Open>,
}

impl Given {
    /// The line of a key, if it is given.
    pub(crate) fn line(&self, key: &str) -> Option<usize> {
        self.values.get(key).map(|held| held.line)
    }

    /// The value in a message.
    pub(crate) fn shown(&self, key: &str) -> String {
        let held = self.values.get(key).filter(|held| !held.hidden);
        held.map_or_else(|| "that value".to_owned(), |held| quoted(&held.text))
    }

    /// The value that was given.
    pub(crate) fn own(&self, key: &str) -> Option<Value> {
        self.values.get(key).map(|held| held.value.clone())
    }

    /// The value, or the default.
    pub(crate) fn value(&self, key: &str) -> Option<Value> {
        self.own(key).or_else(|| {
            let definition = keys::find(key)?;
            match definition.default {
                Default::Value(text) => value::parse(definition, text).ok(),
                Default::Required(_) | Default::Derived(_) | Default::None => None,
            }
        })
    }

    pub(crate) fn optional(&self, key: &str) -> Option<String> {
        match self.value(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn text(&self, key: &str) -> String {
        self.optional(key).unwrap_or_default()
    }

    pub(crate) fn secret(&self, key: &str) -> Option<SecretString> {
        self.optional(key).map(SecretString::from)
    }

    pub(crate) fn path(&self, key: &str) -> Option<PathBuf> {
        self.optional(key).map(PathBuf::from)
    }

    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        match self.value(key) {
            Some(Value::List(list)) => list,
            _ => Vec::new(),
        }
    }

    pub(crate) fn boolean(&self, key: &str) -> Option<bool> {
        match self.value(key)? {
            Value::Boolean(value) => Some(value),
            _ => None,
        }
    }

    /// A number whose range fits the type.
    pub(crate) fn number<T: TryFrom<i64> + std::default::Default>(&self, key: &str) -> T {
        match self.value(key) {
            Some(Value::Number(number)) => T::try_from(number).unwrap_or_default(),
            _ => T::default(),
        }
    }

    pub(crate) fn duration(&self, key: &str) -> Duration {
        Duration::from_millis(self.number(key))
    }

    /// The choice that was given.
    pub(crate) fn chosen<C: Choice>(&self, key: &str) -> Option<C> {
        C::named(&self.optional(key)?)
    }

    /// The choice, or the default; for keys that have one.
    pub(crate) fn choice<C: Choice>(&self, key: &str) -> C {
        self.chosen(key).unwrap_or(C::VALUES[0].1)
    }
}
