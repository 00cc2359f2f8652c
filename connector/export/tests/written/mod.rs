//! What tests of files share: the golden records of every type, and files that are written in memory.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use moorline_export::datum::Datum;
use moorline_export::format::FileFormat;
use moorline_export::schema::Schema;
use serde_json::Value as Json;

/// Bytes that a writer, which owns its end, has written.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A file of rows.
pub(crate) fn file(format: FileFormat, schema: &Schema, facts: &[(String, String)], rows: &[Datum<'_>]) -> Vec<u8> {
    let out = Shared::default();
    let mut writer = format.writer(schema, facts, Box::new(out.clone())).unwrap();
    rows.iter().for_each(|row| writer.write(row).unwrap());
    writer.finish().unwrap();
    std::mem::take(&mut *out.0.lock().unwrap())
}

/// Every golden case with its value schema and records.
pub(crate) fn golden() -> Vec<(String, Schema, Vec<Vec<u8>>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipeline/tests/golden/contracts");
    let mut out = Vec::new();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
        let golden: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let own = [golden.clone()];
        for (number, case) in golden["cases"].as_array().map_or(&own[..], Vec::as_slice).iter().enumerate() {
            let Some(schema) = case.get("value_schema") else { continue };
            let values = case["records"].as_array().into_iter().flatten().filter_map(|record| record["value"].as_str());
            let rows = values.map(|value| hex::decode(value).unwrap()[5..].to_vec()).collect();
            out.push((format!("{stem}-{number}"), Schema::parse(&schema.to_string()).unwrap(), rows));
        }
    }
    out
}
