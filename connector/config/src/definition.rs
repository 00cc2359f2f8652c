//! What a key is: its one definition, from which come its check, its row in the documentation and its JSON schema.
//!
//! Invariants: a default is valid for its key; a key has one definition, found by its name, by an alias, or, where the
//! name holds a `<part>` or ends in `*`, by what stands before and behind that part.

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Any text that is not empty.
    Text,
    /// Text that no message shows.
    Secret,
    /// A connection string of MongoDB: a secret with a form.
    ConnectionString,
    /// The name of a topic.
    Topic,
    /// The beginning of a name in Avro.
    AvroName,
    /// The path of a file or folder.
    Path,
    /// Texts with commas.
    List,
    /// Regular expressions with commas; `\,` is a comma within one.
    Patterns,
    /// Base URLs with commas.
    Urls,
    /// Addresses to listen at, with commas.
    Listeners,
    /// How anchors are thinned out.
    Retention,
    /// A whole number.
    Number(i64, i64),
    /// Milliseconds.
    Duration(i64, i64),
    /// Bytes.
    Bytes(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// One of a few words.
    Choice(&'static [Word]),
}

/// A word that a key may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word {
    /// The word.
    pub(crate) name: &'static str,
    /// What happens to it.
    pub(crate) answer: Answer,
}

/// What happens to a value that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// It is taken.
    Taken,
    /// It is specified, and comes later: why.
    NotYet(&'static str),
    /// It is refused: why, and what to write.
    Refused(&'static str, &'static str),
}

/// Why a word or a key is not acted on yet, where there is no more to say.
pub(crate) const UNBUILT: &str = "it is specified, and this version does not act on it";

/// A word that is taken.
pub(crate) const fn word(name: &'static str) -> Word {
    Word { name, answer: Answer::Taken }
}

/// A word that comes later.
pub(crate) const fn later(name: &'static str) -> Word {
    later_since(name, UNBUILT)
}

/// A word that comes later: why.
pub(crate) const fn later_since(name: &'static str, why: &'static str) -> Word {
    Word { name, answer: Answer::NotYet(why) }
}

/// A word that is refused: why, and what to write.
pub(crate) const fn refused(name: &'static str, why: &'static str, fix: &'static str) -> Word {
    Word { name, answer: Answer::Refused(why, fix) }
}

/// What stands where a key is not given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Default {
    /// The key must be given; an example of it.
    Required(&'static str),
    /// This value.
    Value(&'static str),
    /// What other keys make of it, in words.
    Derived(&'static str),
    /// Nothing.
    None,
}

/// What this version does with a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum State {
    /// It acts on it.
    Supported,
    /// It does what these values say and no other yet; for a choice its words say it.
    Fixed(&'static [&'static str]),
    /// It accepts it without effect: why.
    Ignored(&'static str),
    /// It answers that it cannot yet.
    NotYet,
    /// It refuses it: why, and what to write.
    Refused(&'static str, &'static str),
    /// A transform of Connect.
    Transform,
}

/// How often a key is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Importance {
    High,
    Medium,
    Low,
}

/// A key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    /// Its name.
    pub(crate) key: &'static str,
    /// Other names of it.
    pub(crate) aliases: &'static [&'static str],
    /// What its value must look like.
    pub(crate) kind: Kind,
    /// What stands where it is not given.
    pub(crate) default: Default,
    /// How often it is needed.
    pub(crate) importance: Importance,
    /// What Debezium or Connect calls it: `=` for the same, `-` for nothing.
    pub(crate) like: &'static str,
    /// What this version does with it.
    pub(crate) state: State,
    /// A sentence or two for a person.
    pub(crate) about: &'static str,
}

/// A key that this version acts on, of medium importance, which Debezium or Connect has too.
pub(crate) const fn key(key: &'static str, kind: Kind, about: &'static str) -> Definition {
    Definition {
        key,
        aliases: &[],
        kind,
        default: Default::None,
        importance: Importance::Medium,
        like: "=",
        state: State::Supported,
        about,
    }
}

/// A key that comes later.
pub(crate) const fn not_yet(name: &'static str, about: &'static str) -> Definition {
    key(name, Kind::Text, about).state(State::NotYet).low()
}

/// A key that is accepted without effect.
pub(crate) const fn ignored(name: &'static str, why: &'static str) -> Definition {
    key(name, Kind::Text, "").state(State::Ignored(why)).low()
}

/// A key that is refused: why, and what to write.
pub(crate) const fn refuse(name: &'static str, why: &'static str, fix: &'static str) -> Definition {
    key(name, Kind::Text, "").state(State::Refused(why, fix)).low()
}

impl Definition {
    pub(crate) const fn default(self, value: &'static str) -> Self {
        Self { default: Default::Value(value), ..self }
    }
    pub(crate) const fn derived(self, words: &'static str) -> Self {
        Self { default: Default::Derived(words), ..self }
    }
    pub(crate) const fn required(self, example: &'static str) -> Self {
        Self { default: Default::Required(example), importance: Importance::High, ..self }
    }
    pub(crate) const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }
    pub(crate) const fn high(self) -> Self {
        Self { importance: Importance::High, ..self }
    }
    pub(crate) const fn low(self) -> Self {
        Self { importance: Importance::Low, ..self }
    }
    pub(crate) const fn like(self, like: &'static str) -> Self {
        Self { like, ..self }
    }
    /// A key that neither Debezium nor Connect has.
    pub(crate) const fn ours(self) -> Self {
        self.like("-")
    }
    pub(crate) const fn state(self, state: State) -> Self {
        Self { state, ..self }
    }
    /// Only these values do anything yet, and the first of them is the default; for a choice its words say it.
    pub(crate) const fn only(self, values: &'static [&'static str]) -> Self {
        self.state(State::Fixed(values))
    }

    /// What stands before and behind the open part of the name, if it has one.
    pub(crate) fn open(&self) -> Option<(&'static str, &'static str)> {
        if let Some(before) = self.key.strip_suffix('*') {
            return Some((before, ""));
        }
        let (start, end) = (self.key.find('<')?, self.key.rfind('>')?);
        Some((&self.key[..start], &self.key[end + 1..]))
    }

    /// Whether this is the definition of a key.
    pub(crate) fn names(&self, key: &str) -> bool {
        match self.open() {
            Some((before, after)) => {
                let part = key.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).unwrap_or_default();
                // Each `<part>` has a text of its own, so `topic.creation.enabel` is no group.
                let parts = self.key.matches('<').count().max(1);
                !part.is_empty() && part.splitn(parts, '.').filter(|part| !part.is_empty()).count() == parts
            }
            None => self.key == key || self.aliases.contains(&key),
        }
    }
}
