//! The least of MongoDB's wire protocol that starts a replica set: OP_MSG with one document, and back.
//!
//! Invariants: a command is a JSON object whose first key is the command's name (serde_json keeps the
//! order here); of a reply only what such commands answer with is decoded, the rest becomes null.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

const OP_MSG: i32 = 2013;
const HEADER: usize = 16;
/// No answer to such a command is larger.
const LARGEST_REPLY: usize = 1 << 20;

/// Runs a command against one server; an answer that is not ok is an error.
pub(crate) fn command(port: u16, command: &Value, limit: Duration) -> Result<Value> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;

    let document = encode(command.as_object().context("a command is an object")?)?;
    let mut message = Vec::with_capacity(HEADER + 5 + document.len());
    let length = i32::try_from(HEADER + 5 + document.len())?;
    for word in [length, 1, 0, OP_MSG, 0] {
        message.extend(word.to_le_bytes());
    }
    message.push(0);
    message.extend(document);
    stream.write_all(&message)?;

    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_le_bytes(length))?;
    if !(HEADER + 5..=LARGEST_REPLY).contains(&length) {
        bail!("a reply of {length} bytes");
    }
    let mut reply = vec![0; length - 4];
    stream.read_exact(&mut reply)?;
    let reply = decode(&mut &reply[HEADER - 4 + 5..], false)?;
    if reply["ok"].as_f64() == Some(1.0) {
        return Ok(reply);
    }
    bail!("{}: {}", reply["codeName"].as_str().unwrap_or("no code"), reply["errmsg"])
}

fn encode(object: &Map<String, Value>) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    for (key, value) in object {
        let (kind, bytes) = match value {
            Value::String(text) => {
                let length = i32::try_from(text.len() + 1)?;
                (2, [&length.to_le_bytes(), text.as_bytes(), &[0]].concat())
            }
            Value::Object(inner) => (3, encode(inner)?),
            Value::Array(items) => {
                let numbered = items.iter().enumerate().map(|(index, item)| (index.to_string(), item.clone()));
                (4, encode(&numbered.collect())?)
            }
            Value::Bool(value) => (8, vec![u8::from(*value)]),
            Value::Number(number) => {
                let number = number.as_i64().context("only whole numbers")?;
                (16, i32::try_from(number)?.to_le_bytes().to_vec())
            }
            Value::Null => (10, Vec::new()),
        };
        body.push(kind);
        body.extend(key.as_bytes());
        body.push(0);
        body.extend(bytes);
    }
    let length = i32::try_from(body.len() + 5)?;
    Ok([&length.to_le_bytes(), body.as_slice(), &[0]].concat())
}

fn decode(bytes: &mut &[u8], array: bool) -> Result<Value> {
    take(bytes, 4)?;
    let mut fields = Map::new();
    loop {
        let kind = take(bytes, 1)?[0];
        if kind == 0 {
            break;
        }
        let end = bytes.iter().position(|byte| *byte == 0).context("a name without an end")?;
        let key = String::from_utf8_lossy(take(bytes, end)?).into_owned();
        take(bytes, 1)?;
        let value = match kind {
            1 => Value::from(f64::from_le_bytes(take(bytes, 8)?.try_into()?)),
            2 => {
                let length = length(bytes)?;
                let text = take(bytes, length)?;
                Value::from(String::from_utf8_lossy(&text[..length.saturating_sub(1)]).into_owned())
            }
            3 => decode(bytes, false)?,
            4 => decode(bytes, true)?,
            5 => {
                let length = length(bytes)?;
                take(bytes, length + 1).map(|_| Value::Null)?
            }
            7 => take(bytes, 12).map(|_| Value::Null)?,
            8 => Value::from(take(bytes, 1)?[0] != 0),
            10 => Value::Null,
            16 => Value::from(i32::from_le_bytes(take(bytes, 4)?.try_into()?)),
            9 | 17 | 18 => Value::from(i64::from_le_bytes(take(bytes, 8)?.try_into()?)),
            other => bail!("a field of type {other}, which no such command answers with"),
        };
        fields.insert(key, value);
    }
    Ok(if array { fields.into_iter().map(|(_, value)| value).collect() } else { Value::Object(fields) })
}

fn length(bytes: &mut &[u8]) -> Result<usize> {
    Ok(usize::try_from(i32::from_le_bytes(take(bytes, 4)?.try_into()?))?)
}

fn take<'reply>(bytes: &mut &'reply [u8], count: usize) -> Result<&'reply [u8]> {
    let (taken, rest) = bytes.split_at_checked(count).context("a reply that ends too early")?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let command = json!({"hello": 1, "$db": "admin", "list": [true, null, {"deep": "ä"}], "last": -7});
        let bytes = encode(command.as_object().expect("an object")).expect("encodes");
        assert_eq!(decode(&mut bytes.as_slice(), false).expect("decodes"), command);
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let bytes = encode(json!({"hello": "world"}).as_object().expect("an object")).expect("encodes");
        assert_eq!(bytes, b"\x16\x00\x00\x00\x02hello\x00\x06\x00\x00\x00world\x00\x00");
    }

    #[test]
    fn a_cut_reply_is_an_error() {
        let bytes = encode(json!({"hello": "world"}).as_object().expect("an object")).expect("encodes");
        for end in 0..bytes.len() {
            assert!(decode(&mut &bytes[..end], false).is_err(), "cut at {end}");
        }
    }
}
