//! Avro's object container file, block by block.
//!
//! Invariants: the schema in the head is the one that is expected; a block has as many rows as it says, not a byte more
//! than they have, and the head's marker behind it; nothing stands behind the last block.

use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;

use flate2::read::DeflateDecoder;

use super::{MOST_BYTES, RowReader};
use crate::decode::Resolver;
use crate::schema::Schema;

/// Names and texts of a head.
const MOST_FACTS: usize = 1024;
/// Python's writers of such files leave zlib's checksum behind a block, or a part of it.
const CHECKSUM: u64 = 4;
/// Bytes of one of them: a schema is the longest.
const MOST_FACT: usize = 16 << 20;

/// Reads such a file.
pub(super) struct Reader {
    input: BufReader<File>,
    own: Resolver,
    deflated: bool,
    marker: [u8; 16],
    block: Vec<u8>,
    /// Where the next row begins.
    at: usize,
    left: usize,
    row: Range<usize>,
}

impl Reader {
    pub(super) fn new(schema: &Schema, file: File) -> Result<Self, String> {
        let mut input = BufReader::with_capacity(256 << 10, file);
        let mut magic = [0; 4];
        input.read_exact(&mut magic).map_err(|_| "it ends within its head".to_owned())?;
        if magic != *b"Obj\x01" {
            return Err("it does not begin as an Avro file does".to_owned());
        }
        let (mut deflated, mut found) = (false, None);
        let mut facts = 0;
        while let Some(count) = block(&mut input)? {
            for _ in 0..count {
                facts += 1;
                if facts > MOST_FACTS {
                    return Err(format!("its head has more than {MOST_FACTS} entries"));
                }
                let name = sized(&mut input)?;
                let value = sized(&mut input)?;
                match name.as_slice() {
                    b"avro.codec" if value == b"deflate" => deflated = true,
                    b"avro.codec" if value == b"null" => deflated = false,
                    b"avro.codec" => return Err("its blocks are compressed in a way that is not read here".to_owned()),
                    b"avro.schema" => found = serde_json::from_slice::<serde_json::Value>(&value).ok(),
                    _ => {}
                }
            }
        }
        let found = found.ok_or("its head has no schema")?;
        let same = Schema::parse(&found.to_string()).is_ok_and(|found| found.is_like(schema));
        if !same {
            return Err("its head has another schema than the manifest".to_owned());
        }
        let mut marker = [0; 16];
        input.read_exact(&mut marker).map_err(|_| "it ends within its head".to_owned())?;
        let own = Resolver::new(schema, schema).map_err(|problem| problem.why)?;
        Ok(Self { input, own, deflated, marker, block: Vec::new(), at: 0, left: 0, row: 0..0 })
    }

    /// Reads the next block; whether there is one.
    fn advance(&mut self) -> Result<bool, String> {
        if self.at != self.block.len() {
            return Err(format!("{} bytes are left behind the last row of a block", self.block.len() - self.at));
        }
        let Some(rows) = long(&mut self.input, true)? else { return Ok(false) };
        let size = long(&mut self.input, false)?.unwrap_or_default();
        let (Ok(rows), Ok(size)) = (usize::try_from(rows), usize::try_from(size)) else {
            return Err(format!("a block of {rows} rows and {size} bytes"));
        };
        if size > MOST_BYTES {
            return Err(format!("a block of {size} bytes: no such block is written"));
        }
        let mut raw = Vec::new();
        let read = (&mut self.input).take(size as u64).read_to_end(&mut raw).map_err(|error| error.to_string())?;
        if read != size {
            return Err(format!("a block of {size} bytes, and {read} are left"));
        }
        self.block.clear();
        if self.deflated {
            let mut inflated = DeflateDecoder::new(raw.as_slice());
            let most = MOST_BYTES as u64;
            let read = (&mut inflated).take(most + 1).read_to_end(&mut self.block);
            read.map_err(|error| format!("a block can't be inflated: {error}"))?;
            if self.block.len() > MOST_BYTES {
                return Err(format!("a block of more than {MOST_BYTES} bytes when inflated: no such block is written"));
            }
            if size as u64 - inflated.total_in() > CHECKSUM {
                return Err("a block ends before its bytes do".to_owned());
            }
        } else {
            self.block = raw;
        }
        if rows == 0 || rows > self.block.len() {
            return Err(format!("a block of {rows} rows has {} bytes", self.block.len()));
        }
        let mut marker = [0; 16];
        let whole = self.input.read_exact(&mut marker).is_ok() && marker == self.marker;
        if !whole {
            return Err("a block does not end with the head's marker".to_owned());
        }
        (self.at, self.left) = (0, rows);
        Ok(true)
    }
}

impl RowReader for Reader {
    fn row(&mut self) -> Result<Option<&[u8]>, String> {
        while self.left == 0 {
            if !self.advance()? {
                return Ok(None);
            }
        }
        let size = self.own.measure(&self.block[self.at..]).map_err(|problem| problem.why)?;
        self.row = self.at..self.at + size;
        self.at += size;
        self.left -= 1;
        Ok(Some(&self.block[self.row.clone()]))
    }
}

/// A whole number; `None` at the end of the file, where it may end here.
fn long(input: &mut impl Read, may_end: bool) -> Result<Option<i64>, String> {
    let mut number = 0u64;
    for place in 0..10 {
        let mut byte = [0];
        match input.read(&mut byte) {
            Ok(1) => {}
            Ok(_) if place == 0 && may_end => return Ok(None),
            Ok(_) => return Err("it ends within a number".to_owned()),
            Err(error) => return Err(error.to_string()),
        }
        if place == 9 && byte[0] > 1 {
            break;
        }
        number |= u64::from(byte[0] & 0x7F) << (7 * place);
        if byte[0] & 0x80 == 0 {
            return Ok(Some((number >> 1) as i64 ^ -((number & 1) as i64)));
        }
    }
    Err("a number of more than 64 bits".to_owned())
}

/// Entries of the head's next block; `None` behind the last one.
fn block(input: &mut impl Read) -> Result<Option<i64>, String> {
    match long(input, false)?.unwrap_or_default() {
        0 => Ok(None),
        count if count < 0 => {
            long(input, false)?;
            Ok(Some(count.checked_neg().unwrap_or(i64::MAX)))
        }
        count => Ok(Some(count)),
    }
}

fn sized(input: &mut impl Read) -> Result<Vec<u8>, String> {
    let size = long(input, false)?.unwrap_or_default();
    let size = usize::try_from(size).ok().filter(|size| *size <= MOST_FACT);
    let size = size.ok_or("its head has an entry of no possible length")?;
    let mut out = Vec::new();
    let read = input.take(size as u64).read_to_end(&mut out).map_err(|error| error.to_string())?;
    if read == size { Ok(out) } else { Err("it ends within its head".to_owned()) }
}
