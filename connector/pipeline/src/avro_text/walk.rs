//! Along the bytes of a datum, writing as it goes.
//!
//! Invariants: each step takes bytes or is counted against a budget, so that bytes that say "a million nulls" end in an
//! error; a length is believed only as far as bytes are there.

use super::schema::{Meaning, Node};
use super::times::Time;
use super::{Malformed, Style, Times, scalars};

/// Levels of arrays, maps, records and unions: more than a document can have, and little enough for any stack.
pub(super) const MOST_DEPTH: u32 = 512;
/// Values without bytes of their own that a datum may have for nothing; over that, one for each of its bytes.
const FREE_VALUES: usize = 1 << 16;

/// Appends the JSON of a datum that is all of `bytes`.
pub(super) fn datum(
    nodes: &[Node],
    root: usize,
    bytes: &[u8],
    style: Style,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let mut walk = Walk { nodes, bytes, at: 0, style, empty: FREE_VALUES + bytes.len(), out };
    walk.value(root, 0)?;
    if walk.at < bytes.len() { Err(walk.malformed("more bytes than the schema says")) } else { Ok(()) }
}

struct Walk<'a> {
    nodes: &'a [Node],
    bytes: &'a [u8],
    at: usize,
    style: Style,
    /// Values without bytes that may still come.
    empty: usize,
    out: &'a mut Vec<u8>,
}

impl<'a> Walk<'a> {
    fn malformed(&self, why: &'static str) -> Malformed {
        Malformed { at: self.at, why }
    }

    fn value(&mut self, node: usize, depth: u32) -> Result<(), Malformed> {
        if depth > MOST_DEPTH {
            return Err(self.malformed("values stand in one another too deeply"));
        }
        let nodes = self.nodes;
        match &nodes[node] {
            Node::Null => {
                self.empty_value()?;
                self.out.extend_from_slice(b"null");
            }
            Node::Boolean => {
                let text: &[u8] = match self.take(1)? {
                    [0] => b"false",
                    [1] => b"true",
                    _ => return Err(self.malformed("a boolean is neither 0 nor 1")),
                };
                self.out.extend_from_slice(text);
            }
            Node::Int(time) => {
                let number = self.int()?;
                self.integer(i64::from(number), *time);
            }
            Node::Long(time) => {
                let number = self.long()?;
                self.integer(number, *time);
            }
            Node::Float => {
                let number = f32::from_le_bytes(self.array()?);
                scalars::float(number, self.out);
            }
            Node::Double => {
                let number = f64::from_le_bytes(self.array()?);
                scalars::double(number, self.out);
            }
            Node::Bytes(meaning) => {
                let data = self.sized()?;
                self.binary(data, *meaning)?;
            }
            Node::Fixed(size, meaning) => {
                if *size == 0 {
                    self.empty_value()?;
                }
                let data = self.take(*size)?;
                self.binary(data, *meaning)?;
            }
            Node::String(is_json) => {
                let text = self.text()?;
                if *is_json {
                    scalars::document(text, self.style.documents, self.out);
                } else {
                    scalars::string(text, self.out);
                }
            }
            Node::Enum(symbols) => {
                let chosen = usize::try_from(self.int()?).ok().and_then(|index| symbols.get(index));
                let symbol = chosen.ok_or_else(|| self.malformed("an enum has no such symbol"))?;
                self.out.extend_from_slice(symbol);
            }
            Node::Union(branches) => {
                let chosen = usize::try_from(self.long()?).ok().and_then(|index| branches.get(index));
                let branch = *chosen.ok_or_else(|| self.malformed("a union has no such branch"))?;
                // The byte of the union is this null's.
                self.empty += 1;
                self.value(branch, depth + 1)?;
            }
            Node::Record(fields) => {
                if fields.is_empty() {
                    self.empty_value()?;
                }
                self.out.push(b'{');
                for (place, (name, ty)) in fields.iter().enumerate() {
                    self.comma(place > 0);
                    self.out.extend_from_slice(name);
                    self.value(*ty, depth + 1)?;
                }
                self.out.push(b'}');
            }
            Node::Array(items) => self.blocks(b'[', b']', |walk| walk.value(*items, depth + 1))?,
            Node::Map(values) => self.blocks(b'{', b'}', |walk| {
                let key = walk.text()?;
                scalars::string(key, walk.out);
                walk.out.push(b':');
                walk.value(*values, depth + 1)
            })?,
        }
        Ok(())
    }

    /// The blocks of an array or a map.
    fn blocks(
        &mut self,
        open: u8,
        close: u8,
        mut one: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.out.push(open);
        let mut first = true;
        loop {
            let mut count = self.long()?;
            if count < 0 {
                // A negative count is followed by the block's size in bytes, for readers that skip.
                self.long()?;
                count = count.checked_neg().ok_or_else(|| self.malformed("a block's count is no number of items"))?;
            }
            if count == 0 {
                break;
            }
            for _ in 0..count {
                self.comma(!first);
                first = false;
                one(self)?;
            }
        }
        self.out.push(close);
        Ok(())
    }

    fn comma(&mut self, wanted: bool) {
        if wanted {
            self.out.push(b',');
        }
    }

    fn empty_value(&mut self) -> Result<(), Malformed> {
        self.empty = self.empty.checked_sub(1).ok_or_else(|| self.malformed("more empty values than bytes"))?;
        Ok(())
    }

    fn integer(&mut self, number: i64, time: Option<Time>) {
        match time {
            Some(time) if self.style.times == Times::Iso => {
                self.out.push(b'"');
                time.write(number, self.out);
                self.out.push(b'"');
            }
            _ => crate::contract::extjson::format(format_args!("{number}"), self.out),
        }
    }

    fn binary(&mut self, data: &[u8], meaning: Meaning) -> Result<(), Malformed> {
        match meaning {
            Meaning::Bytes => scalars::bytes(data, self.out),
            Meaning::Uuid => scalars::uuid(data, self.out),
            Meaning::Decimal(scale) => scalars::decimal(data, scale, self.style.decimals, self.out)
                .ok_or_else(|| self.malformed("a decimal is longer than any number"))?,
        }
        Ok(())
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..count).ok_or_else(|| self.malformed("the bytes end too early"))?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let taken = self.take(N)?.first_chunk::<N>().copied();
        taken.ok_or_else(|| self.malformed("the bytes end too early"))
    }

    fn sized(&mut self) -> Result<&'a [u8], Malformed> {
        let size = usize::try_from(self.long()?).map_err(|_| self.malformed("a length is below zero"))?;
        self.take(size)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.sized()?).map_err(|_| self.malformed("a string is not UTF-8"))
    }

    fn int(&mut self) -> Result<i32, Malformed> {
        i32::try_from(self.long()?).map_err(|_| self.malformed("an int has more than 32 bits"))
    }

    fn long(&mut self) -> Result<i64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let [byte] = self.array()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(self.malformed("a number has more than 64 bits"))
    }
}
