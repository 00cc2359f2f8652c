//! Documents of the source and records of the topic, both as rows: by names and values, without metadata.
//!
//! A document is encoded by the contract in force, as the connector would, but without metadata around it; a record is
//! read by the schema that wrote it, as a row of that contract. Both are compared by the hash of their canonical form.
//! Invariants: a row holds no metadata; what a record's bytes do not tell is no row,
//! and never taken for an equal one.

use std::collections::HashMap;

use bson::RawDocument;
use bson::raw::RawBsonRef;
use moorline_export::canonical::Canonical;
use moorline_export::datum::Datum;
use moorline_export::decode::Resolver;
use moorline_export::schema::Schema;
use moorline_export::verify::RowHash;
use moorline_pipeline::anchor::CollectionCut;
use moorline_pipeline::avro_text::{AvroText, Decimals, Documents, Style, Times, unframed};
use moorline_pipeline::contract::model::{Contract, Output};
use moorline_pipeline::contract::output::Form;
use moorline_pipeline::contract::output::metadata::Fact;
use moorline_pipeline::contract::plan::{Meta, Plan, Scratch, UnknownFields};
use moorline_pipeline::contract::{derive, extjson, merge};
use moorline_pipeline::error::{Failure, Result};
use moorline_pipeline::model::{Id, Namespace};
use moorline_runtime::contracts::InForce;
use moorline_sink_kafka::SchemaRegistry;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::standing;

/// Values as they are on the wire, so that nothing is lost by being put nicely.
const STYLE: Style = Style { times: Times::Numbers, decimals: Decimals::Text, documents: Documents::Strings };

/// A row.
pub(super) type Row = Map<String, Value>;

/// What makes documents rows.
pub(super) struct DocumentPlan {
    plan: Plan,
    text: AvroText,
    /// Of rows, without metadata.
    schema: Schema,
    own: Resolver,
    form: Canonical,
}

/// What makes records of one schema rows of another.
struct Reading {
    rows: Resolver,
    /// The one field that says of a flat record that its key is gone, where there is such a field.
    deleted: Option<Resolver>,
}

/// The places in a reader's envelope, see [`Schema::envelope`].
const AFTER: usize = 0;
const OP: usize = 1;

/// What makes both sides of a collection rows.
pub(super) struct Plans {
    force: InForce,
    current: DocumentPlan,
    key_schema: String,
    key_text: AvroText,
    key_id: u32,
    texts: HashMap<u32, (String, AvroText)>,
    schemas: HashMap<u32, Schema>,
    /// By the contract in force; none of a schema whose values it can't take.
    readings: HashMap<u32, Reading>,
    deleted: Option<String>,
}

/// A record of the topic.
pub(super) enum Record {
    /// The key is gone.
    Gone,
    /// A state.
    Row(Row),
    /// Bytes that their schema did not write, and why.
    Unreadable(String),
}

impl Plans {
    /// With the schemas that the anchor lists.
    pub(super) async fn new(registry: &SchemaRegistry, force: InForce, cut: &CollectionCut) -> Result<Self> {
        let wrong = |what: String| {
            Failure::halt(standing::uncomparable(
                &cut.namespace,
                &what,
                "name the registry that the topic was written with: schema.registry.url",
            ))
        };
        let known = async |id: i32| {
            let id = u32::try_from(id).unwrap_or_default();
            let text = registry.by_id(id).await?.ok_or_else(|| wrong(format!("the registry has no schema {id}")))?;
            let avro = AvroText::new(&text).map_err(|error| wrong(format!("schema {id}: {error}")))?;
            Ok::<_, Failure>((id, (text, avro)))
        };
        let (key_id, (key_schema, key_text)) = known(cut.key_schema_id).await?;
        let mut texts = HashMap::new();
        for &id in &cut.value_schema_ids {
            let (id, found) = known(id).await?;
            texts.insert(id, found);
        }
        let current = document_plan(&force.contract, &force.output, force.unknown, key_id)
            .ok_or_else(|| wrong("the contract's own schema can't be read".to_owned()))?;
        let of_delete = force.output.columns().iter().find(|column| column.fact == Fact::Deleted);
        let deleted = of_delete.map(|column| format!("{}{}", force.output.metadata_prefix, column.name));
        let mut schemas = HashMap::new();
        for (id, (text, _)) in &texts {
            schemas.insert(*id, Schema::parse(text).map_err(Failure::halt)?);
        }
        let (readings, key) = (HashMap::new(), key_schema);
        let mut plans = Self { force, current, key_schema: key, key_text, key_id, texts, schemas, readings, deleted };
        let read = |id: &u32| Some((*id, plans.reading(*id, &plans.current)?));
        plans.readings = plans.schemas.keys().filter_map(read).collect();
        Ok(plans)
    }

