//! An object store as the place of an export: `s3://`, `gs://` and `az://`.
//!
//! * [`address`]: URLs and clients. * [`refusal`]: answers as errors.
//!
//! Files are made on local disk and sent whole: small ones in one request, others in parts that are put together at the
//! end, so that no name is there before its bytes are. Each object carries its SHA-256 as metadata, by which a run that
//! goes on, also on another machine, knows it again. Invariants: what is sent waits in memory for [`PARTS_AT_ONCE`] parts
//! at most; every request is repeated for a limited time; the same bytes and names as in a folder.

mod address;
mod refusal;

use std::fs;
use std::future::Future;
use std::io::Read;
use std::path::{Path as LocalPath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::TryStreamExt;
use moorline_export::destination::{Destination, STAGING, checked};
use moorline_export::manifest::File;
use moorline_pipeline::error::Problem;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, GetOptions, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions,
    WriteMultipart,
};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::runtime::Handle;

use self::address::{Address, Patience};

/// Bytes of a part, and of what is sent in one request; stores take no smaller parts than 5 MiB.
const PART: usize = 8 << 20;
/// Parts that are on their way together.
const PARTS_AT_ONCE: usize = 4;
/// Parts that a store takes for one object.
const MOST_PARTS: u64 = 9_000;
/// Name of the metadata with a file's hash.
const SHA256: &str = "sha256";

/// A place in an object store.
pub(crate) struct Store {
    address: Address,
    /// For the first words.
    first: Arc<dyn ObjectStore>,
    client: Arc<dyn ObjectStore>,
    staging: TempDir,
    /// Whether objects were there before: then each is looked at before it is sent again.
    looks: AtomicBool,
    runtime: Handle,
}

impl Store {
    /// The place that a URL names; `None` where the text is none, but a folder's name. Nothing is sent yet.
    pub(crate) fn open(text: &str, work_dir: Option<&LocalPath>, runtime: &Handle) -> Result<Option<Self>, Problem> {
        let Some(address) = Address::parse(text) else { return Ok(None) };
        let address = address?;
        crate::wiring::install_cryptography();
        let folder = work_dir.map_or_else(std::env::temp_dir, LocalPath::to_owned);
        let staging = tempfile::Builder::new().prefix(".moorline-replay-").tempdir_in(&folder);
        let staging = staging.map_err(|error| unusable(&folder, &error))?;
        let (first, client) = (address.client(Patience::Little)?, address.client(Patience::Much)?);
        Ok(Some(Self { address, first, client, staging, looks: AtomicBool::new(false), runtime: runtime.clone() }))
    }

    fn path(&self, name: &str) -> Result<Path, Problem> {
        checked(name, &self.address.shown)?;
        let prefix = self.address.prefix.as_ref();
        let whole = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        Path::parse(&whole).map_err(|error| refusal::of(&error.into(), &self.shown(name)))
    }

    fn shown(&self, name: &str) -> String {
        format!("{}/{name}", self.address.shown).trim_end_matches('/').to_owned()
    }

    fn ask<T>(&self, name: &str, request: impl Future<Output = object_store::Result<T>>) -> Result<T, Problem> {
        self.runtime.block_on(request).map_err(|error| refusal::of(&error, &self.shown(name)))
    }

    /// The same; `None` where the object is not there.
    fn found<T>(
        &self,
        name: &str,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<Option<T>, Problem> {
        match self.runtime.block_on(request) {
            Err(Error::NotFound { source, .. }) if !source.to_string().contains("NoSuchBucket") => Ok(None),
            done => done.map(Some).map_err(|error| refusal::of(&error, &self.shown(name))),
        }
    }

    fn send(&self, staged: &LocalPath, path: &Path, file: &File) -> Result<(), Problem> {
        let unreadable = |error: std::io::Error| unusable(staged, &error);
        let attributes = labelled(file.sha256.clone());
        if file.bytes <= PART as u64 {
            let bytes = fs::read(staged).map_err(unreadable)?;
            let options = PutOptions { attributes, ..PutOptions::default() };
            return self.ask(&file.name, self.client.put_opts(path, bytes.into(), options)).map(drop);
        }
        let mut input = fs::File::open(staged).map_err(unreadable)?;
        let part = PART.max(usize::try_from(file.bytes / MOST_PARTS + 1).unwrap_or(usize::MAX));
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let upload = self.ask(&file.name, self.client.put_multipart_opts(path, options))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, part);
        let mut left = file.bytes;
        while left > 0 {
            let mut bytes = vec![0; part.min(usize::try_from(left).unwrap_or(usize::MAX))];
            left -= bytes.len() as u64;
            let read = input.read_exact(&mut bytes).map_err(unreadable);
            let sent = read.and_then(|()| {
                self.ask(&file.name, async {
                    upload.wait_for_capacity(PARTS_AT_ONCE - 1).await?;
                    upload.put(Bytes::from(bytes));
                    Ok(())
                })
            });
            if let Err(problem) = sent {
                // Parts that lie there cost money; the error that is told is the first one.
                let _ = self.runtime.block_on(upload.abort());
                return Err(problem);
            }
        }
        self.ask(&file.name, upload.finish()).map(drop)
    }
}

