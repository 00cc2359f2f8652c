//! Files read back: the rows that were written, in every format; and of files that were damaged, at every length and with
//! every bit turned over, an error or rows, never a panic and never a room made for what is not there.

mod written;

use std::path::Path;

use moorline_export::datum::Datum;
use moorline_export::decode::Resolver;
use moorline_export::encode;
use moorline_export::format::FileFormat;
use moorline_export::schema::Schema;
use proptest::prelude::*;
use serde_json::json;
use written::{file, golden};

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
    let (scratch, mut looked_at) = (scratch(), 0);
    let path = scratch.path().join("rows");
    for (case, schema, records) in golden() {
        let resolver = Resolver::new(&schema, &schema).unwrap();
        let rows: Vec<Datum<'_>> = records.iter().map(|record| resolver.read(record).unwrap()).collect();
        for format in FileFormat::ALL {
            std::fs::write(&path, file(format, &schema, &[], &rows)).unwrap();
            let found = read(format, &schema, &path).unwrap_or_else(|why| panic!("{case} {format:?}: {why}"));
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
            assert_eq!(form(&found), form(&rows), "{case} {format:?}");
            looked_at += rows.len();
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
    for format in FileFormat::ALL {
        let whole = file(format, &schema, &[], &rows);
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
        format in 0..FileFormat::ALL.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        numbers in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    ) {
        let (schema, rows) = small();
        let scratch = scratch();
        let mut bytes = file(FileFormat::ALL[format], &schema, &[], &rows);
        for (place, byte) in &changes {
            let place = place.index(bytes.len());
            bytes[place] = *byte;
        }
        for place in &numbers {
            // The largest of numbers, as lengths are written.
            let place = place.index(bytes.len() - 5);
            bytes[place..place + 5].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF, 0x0F]);
        }
        harmless(FileFormat::ALL[format], &schema, &scratch.path().join("rows"), &bytes);
    }
}
