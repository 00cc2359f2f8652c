//! Golden files: what each row of the type table and each kind of key is as a contract, as schemas and as bytes.
//!
//! A case is inferred from its sample and compared three times: the type with what spec/types.md says, the bytes as
//! another library decodes them with what the case says, and everything with its golden file. `UPDATE_GOLDEN=1` writes
//! the files anew, until the first release; from then on a file only gets cases, and none is changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use apache_avro::types::Value;
use bson::RawDocumentBuf;
use moorline_pipeline::contract::model::{Contract, Output};
use moorline_pipeline::contract::plan::{Plan, UnknownFields};
use moorline_pipeline::contract::{derive, file};
use serde_json::{Value as Json, json};

use crate::oracle::unframed;
use crate::stage::{self, KEY_ID, VALUE_ID, encode, encode_id, output};

/// The cases of one golden file.
pub(crate) struct Golden {
    name: &'static str,
    text: String,
}

impl Golden {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, text: String::new() }
    }

    /// Adds a case: its contract, its schemas, each document with its bytes. Gives the decoded values.
    pub(crate) fn case(&mut self, title: &str, contract: &Contract, documents: &[Json]) -> Vec<Json> {
        let documents: Vec<_> = documents.iter().map(|json| (json.clone(), stage::document(json.clone()))).collect();
        self.case_of(title, contract, &output(), &documents)
    }

    /// The same for another output, and for documents that Extended JSON can't say: each stands beside its description.
    pub(crate) fn case_of(
        &mut self,
        title: &str,
        contract: &Contract,
        output: &Output,
        documents: &[(Json, RawDocumentBuf)],
    ) -> Vec<Json> {
        let plan = Plan::compile(contract, output, KEY_ID, VALUE_ID, UnknownFields::Report);
        let contract_json: Json = serde_json::from_str(&file::write(contract)).expect("JSON");
        let (key_schema, value_schema) = (derive::key_schema(contract, output), derive::value_schema(contract, output));
        let separator = if self.text.is_empty() { "" } else { ",\n" };
        write!(
            self.text,
            "{separator}  {{\"case\": {},\n    \"contract\": {contract_json},\n    \"key_schema\": {key_schema},\n    \
             \"value_schema\": {value_schema},\n    \"records\": [",
            json!(title)
        )
        .expect("a String takes all");
        let mut decoded = Vec::new();
        for (place, (json, document)) in documents.iter().enumerate() {
            let id = document.get("_id").expect("well formed").expect("an _id");
            let key = encode_id(&plan, id).unwrap_or_else(|misfit| panic!("{title}: {misfit:?}"));
            let (value, _) = encode(&plan, document).unwrap_or_else(|misfit| panic!("{title}: {misfit:?}"));
            let key_datum = readable(&unframed(&key_schema, KEY_ID, &key));
            let value_datum = readable(&unframed(&value_schema, VALUE_ID, &value));
            assert_eq!(key_datum["_id"], value_datum["_id"], "{title}: the value's _id is the key's datum");
            write!(
                self.text,
                "{}\n      {{\"document\": {json},\n        \"decoded\": {},\n        \"key\": \"{}\",\n        \
                 \"value\": \"{}\"}}",
                if place > 0 { "," } else { "" },
                without_metadata(&value_datum),
                hex::encode(&key),
                hex::encode(&value)
            )
            .expect("a String takes all");
            decoded.push(value_datum);
        }
        self.text.push_str("]}");
        decoded
    }

    /// Compares with the file, or writes it.
    pub(crate) fn finish(self) {
        compare(self.name, &format!("{{\"cases\": [\n{}\n]}}\n", self.text));
    }
}

/// Compares a text with its golden file, or writes the file.
pub(crate) fn compare(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/contracts").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("the folder is ours");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}; see golden.rs"));
    for (place, (golden, now)) in golden.lines().zip(text.lines()).enumerate() {
        assert_eq!(golden, now, "{name}:{}", place + 1);
    }
    assert_eq!(golden.lines().count(), text.lines().count(), "{name}");
}

