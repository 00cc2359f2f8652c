//! Avro's object container file: a head with the schema, then blocks of rows, each deflated.
//!
//! Invariant: the marker between blocks is made of the head, not of chance, so that the same rows give the same bytes.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use moorline_pipeline::error::Problem;
use sha2::{Digest as _, Sha256};

use super::{RowWriter, unwritable};
use crate::datum::Datum;
use crate::encode;
use crate::schema::Schema;

/// Bytes of a block before they are deflated.
const BLOCK_BYTES: usize = 64 * 1024;
/// What deflating takes away at least, roughly: for the estimate of what is in memory.
const SAVED: usize = 4;

/// Writes such a file.
pub struct Writer {
    out: Box<dyn Write + Send>,
    schema: Schema,
    marker: [u8; 16],
    block: Vec<u8>,
    rows: usize,
    bytes: u64,
}

impl Writer {
    pub(super) fn new(
        schema: &Schema,
        facts: &[(String, String)],
        out: Box<dyn Write + Send>,
    ) -> Result<Self, Problem> {
        let mut head = b"Obj\x01".to_vec();
        let text = schema.json().to_string();
        encode::long(facts.len() as i64 + 2, &mut head);
        let own = [("avro.codec", "deflate"), ("avro.schema", text.as_str())];
        let given = facts.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.into_iter().chain(given) {
            encode::bytes(name.as_bytes(), &mut head);
            encode::bytes(value.as_bytes(), &mut head);
        }
        head.push(0);
        let mut marker = [0; 16];
        marker.copy_from_slice(&Sha256::digest(&head)[..16]);
        head.extend_from_slice(&marker);
        let mut writer = Self { out, schema: schema.clone(), marker, block: Vec::new(), rows: 0, bytes: 0 };
        writer.put(&head)?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes).map_err(|error| unwritable(&error))
    }

    fn end_block(&mut self) -> Result<(), Problem> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut deflated = DeflateEncoder::new(Vec::with_capacity(BLOCK_BYTES / SAVED), Compression::default());
        // Deflating into memory does not fail.
        let deflated = deflated.write_all(&self.block).and_then(|()| deflated.finish());
        let deflated = deflated.map_err(|error| unwritable(&error))?;
        let mut head = Vec::new();
        encode::long(self.rows as i64, &mut head);
        encode::long(deflated.len() as i64, &mut head);
        self.put(&head)?;
        self.put(&deflated)?;
        self.put(&self.marker.clone())?;
        self.block.clear();
        self.rows = 0;
        Ok(())
    }
}

impl RowWriter for Writer {
    fn write(&mut self, row: &Datum<'_>) -> Result<(), Problem> {
        encode::row(row, &self.schema, &mut self.block);
        self.rows += 1;
        if self.block.len() >= BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    fn bytes(&self) -> u64 {
        self.bytes + (self.block.len() / SAVED) as u64
    }

    fn finish(mut self: Box<Self>) -> Result<(), Problem> {
        self.end_block()?;
        self.out.flush().map_err(|error| unwritable(&error))
    }
}
