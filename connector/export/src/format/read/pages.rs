//! What a Parquet file claims of its lists and pages, held against the bytes that are there, before the crates that
//! read it make room for it: they trust these numbers, and a number that was altered would end the process.
//!
//! Invariants: a list has no more items than bytes follow; a page lies within its column, and its column within the
//! file; a page is at most [`MOST_BYTES`] when decompressed, a dictionary has no more values than bytes.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length};

use super::MOST_BYTES;

/// Levels of structs within structs.
const MOST_LEVELS: u32 = 64;
/// The end of a file: the footer's length, and `PAR1`.
const TAIL: u64 = 8;
/// Bytes of a page's head that are looked at first.
const HEAD_BYTES: usize = 4 << 10;

/// A file, read only within its length.
#[derive(Clone)]
pub(super) struct Measured {
    file: Arc<File>,
    bytes: u64,
}

impl Measured {
    /// A file whose footer may be parsed.
    pub(super) fn new(file: File) -> Result<Self, String> {
        let bytes = file.metadata().map_err(|error| error.to_string())?.len();
        let measured = Self { file: Arc::new(file), bytes };
        let tail = bytes.checked_sub(TAIL).ok_or("it is shorter than the end of a Parquet file")?;
        let found = measured.at(tail, TAIL as usize).map_err(|error| error.to_string())?;
        let [a, b, c, d, b'P', b'A', b'R', b'1'] = found[..] else {
            return Err("it does not end as a Parquet file does".to_owned());
        };
        let footer = u64::from(u32::from_le_bytes([a, b, c, d]));
        let start = tail.checked_sub(footer).filter(|_| footer <= MOST_BYTES as u64);
        let start = start.ok_or_else(|| format!("a footer of {footer} bytes, and {tail} are there"))?;
        let footer = measured.at(start, footer as usize).map_err(|error| error.to_string())?;
        Thrift { bytes: &footer, at: 0 }
            .structure(0, &mut |_, _| ())
            .map_err(|_| "its footer is damaged".to_owned())?;
        Ok(measured)
    }

    /// Looks at every page.
    pub(super) fn check(&self, metadata: &ParquetMetaData) -> Result<(), String> {
        for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
            let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
            let start = u64::try_from(start.min(column.data_page_offset())).ok();
            let size = u64::try_from(column.compressed_size()).ok();
            let end = start.zip(size).and_then(|(start, size)| start.checked_add(size));
            match start.zip(end).filter(|(_, end)| *end <= self.bytes) {
                Some((start, end)) => {
                    self.pages(start, end).map_err(|what| format!("{}: {what}", column.column_path()))?
                }
                None => return Err(format!("{}: a column outside of the file", column.column_path())),
            }
        }
        Ok(())
    }

    fn pages(&self, mut at: u64, end: u64) -> Result<(), String> {
        let mut head = HEAD_BYTES;
        while at < end {
            let left = usize::try_from(end - at).unwrap_or(usize::MAX);
            let bytes = self.at(at, left.min(head)).map_err(|error| error.to_string())?;
            let mut thrift = Thrift { bytes: &bytes, at: 0 };
            let (mut raw, mut packed, mut values) = (-1, -1, 0);
            let read = thrift.structure(0, &mut |path, number| match path {
                [2] => raw = number,
                [3] => packed = number,
                [7, 1] => values = number,
                _ => {}
            });
            match read {
                Ok(()) => {}
                Err(()) if head < left && head < MOST_BYTES => {
                    head = head.saturating_mul(16);
                    continue;
                }
                Err(()) => return Err("the head of a page is damaged".to_owned()),
            }
            let room = (left - thrift.at) as i64;
            if !(0..=room).contains(&packed) || !(0..=MOST_BYTES as i64).contains(&raw) || !(0..=raw).contains(&values)
            {
                return Err(format!("a page of {packed} bytes, {raw} when decompressed: no such page is written"));
            }
            at += thrift.at as u64 + packed as u64;
            head = HEAD_BYTES;
        }
        Ok(())
    }

    fn at(&self, start: u64, size: usize) -> io::Result<Vec<u8>> {
        if start.checked_add(size as u64).is_none_or(|end| end > self.bytes) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends before that"));
        }
        let mut out = vec![0; size];
        self.file.read_exact_at(&mut out, start)?;
        Ok(out)
    }
}

impl Length for Measured {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Measured {
    type T = Chunk;

    fn get_read(&self, start: u64) -> Result<Chunk, ParquetError> {
        Ok(Chunk { file: self.clone(), at: start })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        Ok(self.at(start, length)?.into())
    }
}

/// What follows a place of the file.
pub(super) struct Chunk {
    file: Measured,
    at: u64,
}

impl Read for Chunk {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.file.read_at(out, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Thrift's compact form, walked without making anything of it.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    /// A struct; tells each whole number within it, with the numbers of the fields that lead there.
    fn structure(&mut self, level: u32, tell: &mut dyn FnMut(&[i64], i64)) -> Result<(), ()> {
        self.fields(level, &mut Vec::new(), tell)
    }

    fn fields(&mut self, level: u32, path: &mut Vec<i64>, tell: &mut dyn FnMut(&[i64], i64)) -> Result<(), ()> {
        if level > MOST_LEVELS {
            return Err(());
        }
        let mut field = 0i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            field = match head >> 4 {
                0 => self.number()?,
                step => field.checked_add(i64::from(step)).ok_or(())?,
            };
            path.push(field);
            // A boolean field has its value in its type.
            if !matches!(head & 0x0F, 1 | 2) {
                self.value(head & 0x0F, level, path, tell)?;
            }
            path.pop();
        }
    }

    fn value(
        &mut self,
        kind: u8,
        level: u32,
        path: &mut Vec<i64>,
        tell: &mut dyn FnMut(&[i64], i64),
    ) -> Result<(), ()> {
        match kind {
            1..=3 => self.skip(1),
            4..=6 => {
                let number = self.number()?;
                tell(path, number);
                Ok(())
            }
            7 => self.skip(8),
            8 => {
                let size = self.unsigned()?;
                self.skip(usize::try_from(size).map_err(drop)?)
            }
            9 | 10 => {
                let head = self.byte()?;
                let size = if head >> 4 == 15 { self.unsigned()? } else { u64::from(head >> 4) };
                if size > (self.bytes.len() - self.at) as u64 {
                    return Err(());
                }
                (0..size).try_for_each(|_| self.value(head & 0x0F, level + 1, path, tell))
            }
            12 => self.fields(level + 1, path, tell),
            // Parquet has no maps.
            _ => Err(()),
        }
    }

    fn number(&mut self) -> Result<i64, ()> {
        let number = self.unsigned()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn unsigned(&mut self) -> Result<u64, ()> {
        let mut number = 0u64;
        for place in 0..10 {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F).checked_shl(7 * place).unwrap_or_default();
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(())
    }

    fn byte(&mut self) -> Result<u8, ()> {
        let byte = self.bytes.get(self.at).copied().ok_or(())?;
        self.at += 1;
        Ok(byte)
    }

    fn skip(&mut self, size: usize) -> Result<(), ()> {
        let end = self.at.checked_add(size).filter(|end| *end <= self.bytes.len()).ok_or(())?;
        self.at = end;
        Ok(())
    }
}
