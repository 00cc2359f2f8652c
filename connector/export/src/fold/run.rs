//! A sorted run on disk: entries one after the other, each with its lengths before it.
//!
//! Invariants: a run is read by the process that wrote it and by nobody else, so that its form is no promise; a full
//! disk is an error that says how much was there and where.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use moorline_pipeline::error::Problem;

use super::Last;

/// Bytes that a run is written and read by.
const BUFFER: usize = 64 << 10;
/// Length that stands for a tombstone.
const NONE: u32 = u32::MAX;

/// Writes a run.
pub(super) struct Writer {
    out: BufWriter<File>,
    path: PathBuf,
    bytes: u64,
}

impl Writer {
    pub(super) fn create(path: &Path) -> Result<Self, Problem> {
        let file = File::create_new(path).map_err(|error| failed(path, &error))?;
        Ok(Self { out: BufWriter::with_capacity(BUFFER, file), path: path.to_owned(), bytes: 0 })
    }

    pub(super) fn write(&mut self, entry: &Last) -> Result<(), Problem> {
        let value = entry.value.as_deref();
        let length = value.map_or(NONE, |value| value.len() as u32);
        let mut parts = || {
            self.out.write_all(&(entry.key.len() as u32).to_le_bytes())?;
            self.out.write_all(&length.to_le_bytes())?;
            self.out.write_all(&entry.partition.to_le_bytes())?;
            self.out.write_all(&entry.offset.to_le_bytes())?;
            self.out.write_all(&entry.key)?;
            self.out.write_all(value.unwrap_or_default())
        };
        parts().map_err(|error| failed(&self.path, &error))?;
        self.bytes += (20 + entry.key.len() + value.map_or(0, <[u8]>::len)) as u64;
        Ok(())
    }

    /// The bytes that were written.
    pub(super) fn finish(mut self) -> Result<u64, Problem> {
        self.out.flush().map_err(|error| failed(&self.path, &error))?;
        Ok(self.bytes)
    }
}

/// Reads a run.
pub(super) struct Reader {
    input: BufReader<File>,
    path: PathBuf,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let file = File::open(path).map_err(|error| failed(path, &error))?;
        Ok(Self { input: BufReader::with_capacity(BUFFER, file), path: path.to_owned() })
    }

    /// The next entry; `None` at the end.
    pub(super) fn read(&mut self) -> Result<Option<Last>, Problem> {
        self.entry().map_err(|error| failed(&self.path, &error))
    }

    fn entry(&mut self) -> io::Result<Option<Last>> {
        let mut head = [0; 20];
        match self.input.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let four = |at: usize| [head[at], head[at + 1], head[at + 2], head[at + 3]];
        let (key, value) = (u32::from_le_bytes(four(0)), u32::from_le_bytes(four(4)));
        let offset = i64::from(u32::from_le_bytes(four(12))) | i64::from(i32::from_le_bytes(four(16))) << 32;
        Ok(Some(Last {
            key: self.bytes(key)?,
            value: (value != NONE).then(|| self.bytes(value)).transpose()?,
            partition: i32::from_le_bytes(four(8)),
            offset,
        }))
    }

    fn bytes(&mut self, length: u32) -> io::Result<Box<[u8]>> {
        let mut bytes = vec![0; length as usize].into_boxed_slice();
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// What a disk has refused.
pub(crate) fn failed(path: &Path, error: &io::Error) -> Problem {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    Problem::new(
        "MOOR-6127",
        if full { "the disk is full" } else { "a file can't be written or read" },
        path.display().to_string(),
        error.to_string(),
        "make room, or name a folder on a larger disk: --work-dir for what is sorted, --out for the export\n\
         --dry-run says how much is needed; nothing is called done, and --resume goes on",
    )
}
