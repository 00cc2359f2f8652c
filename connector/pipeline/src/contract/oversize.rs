//! Records that are too large: which field it is, and the JSON texts cut so that the record fits.
//!
//! Only a field whose type is `any` can be cut and keep its type: its text becomes a JSON string that holds the begin of
//! what stood there and ends in `…`. So can an unknown field that goes to `__spill`. Fields of nested documents are
//! looked at too, items of arrays and of dictionaries are not.
//!
//! Invariants: the longest texts are cut, all to one length, and no more of them than is needed; a text that is cut is
//! valid JSON still; what is excluded is never read.

use bson::{RawDocument, RawDocumentBuf};

use super::extjson::{self, Style};
use super::model::{Contract, Field, Type};
use super::plan::excluded::Excluded;
use super::plan::walk::{Elements, Malformed, Value, tag};

/// Quotes around nothing but the sign that something is missing.
const LEAST: usize = 2 + MISSING.len();
/// What a text that was cut ends in.
const MISSING: &str = "…";

/// A field that was cut: its path, with slashes, and the bytes of its text before.
pub type Shortened = (String, usize);

/// The path of the largest field, with slashes, and its bytes; of nested documents as deep as one field is most of it.
pub fn largest(document: &RawDocument) -> Option<(String, usize)> {
    let mut path = String::new();
    let mut bytes = document.as_bytes();
    let mut size = None;
    while let Some((name, value)) =
        widest(bytes).ok().flatten().filter(|(_, value)| value.bytes.len() * 2 > bytes.len())
    {
        path.push('/');
        path.push_str(&String::from_utf8_lossy(name));
        size = Some(value.bytes.len());
        if value.tag != tag::DOCUMENT {
            break;
        }
        bytes = value.bytes;
    }
    size.map(|size| (path, size))
}

