//! Avro's binary form, read along compiled steps.
//!
//! Invariants: reading takes time and memory in proportion to the bytes that are there: every value takes at least one
//! of them, so a block that claims more items than bytes are left is damage; texts are UTF-8.

use super::{Fields, Step, To};
use crate::datum::Datum;

/// Items that are made room for before they are read: a block may claim far more than it has.
const MOST_AHEAD: usize = 1024;

/// What was wrong, and where.
#[derive(Debug)]
pub(super) struct Damage {
    what: String,
    at: usize,
    /// Names of fields, innermost first.
    path: Vec<String>,
}

impl Damage {
    /// Field and byte.
    pub(super) fn place(&self) -> String {
        let path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        if path.is_empty() {
            return format!("byte {}", self.at);
        }
        format!("field {}, byte {}", path.join("."), self.at)
    }

    /// Why it can't be read.
    pub(super) fn what(&self) -> String {
        self.what.clone()
    }
}

/// Bytes of a datum.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Read<T> = Result<T, Damage>;

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Read<()> {
        match self.left() {
            0 => Ok(()),
            left => Err(self.damage(format!("{left} bytes are left behind the last field"))),
        }
    }

    /// How many bytes the value of a step has.
    pub(super) fn measure(mut self, step: &'a Step) -> Read<usize> {
        self.skip(step)?;
        Ok(self.at)
    }

    /// The value of a step.
    pub(super) fn datum(&mut self, step: &'a Step) -> Read<Datum<'a>> {
        Ok(match step {
            Step::Boolean => match self.take(1)?[0] {
                0 => Datum::Boolean(false),
                1 => Datum::Boolean(true),
                other => return Err(self.damage(format!("{other} is no boolean"))),
            },
            Step::Int(to) => {
                let number = self.int()?;
                match to {
                    To::Int => Datum::Int(number),
                    To::Long => Datum::Long(i64::from(number)),
                    To::Float => Datum::Float(number as f32),
                    To::Double => Datum::Double(f64::from(number)),
                }
            }
            Step::Long(to) => {
                let number = self.long()?;
                match to {
                    To::Int | To::Long => Datum::Long(number),
                    To::Float => Datum::Float(number as f32),
                    To::Double => Datum::Double(number as f64),
                }
            }
            Step::Float(to) => {
                let number = f32::from_le_bytes(self.array()?);
                match to {
                    To::Double => Datum::Double(f64::from(number)),
                    _ => Datum::Float(number),
                }
            }
            Step::Double => Datum::Double(f64::from_le_bytes(self.array()?)),
            Step::Bytes => Datum::Bytes(self.sized()?),
            Step::Text => Datum::Text(self.text()?),
            Step::Fixed(size) => Datum::Bytes(self.take(*size)?),
            Step::Enum(symbols) => {
                let number = self.int()?;
                match usize::try_from(number).ok().and_then(|number| symbols.get(number)) {
                    Some(Some(symbol)) => Datum::Enum(symbol),
                    Some(None) => return Err(self.damage(format!("the reader has no symbol for number {number}"))),
                    None => return Err(self.damage(format!("{number} is no symbol"))),
                }
            }
            Step::Array(items) => {
                let mut out = Vec::new();
                while let Some(count) = self.block()? {
                    out.reserve(count.min(MOST_AHEAD));
                    for _ in 0..count {
                        out.push(self.datum(items)?);
                    }
                }
                Datum::Array(out)
            }
            Step::Map(values) => {
                let mut out = Vec::new();
                while let Some(count) = self.block()? {
                    for _ in 0..count {
                        out.push((self.text()?, self.datum(values)?));
                    }
                }
                Datum::Map(out)
            }
            Step::Record(fields) => self.record(fields)?,
            Step::Union(null, taken, inner) => {
                if !self.is_null(*null)? {
                    return self.datum(inner);
                }
                if !*taken {
                    return Err(self.damage("null was written, and the reader's type has no null".to_owned()));
                }
                Datum::Null
            }
        })
    }

    fn record(&mut self, fields: &'a Fields) -> Read<Datum<'a>> {
        let mut out = vec![Datum::Null; fields.width];
        for member in &fields.steps {
            let read = match member.place {
                Some(place) => self.datum(&member.step).map(|value| out[place] = value),
                None => self.skip(&member.step),
            };
            read.map_err(|mut damage| {
                damage.path.push(member.name.clone());
                damage
            })?;
        }
        for (place, bytes, step) in &fields.defaults {
            out[*place] = Input::new(bytes).datum(step)?;
        }
        Ok(Datum::Record(out))
    }

    /// Passes over a value that nobody asked for.
    fn skip(&mut self, step: &'a Step) -> Read<()> {
        match step {
            Step::Boolean => self.take(1).map(drop),
            Step::Int(_) | Step::Enum(_) => self.int().map(drop),
            Step::Long(_) => self.long().map(drop),
            Step::Float(_) => self.take(4).map(drop),
            Step::Double => self.take(8).map(drop),
            Step::Bytes | Step::Text => self.sized().map(drop),
            Step::Fixed(size) => self.take(*size).map(drop),
            Step::Array(items) => {
                while let Some(count) = self.block()? {
                    for _ in 0..count {
                        self.skip(items)?;
                    }
                }
                Ok(())
            }
            Step::Map(values) => {
                while let Some(count) = self.block()? {
                    for _ in 0..count {
                        self.sized()?;
                        self.skip(values)?;
                    }
                }
                Ok(())
            }
            Step::Record(fields) => fields.steps.iter().try_for_each(|member| self.skip(&member.step)),
            Step::Union(null, _, inner) => {
                if self.is_null(*null)? {
                    return Ok(());
                }
                self.skip(inner)
            }
        }
    }

    fn is_null(&mut self, null: u8) -> Read<bool> {
        match self.long()? {
            branch @ (0 | 1) => Ok(branch == i64::from(null)),
            other => Err(self.damage(format!("{other} is no branch of a union of two"))),
        }
    }

    /// Items of the next block; `None` behind the last one.
    fn block(&mut self) -> Read<Option<usize>> {
        let mut count = self.long()?;
        if count == 0 {
            return Ok(None);
        }
        if count < 0 {
            // A negative count has the block's bytes behind it.
            let size = self.long()?;
            if usize::try_from(size).is_ok_and(|size| size > self.left()) || size < 0 {
                return Err(self.damage(format!("a block of {size} bytes, and {} are left", self.left())));
            }
            count = count.checked_neg().unwrap_or(i64::MAX);
        }
        match usize::try_from(count) {
            Ok(count) if count <= self.left() => Ok(Some(count)),
            _ => Err(self.damage(format!("{count} items, and {} bytes are left", self.left()))),
        }
    }

    fn text(&mut self) -> Read<&'a str> {
        let bytes = self.sized()?;
        std::str::from_utf8(bytes).map_err(|error| self.damage(format!("a text that is not UTF-8: {error}")))
    }

    fn sized(&mut self) -> Read<&'a [u8]> {
        let size = self.long()?;
        match usize::try_from(size) {
            Ok(size) => self.take(size),
            Err(_) => Err(self.damage(format!("a length of {size}"))),
        }
    }

    fn int(&mut self) -> Read<i32> {
        let number = self.long()?;
        i32::try_from(number).map_err(|_| self.damage(format!("{number} is no int")))
    }

    fn long(&mut self) -> Read<i64> {
        let mut number = 0u64;
        for (place, byte) in self.bytes[self.at..].iter().take(10).enumerate() {
            // Nine times seven bits leave one for the tenth byte.
            if place == 9 && *byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7F) << (7 * place);
            if byte & 0x80 == 0 {
                self.at += place + 1;
                return Ok((number >> 1) as i64 ^ -((number & 1) as i64));
            }
        }
        let what = if self.left() < 10 { "it ends within a number" } else { "a number of more than 64 bits" };
        Err(self.damage(what.to_owned()))
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn take(&mut self, size: usize) -> Read<&'a [u8]> {
        let left = &self.bytes[self.at..];
        let Some(taken) = left.get(..size) else {
            return Err(self.damage(format!("{size} bytes are to come, and {} are left", left.len())));
        };
        self.at += size;
        Ok(taken)
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn damage(&self, what: String) -> Damage {
        Damage { what, at: self.at, path: Vec::new() }
    }
}