fn unusable(path: &LocalPath, error: &std::io::Error) -> Problem {
    Problem::new(
        "MOOR-6127",
        "a file can't be written or read",
        path.display().to_string(),
        error.to_string(),
        "files are made on local disk before they are sent: name a folder for them by --work-dir",
    )
}

fn labelled(sha256: String) -> Attributes {
    Attributes::from_iter([(Attribute::Metadata(SHA256.into()), sha256)])
}

impl Destination for Store {
    fn place(&self) -> String {
        self.address.shown.clone()
    }

    fn is_empty(&self) -> Result<bool, Problem> {
        let prefix = &self.address.prefix;
        let mut listed = self.first.list(Some(prefix));
        let first = self.ask("", async {
            while let Some(found) = listed.try_next().await? {
                // An object under the prefix itself is what consoles call a folder.
                if found.location != *prefix {
                    return Ok(true);
                }
            }
            Ok(false)
        })?;
        self.looks.fetch_or(first, Ordering::Relaxed);
        Ok(!first)
    }

    fn prepare(&self) -> Result<(), Problem> {
        Ok(())
    }

    fn staging(&self) -> PathBuf {
        self.staging.path().to_owned()
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, Problem> {
        let path = self.path(folder)?;
        let listed = self.client.list(Some(&path)).map_ok(|found| found.location.to_string());
        let all: Vec<String> = self.ask(folder, listed.try_collect())?;
        let prefix = self.address.prefix.as_ref();
        let relative = all.iter().filter_map(|name| name.strip_prefix(prefix));
        let mut names: Vec<String> = relative.map(|name| name.trim_start_matches('/').to_owned()).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Problem> {
        let path = self.path(name)?;
        let bytes = self.found(name, async { self.first.get(&path).await?.bytes().await })?;
        self.looks.fetch_or(bytes.is_some(), Ordering::Relaxed);
        Ok(bytes.map(Vec::from))
    }

    fn facts(&self, name: &str) -> Result<Option<(u64, String)>, Problem> {
        let path = self.path(name)?;
        let head = GetOptions { head: true, ..GetOptions::default() };
        let Some(head) = self.found(name, self.client.get_opts(&path, head))? else { return Ok(None) };
        if let Some(known) = head.attributes.get(&Attribute::Metadata(SHA256.into())) {
            return Ok(Some((head.meta.size, known.to_string())));
        }
        // Copied here by other means than ours: it is read.
        self.found(name, async {
            let mut stream = self.client.get(&path).await?.into_stream();
            let (mut hash, mut bytes) = (Sha256::new(), 0);
            while let Some(chunk) = stream.try_next().await? {
                hash.update(&chunk);
                bytes += chunk.len() as u64;
            }
            Ok((bytes, format!("{:x}", hash.finalize())))
        })
    }

    fn publish(&self, staged: &LocalPath, file: &File) -> Result<(), Problem> {
        let path = self.path(&file.name)?;
        let looks = self.looks.load(Ordering::Relaxed);
        if !looks || self.facts(&file.name)? != Some((file.bytes, file.sha256.clone())) {
            self.send(staged, &path, file)?;
        }
        // What is left is removed with its folder.
        let _ = fs::remove_file(staged);
        Ok(())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Problem> {
        let path = self.path(name)?;
        let attributes = labelled(format!("{:x}", Sha256::digest(bytes)));
        let options = PutOptions { attributes, ..PutOptions::default() };
        self.ask(name, self.client.put_opts(&path, bytes.to_vec().into(), options)).map(drop)
    }

    fn remove(&self, name: &str) -> Result<(), Problem> {
        let path = self.path(name)?;
        self.found(name, self.client.delete(&path)).map(drop)
    }

    fn tidy(&self) -> Result<(), Problem> {
        self.names(STAGING)?.iter().try_for_each(|name| self.remove(name))
    }
}