fn widest(document: &[u8]) -> Result<Option<(&[u8], Value<'_>)>, Malformed> {
    let mut elements = Elements::of(document)?;
    let mut widest: Option<(&[u8], Value<'_>)> = None;
    while let Some(element) = elements.next()? {
        if widest.is_none_or(|(_, value)| value.bytes.len() < element.1.bytes.len()) {
            widest = Some(element);
        }
    }
    Ok(widest)
}

/// The documents of one record with texts that are shorter by `excess` bytes in all, and what was cut; `None` where the
/// texts are not enough of it. `spills` says whether unknown fields are in the record.
pub fn shorten(
    contract: &Contract,
    spills: bool,
    documents: &[&RawDocument],
    excess: usize,
) -> Option<(Vec<RawDocumentBuf>, Vec<Shortened>)> {
    let excluded = Excluded::of(&contract.excluded);
    let mut cutter = Cutter { spills, level: usize::MAX, found: Vec::new() };
    for document in documents {
        cutter.document(Some(&contract.fields), document.as_bytes(), Some(&excluded), "").ok()?;
    }
    let lengths = std::mem::take(&mut cutter.found).into_iter().map(|(_, length)| length).collect();
    cutter.level = level(lengths, excess)?;
    let made = documents.iter().map(|document| {
        let bytes = cutter.document(Some(&contract.fields), document.as_bytes(), Some(&excluded), "").ok()?;
        RawDocumentBuf::from_bytes(bytes).ok()
    });
    let made = made.collect::<Option<Vec<_>>>()?;
    cutter.found.retain(|(_, length)| *length > cutter.level);
    Some((made, cutter.found))
}

/// The length that texts may have so that they are `excess` bytes shorter in all; `None` where there is none.
fn level(mut lengths: Vec<usize>, excess: usize) -> Option<usize> {
    lengths.sort_unstable_by(|one, other| other.cmp(one));
    let mut sum = 0;
    for (place, length) in lengths.iter().enumerate() {
        sum += length;
        let level = sum.checked_sub(excess).map(|left| left / (place + 1));
        let next = lengths.get(place + 1).copied().unwrap_or(0);
        if let Some(level) = level.filter(|level| *level >= next) {
            return (level >= LEAST).then_some(level);
        }
    }
    None
}

struct Cutter {
    spills: bool,
    /// The longest text that is left as it is.
    level: usize,
    /// The texts, by path, and their lengths.
    found: Vec<Shortened>,
}

impl Cutter {
    /// The document with what is longer than the level cut. No fields are those of a document that is unknown as a whole.
    fn document(
        &mut self,
        fields: Option<&[Field]>,
        document: &[u8],
        excluded: Option<&Excluded>,
        path: &str,
    ) -> Result<Vec<u8>, Malformed> {
        let mut out = vec![0; 4];
        let mut elements = Elements::of(document)?;
        while let Some((name, value)) = elements.next()? {
            let below = excluded.and_then(|excluded| excluded.below(name));
            let field = fields.and_then(|fields| fields.iter().find(|field| field.bson_name.as_bytes() == name));
            let path = format!("{path}/{}", String::from_utf8_lossy(name));
            let is_id = path == "/_id";
            let value = match field.map(|field| &field.ty) {
                _ if is_id || below.is_some_and(Excluded::here) => None,
                Some(Type::Record(record)) if value.tag == tag::DOCUMENT => {
                    Some((tag::DOCUMENT, self.document(Some(&record.fields), value.bytes, below, &path)?))
                }
                Some(Type::Any) => self.text(value, below, path),
                None if self.spills => self.text(value, below, path),
                _ => None,
            }
            .map_or((value.tag, value.bytes.into()), |(tag, bytes)| (tag, std::borrow::Cow::Owned(bytes)));
            out.push(value.0);
            out.extend_from_slice(name);
            out.push(0);
            out.extend_from_slice(&value.1);
        }
        out.push(0);
        let length = u32::try_from(out.len()).map_err(|_| Malformed)?;
        out[..4].copy_from_slice(&length.to_le_bytes());
        Ok(out)
    }

    /// The string instead of a value whose text is too long.
    fn text(&mut self, value: Value<'_>, excluded: Option<&Excluded>, path: String) -> Option<(u8, Vec<u8>)> {
        let mut text = Vec::new();
        // What has no text does not fit, and is told so by whoever encodes it.
        extjson::value(Style::Relaxed, value, excluded, true, &mut text).ok()?;
        self.found.push((path, text.len()));
        if text.len() <= self.level {
            return None;
        }
        let content = if value.tag == tag::STRING {
            String::from_utf8_lossy(value.text())
        } else {
            String::from_utf8_lossy(&text)
        };
        let mut kept = begin(&content, self.level - LEAST).to_owned();
        kept.push_str(MISSING);
        let mut bytes = Vec::with_capacity(kept.len() + 5);
        bytes.extend_from_slice(&(kept.len() as u32 + 1).to_le_bytes());
        bytes.extend_from_slice(kept.as_bytes());
        bytes.push(0);
        Some((tag::STRING, bytes))
    }
}

/// As much of the text's begin as has its place in a JSON string of so many bytes.
fn begin(text: &str, room: usize) -> &str {
    let mut left = room;
    for (place, letter) in text.char_indices() {
        let size = match letter {
            '"' | '\\' => 2,
            letter if letter < ' ' => 6,
            letter => letter.len_utf8(),
        };
        match left.checked_sub(size) {
            Some(less) => left = less,
            None => return &text[..place],
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::infer::infer;
    use crate::contract::model::Limits;

    #[test]
    fn the_longest_are_cut_to_one_length() {
        assert_eq!(level(vec![100, 50, 10], 30), Some(70));
        assert_eq!(level(vec![50, 100, 10], 80), Some(35));
        assert_eq!(level(vec![100], 95), Some(5));
        assert_eq!(level(vec![100], 96), None);
        assert_eq!(level(vec![20, 20], 41), None);
        assert_eq!(level(Vec::new(), 1), None);
    }

    #[test]
    fn a_text_is_cut_between_letters_and_as_it_is_escaped() {
        assert_eq!(begin("a\"b", 2), "a");
        assert_eq!(begin("a\"b", 3), "a\"");
        assert_eq!(begin("é€", 4), "é");
        assert_eq!(begin("\n", 5), "");
        assert_eq!(begin("abc", 9), "abc");
    }

    #[test]
    fn texts_are_cut_where_they_may_be_and_nothing_else() {
        let raw = |document: bson::Document| RawDocumentBuf::try_from(&document).unwrap();
        let seen = [
            raw(bson::doc! {"_id": 1, "a": 1, "s": "s", "n": {"a": "t"}, "l": [1], "out": "x"}),
            raw(bson::doc! {"_id": 2, "a": {"b": 1}, "s": "s", "n": {"a": 5}, "l": ["t"], "out": 2}),
        ];
        let namespace = crate::model::Namespace::new("shop", "orders");
        let inferred = infer(&namespace, seen.iter().map(|seen| &**seen), &Limits::default()).unwrap();
        let contract = Contract { excluded: vec!["out".to_owned()], ..inferred.contract };
        let long = || "x".repeat(100);
        let document = raw(bson::doc! {
            "_id": 3, "a": {"b": "\"".repeat(50)}, "s": long(), "n": {"a": long()}, "l": 1, "out": long(), "new": long(),
        });
        let cut = |spills, excess| shorten(&contract, spills, &[&document], excess);
        // 108 of `a`, 102 of `n.a`, and 102 of `new` where it is spilled.
        let (made, fields) = cut(true, 212).unwrap();
        let paths: Vec<&str> = fields.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["/a", "/n/a", "/new"]);
        let mut made = bson::Document::try_from(&*made[0]).unwrap();
        // 33 bytes each: two quotes, the sign of three, and 28 of what stood there, in which a quote takes two and a
        // backslash takes two.
        assert_eq!(made.remove("a").unwrap().as_str().unwrap(), "{\"b\":\"\\\"\\\"\\\"\\\"\\…");
        assert_eq!(made.remove("n").unwrap(), bson::Bson::Document(bson::doc! {"a": format!("{}…", "x".repeat(28))}));
        assert_eq!(made.remove("new").unwrap().as_str().unwrap(), format!("{}…", "x".repeat(28)));
        assert_eq!(made, bson::doc! {"_id": 3, "s": long(), "l": 1, "out": long()});
        // Only the longest, and no more than is needed.
        let (_, fields) = cut(true, 3).unwrap();
        assert_eq!(fields, [("/a".to_owned(), 108)]);
        assert!(cut(true, 310).is_none() && cut(false, 210).is_none());
        assert!(cut(false, 150).unwrap().1.iter().all(|(path, _)| path != "/new"));
    }

    #[test]
    fn the_largest_field_is_named_by_its_path() {
        let large = bson::doc! {"_id": 1, "a": {"b": "x".repeat(500), "c": 1}, "d": 2};
        let large = RawDocumentBuf::try_from(&large).unwrap();
        assert_eq!(largest(&large), Some(("/a/b".to_owned(), 505)));
        let even = bson::doc! {"_id": 1, "a": "xx", "b": "xx"};
        assert_eq!(largest(&RawDocumentBuf::try_from(&even).unwrap()), None);
    }
}
