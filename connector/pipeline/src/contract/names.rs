//! BSON names to Avro names, and a collection's name to its topic's and its record's.
//!
//! Invariants: a result is a legal Avro name whatever came in; the same name always gives the same result; a name that
//! is taken is never given twice by one [`Taken`].

use std::collections::BTreeSet;

use crate::model::Namespace;

/// Metadata fields of the value without their prefix, in the order in which they stand there.
pub const METADATA: [&str; 7] = ["op", "deleted", "ts_ms", "cluster_time", "seq", "image_time", "snapshot"];
/// The map of unknown fields without its prefix: always the last field.
pub const SPILL: &str = "spill";
/// The list of missing fields without its prefix: behind the metadata, before the map.
pub const MISSING: &str = "missing";
/// Prefix of the metadata fields where the configuration has no other.
pub const METADATA_PREFIX: &str = "__";
/// Records that every topic has or may have; none of a document's records may be called so.
pub const RECORDS: [&str; 4] = ["Key", "Value", "Envelope", "Id"];

/// `field.name.adjustment.mode`, `schema.name.adjustment.mode`: what a character becomes that Avro does not allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adjustment {
    /// `_`: short, and two names may become one.
    #[default]
    Avro,
    /// `_uxxxx`, its UTF-16 code in hexadecimal, and so does `_` itself: no two names become one.
    Unicode,
}

impl Adjustment {
    /// A legal Avro name.
    pub fn name(self, name: &str) -> String {
        match self {
            Self::Avro => sanitise(name),
            Self::Unicode => escaped(name),
        }
    }

    /// The Avro name of a document's field; the three names of a DBRef lose their `$` in either mode.
    pub fn field(self, bson_name: &str) -> String {
        match (self, bson_name) {
            (_, "$ref" | "$id" | "$db") | (Self::Avro, _) => field(bson_name),
            (Self::Unicode, _) => escaped(bson_name),
        }
    }

    /// A legal Avro namespace: each part between dots by itself.
    pub fn namespace(self, name: &str) -> String {
        name.split('.').map(|part| self.name(part)).collect::<Vec<_>>().join(".")
    }
}

fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 6);
    for (place, letter) in name.chars().enumerate() {
        if letter.is_ascii_alphabetic() || (place > 0 && letter.is_ascii_digit()) {
            out.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("_u{unit:04x}"));
        }
    }
    // The empty name has no character to escape, and no other name becomes a lone underscore.
    if out.is_empty() { "_".to_owned() } else { out }
}

/// A legal Avro name: each bad character becomes `_`, a leading digit gets one before it, nothing becomes `_`.
pub fn sanitise(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 1);
    for letter in name.chars() {
        if letter.is_ascii_digit() && out.is_empty() {
            out.push('_');
        }
        out.push(if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '_' });
    }
    if out.is_empty() { "_".to_owned() } else { out }
}

/// The Avro name of a document's field; the three names of a DBRef lose their `$`.
pub fn field(bson_name: &str) -> String {
    match bson_name {
        "$ref" => "ref".to_owned(),
        "$id" => "id".to_owned(),
        "$db" => "db".to_owned(),
        other => sanitise(other),
    }
}

/// A legal Avro namespace: each part between dots sanitised.
pub fn avro_namespace(name: &str) -> String {
    name.split('.').map(sanitise).collect::<Vec<_>>().join(".")
}

/// The topic of a collection; characters that a broker refuses become `_`.
pub fn topic(prefix: &str, delimiter: &str, namespace: &Namespace) -> String {
    let name = format!("{prefix}{delimiter}{}{delimiter}{}", namespace.db(), namespace.coll());
    name.chars().map(|letter| if is_topic_letter(letter) { letter } else { '_' }).collect()
}

/// The name of a collection's record in its contract.
pub fn record(namespace: &Namespace) -> String {
    let name = sanitise(namespace.coll());
    if RECORDS.contains(&name.as_str()) { format!("{name}_2") } else { name }
}

