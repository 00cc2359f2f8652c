//! JSON lines, a row each.
//!
//! Invariant: each line ends, also the last one; a line is read along the schema, so that it is a row or an error.

use std::io::{BufRead, BufReader, Read};

use super::json::Input;
use super::{MOST_BYTES, RowReader};
use crate::schema::Schema;

/// Reads such a file, not compressed any more.
pub(super) struct Reader {
    input: BufReader<Box<dyn Read>>,
    schema: Schema,
    line: Vec<u8>,
    row: Vec<u8>,
}

impl Reader {
    pub(super) fn new(schema: &Schema, input: Box<dyn Read>) -> Self {
        let input = BufReader::with_capacity(256 << 10, input);
        Self { input, schema: schema.clone(), line: Vec::new(), row: Vec::new() }
    }
}

impl RowReader for Reader {
    fn row(&mut self) -> Result<Option<&[u8]>, String> {
        self.line.clear();
        let mut bounded = (&mut self.input).take(MOST_BYTES as u64);
        let read = bounded.read_until(b'\n', &mut self.line).map_err(|error| error.to_string())?;
        if read == 0 {
            return Ok(None);
        }
        if self.line.pop() != Some(b'\n') {
            return Err("a line has no end".to_owned());
        }
        let text = std::str::from_utf8(&self.line).map_err(|error| format!("a line that is not UTF-8: {error}"))?;
        self.row.clear();
        let mut input = Input::new(text);
        input.record(self.schema.record(), &mut self.row)?;
        input.end()?;
        Ok(Some(&self.row))
    }
}
