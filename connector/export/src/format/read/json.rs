//! A line of JSON along a schema, as Avro bytes: what `format/jsonl.rs` writes, read back.
//!
//! Invariants: fields stand in the schema's order and all of them do, as they are written; digits are read exactly;
//! recursion is as deep as the schema, which is bounded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::texts;
use crate::encode;
use crate::schema::{Kind, Logical, Record, Shape};

/// A text that is read.
pub(super) struct Input<'a> {
    text: &'a str,
    at: usize,
}

type Read<T> = Result<T, String>;

impl<'a> Input<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// That nothing is left.
    pub(super) fn end(&mut self) -> Read<()> {
        self.spaces();
        if self.at == self.text.len() { Ok(()) } else { Err(self.wrong("the end of the line")) }
    }

    /// An object of all fields.
    pub(super) fn record(&mut self, record: &Record, out: &mut Vec<u8>) -> Read<()> {
        self.expect(b'{')?;
        for (place, field) in record.fields.iter().enumerate() {
            if place > 0 {
                self.expect(b',')?;
            }
            let name = self.string()?;
            if name != field.name {
                return Err(format!("field `{}` is expected, and `{}` stands there", field.name, shown(&name)));
            }
            self.expect(b':')?;
            self.value(&field.shape, out).map_err(|what| format!("{}: {what}", field.name))?;
        }
        self.expect(b'}')
    }

    fn value(&mut self, shape: &Shape, out: &mut Vec<u8>) -> Read<()> {
        let is_null = self.word("null");
        if is_null && !shape.nullable() {
            return Err("null, and the type has none".to_owned());
        }
        if encode::branch(shape, is_null, out) {
            return Ok(());
        }
        match &shape.kind {
            Kind::Boolean => {
                let truth = self.word("true");
                if !truth && !self.word("false") {
                    return Err(self.wrong("a boolean"));
                }
                out.push(u8::from(truth));
            }
            Kind::Int => {
                let number = self.whole(shape.logical)?;
                let number = i32::try_from(number).map_err(|_| format!("{number} is no int"))?;
                encode::long(i64::from(number), out);
            }
            Kind::Long => {
                let number = self.whole(shape.logical)?;
                encode::long(number, out);
            }
            Kind::Float => {
                let number = match self.not_finite()? {
                    Some(number) => number as f32,
                    None => self.number()?.parse::<f32>().map_err(|error| error.to_string())?,
                };
                out.extend_from_slice(&number.to_le_bytes());
            }
            Kind::Double => {
                let number = match self.not_finite()? {
                    Some(number) => number,
                    None => self.number()?.parse::<f64>().map_err(|error| error.to_string())?,
                };
                out.extend_from_slice(&number.to_le_bytes());
            }
            Kind::Text => encode::bytes(self.string()?.as_bytes(), out),
            Kind::Enum(known) => {
                let symbol = self.string()?;
                let place = known.symbols.iter().position(|each| *each == symbol);
                let place = place.ok_or_else(|| format!("`{}` is no symbol", shown(&symbol)))?;
                encode::long(place as i64, out);
            }
            Kind::Bytes | Kind::Fixed(_) => {
                let text = self.string()?;
                let bytes = match shape.logical {
                    Some(Logical::Decimal { scale, .. }) => texts::decimal(&text, scale)?,
                    _ => STANDARD.decode(text.as_bytes()).map_err(|error| format!("no Base64: {error}"))?,
                };
                texts::sized(&bytes, shape, out)?;
            }
            Kind::Array(items) => self.items(b'[', b']', out, |input, out| input.value(items, out))?,
            Kind::Map(values) => self.items(b'{', b'}', out, |input, out| {
                encode::bytes(input.string()?.as_bytes(), out);
                input.expect(b':')?;
                input.value(values, out)
            })?,
            Kind::Record(record) => self.record(record, out)?,
        }
        Ok(())
    }

    /// What stands between two brackets, with commas between; the block's number of items comes before them.
    fn items(
        &mut self,
        open: u8,
        close: u8,
        out: &mut Vec<u8>,
        mut item: impl FnMut(&mut Self, &mut Vec<u8>) -> Read<()>,
    ) -> Read<()> {
        self.expect(open)?;
        let (mut count, mut body) = (0, Vec::new());
        if self.peek() == Some(close) {
            self.at += 1;
        } else {
            loop {
                item(self, &mut body)?;
                count += 1;
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(found) if found == close => break self.at += 1,
                    _ => return Err(self.wrong("a comma or the end of a list")),
                }
            }
        }
        encode::start(count, out);
        out.extend_from_slice(&body);
        out.push(0);
        Ok(())
    }

    fn whole(&mut self, logical: Option<Logical>) -> Read<i64> {
        if self.peek() == Some(b'"') {
            let text = self.string()?;
            return logical
                .and_then(|logical| texts::instant(&text, logical))
                .ok_or_else(|| format!("`{}` is no value of its type", shown(&text)));
        }
        let number = self.number()?;
        number.parse().map_err(|error| format!("{}: {error}", shown(number)))
    }

    fn not_finite(&mut self) -> Read<Option<f64>> {
        if self.peek() != Some(b'"') {
            return Ok(None);
        }
        match self.string()?.as_str() {
            "NaN" => Ok(Some(f64::NAN)),
            "Infinity" => Ok(Some(f64::INFINITY)),
            "-Infinity" => Ok(Some(f64::NEG_INFINITY)),
            other => Err(format!("`{}` is no number", shown(other))),
        }
    }

    fn number(&mut self) -> Read<&'a str> {
        self.spaces();
        let rest = &self.text[self.at..];
        let end = rest.bytes().position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        let number = &rest[..end.unwrap_or(rest.len())];
        if !number.bytes().any(|byte| byte.is_ascii_digit()) || number.starts_with('+') {
            return Err(self.wrong("a number"));
        }
        self.at += number.len();
        Ok(number)
    }

    fn string(&mut self) -> Read<String> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let stop = rest.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20);
            let stop = stop.ok_or("a text has no end")?;
            out.push_str(&rest[..stop]);
            self.at += stop + 1;
            match rest.as_bytes()[stop] {
                b'"' => return Ok(out),
                b'\\' => out.push(self.escape()?),
                _ => return Err("a text has a control character".to_owned()),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let kind = self.text.as_bytes().get(self.at).copied();
        self.at += 1;
        Ok(match kind {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let high = self.unit()?;
                let code = match high {
                    0xD800..=0xDBFF => {
                        if self.text.get(self.at..self.at + 2) != Some("\\u") {
                            return Err("half a character".to_owned());
                        }
                        self.at += 2;
                        let low = self.unit()?;
                        let low = low.checked_sub(0xDC00).filter(|low| *low < 0x400).ok_or("half a character")?;
                        0x10000 + ((high - 0xD800) << 10) + low
                    }
                    other => other,
                };
                char::from_u32(code).ok_or("half a character")?
            }
            _ => return Err("an escape that JSON does not have".to_owned()),
        })
    }

    fn unit(&mut self) -> Read<u32> {
        let digits =
            self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let number =
            digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or("an escape without its digits")?;
        self.at += 4;
        Ok(number)
    }

    fn word(&mut self, word: &str) -> bool {
        self.spaces();
        let is_there = self.text[self.at..].starts_with(word);
        self.at += if is_there { word.len() } else { 0 };
        is_there
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.wrong(&format!("`{}`", char::from(byte))))
    }

    fn peek(&mut self) -> Option<u8> {
        self.spaces();
        self.text.as_bytes().get(self.at).copied()
    }

    fn spaces(&mut self) {
        while self.text.as_bytes().get(self.at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn wrong(&self, wanted: &str) -> String {
        format!("byte {} of the line: {wanted} is expected", self.at)
    }
}

/// The beginning of a text, for a message.
fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}
