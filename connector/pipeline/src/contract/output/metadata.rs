//! Facts about a change that a flat value carries in fields, and any record in headers: `add.fields`, `add.headers`.
//!
//! A fact is asked for by the name that Debezium's users write: bare (`op`, `db`), within its block (`source.db`,
//! `transaction.id`), and with another name behind a colon (`op:operation`). Invariant: a column's name is made of what
//! was asked for alone, so that the same configuration gives the same schema.

use serde_json::{Value as Json, json};

/// One field of metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name without the prefix.
    pub name: String,
    /// What it says.
    pub fact: Fact,
}

/// What can be said of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the table below says what each is called and its type, docs/configuration.md the rest"
)]
pub enum Fact {
    Op,
    Deleted,
    TsMs,
    ClusterTime,
    Seq,
    ImageTime,
    Snapshot,
    Version,
    Connector,
    Name,
    SnapshotWord,
    Db,
    Collection,
    Ord,
    Sequence,
    TsUs,
    TsNs,
    Lsid,
    TxnNumber,
    WallTime,
    Coalesced,
    TransactionId,
    TotalOrder,
    DataCollectionOrder,
}

/// Name, fact, Avro type; the first seven are the usual ones, in their order.
const FACTS: [(&str, Fact, &str); 24] = [
    ("op", Fact::Op, "string"),
    ("deleted", Fact::Deleted, "boolean"),
    ("ts_ms", Fact::TsMs, "long"),
    ("cluster_time", Fact::ClusterTime, "long"),
    ("seq", Fact::Seq, "int"),
    ("image_time", Fact::ImageTime, "long"),
    ("snapshot", Fact::Snapshot, "boolean"),
    ("ts_us", Fact::TsUs, "long"),
    ("ts_ns", Fact::TsNs, "long"),
    ("version", Fact::Version, "string"),
    ("connector", Fact::Connector, "string"),
    ("name", Fact::Name, "string"),
    ("db", Fact::Db, "string"),
    ("collection", Fact::Collection, "string"),
    ("table", Fact::Collection, "string"),
    ("ord", Fact::Ord, "int"),
    ("sequence", Fact::Sequence, "string"),
    ("lsid", Fact::Lsid, "string"),
    ("txnNumber", Fact::TxnNumber, "long"),
    ("wallTime", Fact::WallTime, "long"),
    ("coalesced", Fact::Coalesced, "int"),
    ("id", Fact::TransactionId, "string"),
    ("total_order", Fact::TotalOrder, "long"),
    ("data_collection_order", Fact::DataCollectionOrder, "long"),
];

/// Facts that stand outside of the block `source`.
const OUTSIDE: [Fact; 2] = [Fact::Op, Fact::Deleted];
/// Facts of the block `transaction`.
const TRANSACTION: [Fact; 3] = [Fact::TransactionId, Fact::TotalOrder, Fact::DataCollectionOrder];

/// The fields that values have where nothing else is asked for.
pub fn usual() -> Vec<Column> {
    FACTS[..7].iter().map(|(name, fact, _)| Column { name: (*name).to_owned(), fact: *fact }).collect()
}

impl Column {
    /// Of a name as `add.fields` and `add.headers` have it; `None` where it is the name of nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let (asked, other) = text.split_once(':').map_or((text, None), |(asked, other)| (asked, Some(other)));
        let (block, name) = asked.split_once('.').map_or((None, asked), |(block, name)| (Some(block), name));
        let (_, mut fact, _) = *FACTS.iter().find(|(known, _, _)| *known == name)?;
        match block {
            None => {}
            Some("source") if OUTSIDE.contains(&fact) || TRANSACTION.contains(&fact) => return None,
            // Within the block it is Debezium's word, not our flag.
            Some("source") if fact == Fact::Snapshot => fact = Fact::SnapshotWord,
            Some("source") => {}
            Some("transaction") if TRANSACTION.contains(&fact) => {}
            Some(_) => return None,
        }
        let name = match (other, block) {
            (Some(other), _) => other.to_owned(),
            (None, Some(block)) => format!("{block}_{name}"),
            (None, None) => name.to_owned(),
        };
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        (!name.is_empty() && name.chars().all(letters)).then_some(Self { name, fact })
    }
}

impl Fact {
    /// Its type in Avro.
    pub(crate) fn ty(self) -> Json {
        let found = FACTS.iter().find(|(_, fact, _)| *fact == self);
        json!(found.map_or("string", |(_, _, ty)| ty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_debeziums_transform_makes() {
        for (asked, name, fact) in [
            ("op", "op", Fact::Op),
            ("source.ts_ms", "source_ts_ms", Fact::TsMs),
            ("db", "db", Fact::Db),
            ("source.collection:table", "table", Fact::Collection),
            ("transaction.id", "transaction_id", Fact::TransactionId),
            ("total_order", "total_order", Fact::TotalOrder),
            ("snapshot", "snapshot", Fact::Snapshot),
            ("source.snapshot", "source_snapshot", Fact::SnapshotWord),
        ] {
            assert_eq!(Column::parse(asked), Some(Column { name: name.into(), fact }), "{asked}");
        }
        for asked in ["", "rs", "source.op", "transaction.db", "op:", "op:a b", "after.x"] {
            assert_eq!(Column::parse(asked), None, "{asked}");
        }
    }

    #[test]
    fn the_usual_fields_are_the_first_of_the_table() {
        let names: Vec<String> = usual().into_iter().map(|column| column.name).collect();
        assert_eq!(names, crate::contract::names::METADATA);
    }
}
