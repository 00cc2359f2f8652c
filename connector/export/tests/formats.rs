//! Files of rows: the golden records of every type in each format, the same bytes each time, and read back by others.
//!
//! The files stay in the folder of cargo's test files (`formats/CASE.FORMAT`, with `CASE.avsc` beside them), for a person
//! who wants to open them.

mod written;

use std::io::Read as _;
use std::path::PathBuf;

use moorline_export::datum::Datum;
use moorline_export::decode::Resolver;
use moorline_export::format::FileFormat;
use moorline_export::schema::Schema;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value as Json, json};
use written::{Shared, golden};

fn file(format: FileFormat, schema: &Schema, rows: &[Datum<'_>]) -> Vec<u8> {
    written::file(format, schema, &[("moorline.anchor".to_owned(), "k3v9q2".to_owned())], rows)
}

#[test]
fn golden_records_in_every_format_are_read_by_others() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("formats");
    std::fs::create_dir_all(&folder).unwrap();
    for (case, schema, records) in golden() {
        let resolver = Resolver::new(&schema, &schema).unwrap();
        let rows: Vec<Datum<'_>> = records.iter().map(|record| resolver.read(record).unwrap()).collect();
        std::fs::write(folder.join(format!("{case}.avsc")), schema.json().to_string()).unwrap();
        for format in FileFormat::ALL {
            let bytes = file(format, &schema, &rows);
            assert_eq!(bytes, file(format, &schema, &rows), "{case}");
            std::fs::write(folder.join(format!("{case}.{}", format.extension())), &bytes).unwrap();
            let found = match format {
                FileFormat::Parquet => {
                    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
                    let facts = reader.metadata().file_metadata().key_value_metadata().unwrap();
                    assert!(facts.iter().any(|fact| fact.value.as_deref() == Some("k3v9q2")), "{case}");
                    reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum()
                }
                FileFormat::Avro => {
                    let reader = apache_avro::Reader::new(&bytes[..]).unwrap();
                    assert_eq!(reader.user_metadata()["moorline.anchor"], b"k3v9q2");
                    reader.map(Result::unwrap).count()
                }
                FileFormat::JsonLines => lines(&bytes, &case),
                FileFormat::JsonLinesZstd => lines(&zstd::decode_all(&bytes[..]).unwrap(), &case),
                FileFormat::JsonLinesGzip => {
                    let mut plain = Vec::new();
                    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
                    lines(&plain, &case)
                }
            };
            assert_eq!(found, rows.len(), "{case} {format:?}");
        }
    }
}

fn lines(bytes: &[u8], case: &str) -> usize {
    let rows: Result<Vec<Json>, _> = std::str::from_utf8(bytes).unwrap().lines().map(serde_json::from_str).collect();
    rows.unwrap_or_else(|error| panic!("{case} {error}")).len()
}

#[test]
fn what_json_has_no_form_for_is_text_of_one_value() {
    let field = |name: &str, ty: Json| json!({"name": name, "type": ["null", ty]});
    let long = |logical: &str| json!({"type": "long", "logicalType": logical});
    let schema = json!({"type": "record", "name": "V", "fields": [
        field("l", json!("long")), field("f", json!("float")), field("nan", json!("double")),
        field("low", json!("double")), field("zero", json!("double")), field("t", json!("string")),
        field("b", json!("bytes")), field("day", json!({"type": "int", "logicalType": "date"})),
        field("at", long("timestamp-millis")), field("far", long("timestamp-millis")),
        field("clock", long("time-micros")),
        field("d", json!({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2})),
        field("m", json!({"type": "map", "values": "string"}))]});
    let schema = Schema::parse(&schema.to_string()).unwrap();
    let row = Datum::Record(vec![
        Datum::Long(i64::MIN),
        Datum::Float(0.1),
        Datum::Double(f64::NAN),
        Datum::Double(f64::NEG_INFINITY),
        Datum::Double(-0.0),
        Datum::Text("a\"\\\n\u{1}é😀"),
        Datum::Bytes(&[0, 0xFF]),
        Datum::Int(-719_163),
        Datum::Long(1_760_000_000_123),
        Datum::Long(i64::MAX),
        Datum::Long(-1),
        Datum::Bytes(&[0xFF, 0x7F]),
        Datum::Map(vec![("k\t", Datum::Text(""))]),
    ]);
    let expected = concat!(
        r#"{"l":-9223372036854775808,"f":0.1,"nan":"NaN","low":"-Infinity","zero":-0.0,"t":"a\"\\\n\u0001é😀","#,
        r#""b":"AP8=","day":"0000-12-31","at":"2025-10-09T08:53:20.123Z","far":"+292278994-08-17T07:12:55.807Z","#,
        r#""clock":-1,"d":"-1.29","m":{"k\t":""}}"#,
        "\n"
    );
    assert_eq!(String::from_utf8(file(FileFormat::JsonLines, &schema, &[row])).unwrap(), expected);
}

#[test]
fn many_rows_end_batches_and_blocks_and_a_long_decimal_is_refused() {
    let decimal = json!({"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 2});
    let schema = json!({"type": "record", "name": "V", "fields": [{"name": "_id", "type": "long"},
        {"name": "d", "type": decimal}, {"name": "l", "type": {"type": "array", "items": ["null", "string"]}}]});
    let schema = Schema::parse(&schema.to_string()).unwrap();
    let list = || Datum::Array(vec![Datum::Text("some text"), Datum::Null]);
    let rows: Vec<_> = (0..20_000).map(|id| Datum::Record(vec![Datum::Long(id), Datum::Bytes(&[7]), list()])).collect();
    let avro = file(FileFormat::Avro, &schema, &rows);
    let read = apache_avro::Reader::new(&avro[..]).unwrap().map(Result::unwrap).count();
    assert_eq!(read, rows.len());
    let bytes = bytes::Bytes::from(file(FileFormat::Parquet, &schema, &rows));
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let statistics = reader.metadata().row_group(0).column(0).statistics().unwrap().clone();
    assert_eq!(statistics.max_bytes_opt().unwrap(), 19_999i64.to_le_bytes());
    let read: usize = reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(read, rows.len());
    let mut writer = FileFormat::Parquet.writer(&schema, &[], Box::new(Shared::default())).unwrap();
    let row = Datum::Record(vec![Datum::Long(1), Datum::Bytes(&[1; 17]), list()]);
    assert_eq!(writer.write(&row).unwrap_err().code, "MOOR-6103");
}