    /// Whether the contract in force takes every record of the export, so that its state has a digest.
    pub(super) fn has_digest(&self) -> bool {
        self.readings.len() == self.schemas.len()
    }

    /// What reads records of a schema as rows of a plan; `None` where their types leave no way.
    fn reading(&self, id: u32, plan: &DocumentPlan) -> Option<Reading> {
        let writer = self.schemas.get(&id)?;
        let rows = match self.force.output.form {
            Form::Envelope => Resolver::new(writer, &plan.schema.envelope()),
            Form::Document(_) => Resolver::new(writer, &plan.schema),
        };
        let deleted = self.deleted.as_ref().and_then(|name| {
            let field = serde_json::json!({"name": name, "type": ["null", "boolean"], "default": null});
            let reader = serde_json::json!({"type": "record", "name": "Deleted", "fields": [field]});
            Resolver::new(writer, &Schema::parse(&reader.to_string()).ok()?).ok()
        });
        Some(Reading { rows: rows.ok()?, deleted })
    }

    /// The plan of the contract in force.
    pub(super) fn current(&self) -> &DocumentPlan {
        &self.current
    }

    /// The plan of the contract that a record was written by, where its schema is one of the export's.
    pub(super) fn of_writer(&self, value: &[u8], namespace: &Namespace) -> Option<DocumentPlan> {
        let (schema, _) = self.texts.get(&unframed(value)?.0)?;
        let output = &self.force.output;
        let mut contract = merge::from_registered(schema, &self.key_schema, namespace, output).ok()?;
        contract.excluded.clone_from(&self.force.contract.excluded);
        document_plan(&contract, output, self.force.unknown, self.key_id)
    }

    /// A key for people.
    pub(super) fn key(&self, key: &[u8]) -> String {
        let datum = unframed(key).map_or(key, |(_, datum)| datum);
        self.key_text.text(datum, Style::HUMAN).unwrap_or_else(|_| String::from_utf8_lossy(key).into_owned())
    }

    /// A record of the topic.
    pub(super) fn record(&self, value: Option<&[u8]>) -> Record {
        let Some(value) = value else { return Record::Gone };
        let Some((id, datum)) = unframed(value) else { return Record::Unreadable("it names no schema".to_owned()) };
        let Some((_, text)) = self.texts.get(&id) else {
            return Record::Unreadable(format!("schema {id} is none of the export's"));
        };
        let read = text.text(datum, STYLE).map_err(|error| error.to_string());
        let mut members = match read.map(|text| serde_json::from_str(&text)) {
            Ok(Ok(Value::Object(members))) => members,
            Ok(_) => return Record::Unreadable("it is no record".to_owned()),
            Err(why) => return Record::Unreadable(why),
        };
        if self.force.output.form == Form::Envelope {
            let gone = members.get("op").is_some_and(|op| op == "d");
            return match (gone, members.shift_remove("after")) {
                (true, _) => Record::Gone,
                (false, Some(Value::Object(after))) => Record::Row(after),
                _ => Record::Unreadable("the envelope has no document".to_owned()),
            };
        }
        if self.deleted.as_ref().and_then(|name| members.get(name)).is_some_and(|deleted| *deleted == Value::Bool(true))
        {
            return Record::Gone;
        }
        let output = &self.force.output;
        for column in output.columns() {
            members.shift_remove(&format!("{}{}", output.metadata_prefix, column.name));
        }
        Record::Row(members)
    }

    /// The hash of a record's row; `None` where the key is gone.
    pub(super) fn record_hash(&self, value: Option<&[u8]>) -> Option<RowHash> {
        let value = value?;
        let reading = unframed(value).and_then(|(id, datum)| Some((self.readings.get(&id)?, datum)));
        match reading.map(|(reading, datum)| self.hashed(reading, datum, &self.current)) {
            Some(Ok(hash)) => hash,
            // No row has this hash, which is over the bytes and a word before them.
            Some(Err(())) | None => Some(Sha256::digest([b"unreadable ", value].concat()).into()),
        }
    }