/// A decoded value as JSON that keeps apart what Avro keeps apart.
pub(crate) fn readable(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Union(_, inner) => readable(inner),
        Value::Boolean(value) => json!(value),
        Value::Long(n) => json!(n),
        Value::Int(n) => json!({"int": n}),
        Value::Float(x) => json!({"float": format!("{x:?}")}),
        Value::Double(x) => json!({"double": format!("{x:?}")}),
        Value::String(text) => json!(text),
        Value::Bytes(bytes) => json!({"bytes": hex::encode(bytes)}),
        Value::TimestampMillis(millis) => json!({"millis": millis}),
        Value::Uuid(uuid) => json!({"uuid": uuid.to_string()}),
        Value::Decimal(decimal) => {
            let bytes = <Vec<u8>>::try_from(decimal).expect("bytes");
            let negative = bytes[0] & 0x80 != 0;
            let n = bytes.iter().fold(if negative { -1_i128 } else { 0 }, |n, byte| n << 8 | i128::from(*byte));
            json!({"unscaled": n.to_string()})
        }
        Value::Array(items) => items.iter().map(readable).collect(),
        Value::Map(entries) => {
            let sorted: BTreeMap<_, _> = entries.iter().map(|(name, value)| (name.clone(), readable(value))).collect();
            json!({"map": sorted})
        }
        Value::Record(members) => {
            Json::Object(members.iter().map(|(name, value)| (name.clone(), readable(value))).collect())
        }
        other => panic!("{other:?} is of no type that a contract has"),
    }
}

fn without_metadata(record: &Json) -> Json {
    let members = record.as_object().expect("a record").iter();
    Json::Object(
        members
            .filter(|(name, _)| !name.starts_with("__"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

/// A row of the table: documents that show it in a field `v`, its type, `bson.type`, and what decodes.
pub(crate) struct Row {
    pub(crate) title: &'static str,
    /// The values of `v`, as Extended JSON.
    pub(crate) values: Vec<Json>,
    /// The field's type beside null.
    pub(crate) ty: Json,
    /// Its `bson.type`, or nothing.
    pub(crate) accepts: &'static str,
    /// What the values decode to, as [`readable`] has it.
    pub(crate) decoded: Vec<Json>,
    /// Rules that a reviewer is told of.
    pub(crate) rules: &'static [&'static str],
}

/// Holds rows against the code and adds them to a golden file.
pub(crate) fn rows(golden: &mut Golden, rows: Vec<Row>) {
    for row in rows {
        let title = row.title;
        let documents: Vec<Json> = row.values.iter().zip(1..).map(|(value, n)| json!({"_id": n, "v": value})).collect();
        let sample: Vec<RawDocumentBuf> = documents.iter().cloned().map(stage::document).collect();
        let inferred = stage::infer_all(&sample);
        let field = stage::top(&inferred.contract, "v").unwrap_or_else(|| panic!("{title}: undecided"));
        assert_eq!(field.accepts.join("|"), row.accepts, "{title}");
        assert_eq!(stage::registered_field(&inferred.contract, "v")["type"], json!(["null", row.ty]), "{title}");
        let notes = &inferred.report.iter().find(|path| path.path == "v").expect("reported").notes;
        for rule in row.rules {
            assert!(notes.iter().any(|note| note.rule == *rule), "{title}: no {rule} in {notes:?}");
        }
        let decoded = golden.case(title, &inferred.contract, &documents);
        let values: Vec<&Json> = decoded.iter().map(|record| &record["v"]).collect();
        assert_eq!(values, row.decoded.iter().collect::<Vec<_>>(), "{title}");
    }
}

pub(crate) fn any() -> Json {
    json!({"type": "string", "connect.version": 1, "connect.name": "io.debezium.data.Json"})
}
