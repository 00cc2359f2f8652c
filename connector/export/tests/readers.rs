//! Files read back: the rows that were written, in every format; and of files that were damaged, at every length and with
//! every bit turned over, an error or rows, never a panic and never a room made for what is not there.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use moorline_export::datum::Datum;
use moorline_export::decode::Resolver;
use moorline_export::encode;
use moorline_export::format::FileFormat;
use moorline_export::schema::Schema;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const FORMATS: [FileFormat; 5] = [
    FileFormat::Parquet,
    FileFormat::Avro,
    FileFormat::JsonLines,
    FileFormat::JsonLinesZstd,
    FileFormat::JsonLinesGzip,
];

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn file(format: FileFormat, schema: &Schema, rows: &[Datum<'_>]) -> Vec<u8> {
    let out = Shared::default();
    let mut writer = format.writer(schema, &[], Box::new(out.clone())).unwrap();
    rows.iter().for_each(|row| writer.write(row).unwrap());
    writer.finish().unwrap();
    std::mem::take(&mut *out.0.lock().unwrap())
}

/// In memory where the system has such a place: tens of thousands of small files are written here.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn read(format: FileFormat, schema: &Schema, path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let mut reader = format.reader(schema, path)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.row()? {
        rows.push(row.to_vec());
    }
    Ok(rows)
}

#[test]
fn golden_records_come_back_from_every_format() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipeline/tests/golden/contracts");
    let (scratch, mut looked_at) = (scratch(), 0);
    let path = scratch.path().join("rows");
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let Some(golden) =
            std::fs::read_to_string(&entry).ok().and_then(|text| serde_json::from_str::<Json>(&text).ok())
        else {
            continue;
        };
        let own = [golden.clone()];
        for case in golden["cases"].as_array().map_or(&own[..], Vec::as_slice) {
            let Some(schema) = case.get("value_schema") else { continue };
            let schema = Schema::parse(&schema.to_string()).unwrap();
            let resolver = Resolver::new(&schema, &schema).unwrap();
            let values = case["records"].as_array().into_iter().flatten().filter_map(|record| record["value"].as_str());
            let values: Vec<Vec<u8>> = values.map(|value| hex::decode(value).unwrap()[5..].to_vec()).collect();
            let rows: Vec<Datum<'_>> = values.iter().map(|value| resolver.read(value).unwrap()).collect();
            for format in FORMATS {
                std::fs::write(&path, file(format, &schema, &rows)).unwrap();
                let found = read(format, &schema, &path).unwrap_or_else(|why| panic!("{entry:?} {format:?}: {why}"));
                let found: Vec<Datum<'_>> = found.iter().map(|row| resolver.read(row).unwrap()).collect();
                // NaN is not equal to itself, its text is; JSON has one NaN, and decimals lose bytes that repeat the sign.
                let form = |rows: &[Datum<'_>]| -> Vec<String> {
                    let canonical = moorline_export::canonical::Canonical::new(&schema, "\0");
                    let of = |row: &Datum<'_>| {
                        let mut out = Vec::new();
                        canonical.write(row, &mut out);
                        hex::encode(out)
                    };
                    rows.iter().map(of).collect()
                };
                assert_eq!(form(&found), form(&rows), "{entry:?} {format:?}");
                looked_at += rows.len();
            }
        }
    }
    assert!(looked_at > 400, "{looked_at}");
}

fn small() -> (Schema, Vec<Datum<'static>>) {
    let decimal = json!({"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2});
    let inner = json!({"type": "record", "name": "I", "fields": [{"name": "x", "type": ["null", "double"]}]});
    let schema = json!({"type": "record", "name": "V", "fields": [
        {"name": "_id", "type": "string"}, {"name": "n", "type": ["null", "long"]},
        {"name": "d", "type": ["null", decimal]},
        {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
        {"name": "l", "type": ["null", {"type": "array", "items": ["null", "int"]}]},
        {"name": "m", "type": ["null", {"type": "map", "values": "string"}]}, {"name": "o", "type": ["null", inner]},
        {"name": "b", "type": ["null", "bytes"]}, {"name": "t", "type": ["null", "boolean"]}]});
    let rows = (0..4).map(|number| {
        Datum::Record(vec![
            Datum::Text(["a", "bb", "ccc", "ä"][number]),
            Datum::Long(number as i64 * 1_000_003),
            Datum::Bytes(&[7, 0x80]),
            if number == 1 { Datum::Null } else { Datum::Long(1_760_000_000_123) },
            Datum::Array(vec![Datum::Int(1), Datum::Null]),
            Datum::Map(vec![("k", Datum::Text("v\n\"")), ("l", Datum::Text(""))]),
            Datum::Record(vec![Datum::Double(number as f64 / 3.0)]),
            Datum::Bytes(&[0, 255]),
            Datum::Boolean(number % 2 == 0),
        ])
    });
    (Schema::parse(&schema.to_string()).unwrap(), rows.collect())
}

/// Rows of other bytes are what the digest finds; here it counts that reading ends.
fn harmless(format: FileFormat, schema: &Schema, path: &Path, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    std::fs::write(path, bytes).unwrap();
    read(format, schema, path).ok()
}

#[test]
fn a_file_cut_short_at_any_length_or_with_any_bit_turned_over_is_an_error_or_other_rows() {
    let (schema, rows) = small();
    let scratch = scratch();
    let path = scratch.path().join("rows");
    let mut wanted: Vec<Vec<u8>> = Vec::new();
    for row in &rows {
        let mut out = Vec::new();
        encode::row(row, &schema, &mut out);
        wanted.push(out);
    }
    for format in FORMATS {
        let whole = file(format, &schema, &rows);
        assert_eq!(harmless(format, &schema, &path, &whole).as_ref(), Some(&wanted), "{format:?}");
        for length in 0..whole.len() {
            let found = harmless(format, &schema, &path, &whole[..length]);
            assert!(found.as_ref() != Some(&wanted), "{format:?} is whole with {length} of {} bytes", whole.len());
        }
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut turned = whole.clone();
                turned[place] ^= 1 << bit;
                harmless(format, &schema, &path, &turned);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_that_are_written_over_do_no_harm(
        format in 0..FORMATS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        numbers in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    ) {
        let (schema, rows) = small();
        let scratch = scratch();
        let mut bytes = file(FORMATS[format], &schema, &rows);
        for (place, byte) in &changes {
            let place = place.index(bytes.len());
            bytes[place] = *byte;
        }
        for place in &numbers {
            // The largest of numbers, as lengths are written.
            let place = place.index(bytes.len() - 5);
            bytes[place..place + 5].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF, 0x0F]);
        }
        harmless(FORMATS[format], &schema, &scratch.path().join("rows"), &bytes);
    }
}