/// Whether a field of that Avro name would hide metadata with this prefix.
pub fn is_reserved(name: &str, metadata_prefix: &str) -> bool {
    name.strip_prefix(metadata_prefix).is_some_and(|rest| rest == SPILL || rest == MISSING || METADATA.contains(&rest))
}

/// Every name that metadata with this prefix may have.
pub(crate) fn reserved(metadata_prefix: &str) -> impl Iterator<Item = String> {
    METADATA.iter().chain([&MISSING, &SPILL]).map(move |name| format!("{metadata_prefix}{name}"))
}

/// What [`is_topic`] asks, for people.
pub const TOPIC_RULE: &str = "brokers take letters, digits, `.`, `_` and `-`, and at most 249 of them";

/// Whether a broker takes a name for a topic.
pub fn is_topic(name: &str) -> bool {
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.chars().all(is_topic_letter)
}

/// Whether a character may stand in a topic, and as it is in a contract file's name.
pub(crate) fn is_topic_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-')
}

/// The names that are taken at one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken(BTreeSet<String>);

impl Taken {
    /// Takes a name; false if it was taken before.
    pub(crate) fn take(&mut self, name: &str) -> bool {
        self.0.insert(name.to_owned())
    }

    /// Whether a name is taken.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Takes the name, or the first free one of `name_2`, `name_3`, ...
    pub(crate) fn give(&mut self, name: String) -> String {
        if self.take(&name) {
            return name;
        }
        let free = (2..).map(|number| format!("{name}_{number}")).find(|candidate| !self.has(candidate));
        let free = free.unwrap_or(name);
        self.take(&free);
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_characters_become_underscores() {
        for (bson, avro) in [
            ("first-name", "first_name"),
            ("1st", "_1st"),
            ("a.b", "a_b"),
            ("$set", "_set"),
            ("", "_"),
            ("größe", "gr__e"),
            ("__v", "__v"),
            ("$id", "id"),
        ] {
            assert_eq!(field(bson), avro, "{bson}");
        }
    }

    #[test]
    fn unicode_keeps_all_names_apart() {
        let unicode = Adjustment::Unicode;
        for (bson, avro) in [
            ("first-name", "first_u002dname"),
            ("first_name", "first_u005fname"),
            ("1st", "_u0031st"),
            ("a1", "a1"),
            ("", "_"),
            ("_", "_u005f"),
            ("größe", "gr_u00f6_u00dfe"),
            ("🐌", "_ud83d_udc0c"),
            ("$id", "id"),
            ("$set", "_u0024set"),
        ] {
            assert_eq!(unicode.field(bson), avro, "{bson}");
            assert_eq!(sanitise(avro), avro, "a legal name");
        }
        assert_eq!(unicode.namespace("shop-eu.a_b"), "shop_u002deu.a_u005fb");
        assert_eq!(Adjustment::Avro.namespace("shop-eu.a_b"), "shop_eu.a_b");
    }

    #[test]
    fn topics_and_namespaces() {
        let namespace = Namespace::new("shop", "größe.x");
        assert_eq!(topic("shop-eu", ".", &namespace), "shop-eu.shop.gr__e.x");
        assert_eq!(avro_namespace("shop-eu.1st..x"), "shop_eu._1st._.x");
        assert_eq!(record(&Namespace::new("shop", "Value")), "Value_2");
    }

    #[test]
    fn metadata_is_reserved_under_its_prefix_only() {
        assert!(is_reserved("__op", "__") && is_reserved("__spill", "__") && is_reserved("m_seq", "m_"));
        assert!(!is_reserved("__v", "__") && !is_reserved("op", "__"));
    }

    #[test]
    fn a_taken_name_is_not_given_again() {
        let mut taken = Taken::default();
        let given = ["a", "a", "a_2", "a"].map(|name| taken.give(name.to_owned()));
        assert_eq!(given, ["a", "a_2", "a_2_2", "a_3"]);
    }
}