    /// The same by another plan, such as that of the contract that a record was written by.
    pub(super) fn record_hash_by(&self, value: &[u8], plan: &DocumentPlan) -> Option<RowHash> {
        let (id, datum) = unframed(value)?;
        self.hashed(&self.reading(id, plan)?, datum, plan).ok()?
    }

    fn hashed(&self, reading: &Reading, datum: &[u8], plan: &DocumentPlan) -> Result<Option<RowHash>, ()> {
        if let Some(deleted) = &reading.deleted
            && let Datum::Record(fields) = deleted.read(datum).map_err(drop)?
            && fields.first() == Some(&Datum::Boolean(true))
        {
            return Ok(None);
        }
        let row = reading.rows.read(datum).map_err(drop)?;
        match (&self.force.output.form, &row) {
            (Form::Document(_), row) => Ok(Some(plan.hash_of(row))),
            (Form::Envelope, Datum::Record(fields)) => match (fields.get(AFTER), fields.get(OP)) {
                (_, Some(Datum::Text("d"))) => Ok(None),
                (Some(after @ Datum::Record(_)), _) => Ok(Some(plan.hash_of(after))),
                _ => Err(()),
            },
            _ => Err(()),
        }
    }
}

fn document_plan(contract: &Contract, output: &Output, unknown: UnknownFields, key_id: u32) -> Option<DocumentPlan> {
    let output = Output { form: Form::Document(Vec::new()), ..output.clone() };
    let rows = derive::value_schema(contract, &output);
    let (text, schema) = (AvroText::new(&rows).ok()?, Schema::parse(&rows).ok()?);
    let (own, form) = (Resolver::new(&schema, &schema).ok()?, Canonical::new(&schema, &output.metadata_prefix));
    Some(DocumentPlan { plan: Plan::compile(contract, &output, key_id, 0, unknown), text, schema, own, form })
}

impl DocumentPlan {
    /// The key that a document's record has; the text that quarantine has where the `_id` fits no key.
    pub(super) fn key(&self, id: RawBsonRef<'_>, out: &mut Vec<u8>) {
        out.clear();
        if self.plan.key(id, out).is_err() {
            out.clear();
            out.extend_from_slice(extjson::id_text(&Id::new(id)).as_bytes());
        }
    }

    /// The hash of a document's row; else why it does not fit.
    pub(super) fn hash(
        &self,
        document: &RawDocument,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Result<RowHash, String> {
        let datum = self.datum(document, scratch, out)?;
        let row = self.own.read(datum).map_err(|problem| problem.why)?;
        Ok(self.hash_of(&row))
    }

    fn hash_of(&self, row: &Datum<'_>) -> RowHash {
        let mut form = Vec::with_capacity(512);
        self.form.write(row, &mut form);
        Sha256::digest(&form).into()
    }

    /// A document as a row for people; else why it does not fit.
    pub(super) fn row(&self, document: &RawDocument, scratch: &mut Scratch, out: &mut Vec<u8>) -> Result<Row, String> {
        let datum = self.datum(document, scratch, out)?;
        let text = self.text.text(datum, STYLE).map_err(|error| error.to_string())?;
        match serde_json::from_str(&text) {
            Ok(Value::Object(row)) => Ok(row),
            _ => Err("its text is no record".to_owned()),
        }
    }

    fn datum<'o>(
        &self,
        document: &RawDocument,
        scratch: &mut Scratch,
        out: &'o mut Vec<u8>,
    ) -> Result<&'o [u8], String> {
        let meta = Meta { op: b'r', deleted: false, ts_ms: 0, cluster_time: 0, seq: 0, image_time: 0, snapshot: false };
        out.clear();
        let misfit = |m: moorline_pipeline::contract::model::Misfit| format!("{} {} {}", m.rule, m.name, m.path);
        self.plan.value(document, &meta, scratch, out).map_err(misfit)?;
        Ok(unframed(out).map(|(_, datum)| datum).unwrap_or_default())
    }
}
