//! A file in the making: its bytes are counted and hashed on their way to disk, so that it is never read again for that.
//!
//! Invariant: what a disk has refused is kept as it was said, whatever the file's format makes of it.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use moorline_pipeline::error::Problem;
use sha2::{Digest as _, Sha256};

use crate::fold::failed;

/// Bytes that are written to disk at a time.
const BUFFER: usize = 256 << 10;

/// A file that is being written, as the one who will publish it knows it.
pub(crate) struct Staged {
    path: PathBuf,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    hash: Sha256,
    bytes: u64,
    refused: Option<io::Error>,
}

struct Hashing {
    file: File,
    seen: Arc<Mutex<Seen>>,
}

impl Staged {
    /// A new file, and what its bytes are written to.
    pub(crate) fn create(path: PathBuf) -> Result<(Self, Box<dyn Write + Send>), Problem> {
        let file = File::create(&path).map_err(|error| failed(&path, &error))?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let hashing = Hashing { file, seen: Arc::clone(&seen) };
        Ok((Self { path, seen }, Box::new(BufWriter::with_capacity(BUFFER, hashing))))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its bytes and their hex SHA-256, once everything was written.
    pub(crate) fn facts(&self) -> (u64, String) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.bytes, hex::encode(seen.hash.clone().finalize()))
    }

    /// What has gone wrong, in the disk's words where it was the disk.
    pub(crate) fn refused(&self, problem: Problem) -> Problem {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.refused.as_ref().map_or(problem, |error| failed(&self.path, error))
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &written {
            Ok(count) => {
                seen.hash.update(&bytes[..*count]);
                seen.bytes += *count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let same = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
                seen.refused = Some(same);
            }
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Size and SHA-256 of a file that somebody may have changed.
pub(crate) fn hashed(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; BUFFER]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((bytes, hex::encode(hash.finalize()))),
            count => {
                hash.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (staged, mut out) = Staged::create(folder.path().join("rows")).unwrap();
        for n in 0..5000u32 {
            out.write_all(&vec![n as u8; n as usize % 300]).unwrap();
        }
        out.flush().unwrap();
        assert_eq!(staged.facts(), hashed(staged.path()).unwrap());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_called_so() {
        let (staged, mut out) = Staged::create("/dev/full".into()).unwrap();
        let error = out.write_all(b"x").and_then(|()| out.flush()).unwrap_err();
        let problem = staged.refused(Problem::new("MOOR-6104", "", "", error.to_string(), ""));
        assert_eq!((problem.code, problem.what.as_str()), ("MOOR-6127", "the disk is full"));
    }
}
