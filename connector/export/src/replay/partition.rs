//! `--partition-by`: the folders of a row, named as Hive names them: `status=open`, `placed_at_day=2026-11-23`.
//!
//! Rows stay whole in their files: a folder's name only says what all rows in it share. A value gives `field=value`, a
//! part of an instant `field_part=…`, a name that no field has, so that no reader takes the day for the instant.
//! Invariants: the same value gives the same folder; null and the empty text give Hive's default; a name has no character
//! that a path gives another meaning; what can't be a folder is refused before anything is written.

use std::fmt::Write as _;
use std::str::FromStr;

use moorline_pipeline::error::Problem;

use crate::datum::Datum;
use crate::format::instants;
use crate::schema::{Kind, Logical, Schema};

/// Hive's name for null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";
/// Bytes of a name that file systems take.
const MOST_BYTES: usize = 255;
const SECONDS_A_DAY: i64 = 86_400;

/// What of a field's value names the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Value,
    Year,
    Month,
    Day,
    Hour,
}

/// What is asked for: `field`, or `field:day`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionBy {
    field: String,
    by: By,
}

impl FromStr for PartitionBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (field, part) = text.split_once(':').map_or((text, None), |(field, part)| (field, Some(part)));
        let by = match part {
            None => By::Value,
            Some("year") => By::Year,
            Some("month") => By::Month,
            Some("day") => By::Day,
            Some("hour") => By::Hour,
            Some(other) => return Err(format!("`{other}` is no part of an instant: year, month, day or hour")),
        };
        if field.is_empty() { Err("it names no field".to_owned()) } else { Ok(Self { field: field.to_owned(), by }) }
    }
}

impl std::fmt::Display for PartitionBy {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = self.by.part();
        out.write_str(&self.field)?;
        if part.is_empty() { Ok(()) } else { write!(out, ":{part}") }
    }
}

impl By {
    fn part(self) -> &'static str {
        match self {
            Self::Value => "",
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
        }
    }
}

/// How numbers of a field count.
#[derive(Clone, Copy)]
enum Unit {
    /// They stand for themselves.
    Plain,
    Days,
    /// So many in a second.
    OfSecond(i64),
}

/// The folders of rows of a schema.
pub(super) struct Partitions {
    levels: Vec<Level>,
}

struct Level {
    place: usize,
    /// With `=` behind it.
    name: String,
    by: By,
    unit: Unit,
}

impl Partitions {
    /// Looks whether such rows can be parted so.
    pub(super) fn new(asked: &[PartitionBy], schema: &Schema) -> Result<Self, Problem> {
        let fields = &schema.record().fields;
        let mut levels: Vec<Level> = Vec::new();
        for one in asked {
            let place = schema.position(&one.field);
            let known = || fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ");
            let place =
                place.ok_or_else(|| refused(one, format!("rows of {} have {}", schema.record().name, known())))?;
            let shape = &fields[place].shape;
            let unit = match (&shape.kind, shape.logical) {
                (Kind::Int, Some(Logical::Date)) => Unit::Days,
                (Kind::Long, Some(Logical::TimestampMillis | Logical::LocalTimestampMillis)) => Unit::OfSecond(1_000),
                (Kind::Long, Some(Logical::TimestampMicros | Logical::LocalTimestampMicros)) => {
                    Unit::OfSecond(1_000_000)
                }
                (Kind::Long, Some(Logical::TimestampNanos | Logical::LocalTimestampNanos)) => {
                    Unit::OfSecond(1_000_000_000)
                }
                (Kind::Boolean | Kind::Text | Kind::Enum(_), _) | (Kind::Int | Kind::Long, None) => Unit::Plain,
                (kind, _) => return Err(refused(one, format!("a value of type {} names no folder", kind.name()))),
            };
            match (unit, one.by) {
                (Unit::OfSecond(_), By::Value) => {
                    return Err(refused(one, "nearly every instant would have a folder of its own"));
                }
                (Unit::Plain, By::Year | By::Month | By::Day | By::Hour) | (Unit::Days, By::Hour) => {
                    return Err(refused(one, format!("its values have no {}", one.by.part())));
                }
                _ => {}
            }
            let part = one.by.part();
            let name = if part.is_empty() { one.field.clone() } else { format!("{}_{part}", one.field) };
            if !part.is_empty() && schema.position(&name).is_some() {
                return Err(refused(
                    one,
                    format!("rows have a field `{name}` already, which the folder would be taken for"),
                ));
            }
            let name = format!("{name}=");
            if levels.iter().any(|level| level.name == name) {
                return Err(refused(one, "it is named twice"));
            }
            levels.push(Level { place, name, by: one.by, unit });
        }
        Ok(Self { levels })
    }

    /// Appends a row's folders with `/` between them.
    pub(super) fn path(&self, row: &Datum<'_>, out: &mut String) -> Result<(), Problem> {
        let values: &[Datum<'_>] = if let Datum::Record(values) = row { values } else { &[] };
        for level in &self.levels {
            if !out.is_empty() {
                out.push('/');
            }
            let start = out.len();
            out.push_str(&level.name);
            level.value(values.get(level.place).unwrap_or(&Datum::Null), out);
            if out.len() - start > MOST_BYTES {
                return Err(too_long(&level.name, out.len() - start));
            }
        }
        Ok(())
    }
}

impl Level {
    fn value(&self, value: &Datum<'_>, out: &mut String) {
        let number = match value {
            Datum::Boolean(truth) => return out.push_str(if *truth { "true" } else { "false" }),
            Datum::Text(text) | Datum::Enum(text) if !text.is_empty() => return escape(text, out),
            Datum::Int(number) => i64::from(*number),
            Datum::Long(number) => *number,
            _ => return out.push_str(NULL),
        };
        let (days, hour) = match self.unit {
            Unit::Plain => return out.push_str(&number.to_string()),
            Unit::Days => (number, 0),
            Unit::OfSecond(units) => {
                let seconds = number.div_euclid(units);
                (seconds.div_euclid(SECONDS_A_DAY), seconds.rem_euclid(SECONDS_A_DAY) / 3_600)
            }
        };
        instants::date(days, out);
        match self.by {
            By::Year => out.truncate(out.len() - "-11-23".len()),
            By::Month => out.truncate(out.len() - "-23".len()),
            By::Hour => out.push_str(&format!("-{hour:02}")),
            By::Day | By::Value => {}
        }
    }
}

/// As Hive writes values into names.
fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        if letter.is_ascii_control() || "\"#%'*/:=?\\{[]^".contains(letter) {
            let _ = write!(out, "%{:02X}", letter as u32);
        } else {
            out.push(letter);
        }
    }
}

fn refused(asked: &PartitionBy, why: impl Into<String>) -> Problem {
    Problem::new(
        "MOOR-6136",
        "rows can't be parted into folders in this way",
        format!("--partition-by {asked}"),
        why,
        "name a field of the rows that is text, an enum, a boolean, a whole number or a date\n\
         or a part of a date or timestamp: FIELD:year, FIELD:month, FIELD:day, FIELD:hour",
    )
}

fn too_long(name: &str, bytes: usize) -> Problem {
    Problem::new(
        "MOOR-6137",
        "the values of a field make too long or too many folders",
        format!("--partition-by {}", name.trim_end_matches('=')),
        format!("a value makes a name of {bytes} bytes, and file systems take {MOST_BYTES}"),
        "part by a field with few, short values, or by a coarser part of an instant; nothing is called done",
    )
}

/// More folders than anybody can read.
pub(super) fn too_many(most: usize) -> Problem {
    Problem::new(
        "MOOR-6137",
        "the values of a field make too long or too many folders",
        "--partition-by",
        format!("a collection would have more than {most}, each with a file of its own"),
        "part by a field with few, short values, or by a coarser part of an instant; nothing is called done",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"type": "record", "name": "r", "fields": [
        {"name": "s", "type": ["null", "string"]}, {"name": "n", "type": "long"}, {"name": "x", "type": "double"},
        {"name": "t", "type": {"type": "long", "logicalType": "timestamp-millis"}}, {"name": "x_day", "type": "int"},
        {"name": "d", "type": {"type": "int", "logicalType": "date"}}, {"name": "d_month", "type": "int"}]}"#;

    fn made(asked: &[&str]) -> Result<Partitions, &'static str> {
        let asked: Vec<PartitionBy> = asked.iter().map(|text| text.parse().unwrap()).collect();
        assert!(asked.iter().all(|one| one.to_string().parse::<PartitionBy>().unwrap() == *one));
        Partitions::new(&asked, &Schema::parse(SCHEMA).unwrap()).map_err(|problem| problem.code)
    }

    fn path(asked: &[&str], text: Option<&str>, millis: i64) -> String {
        let text = text.map_or(Datum::Null, Datum::Text);
        let row = vec![text, Datum::Long(-7), Datum::Double(0.0), Datum::Long(millis), Datum::Int(0), Datum::Int(-1)];
        let mut out = String::new();
        made(asked).unwrap().path(&Datum::Record(row), &mut out).unwrap();
        out
    }

    #[test]
    fn folders_are_named_as_hive_names_them() {
        assert_eq!(path(&["s"], Some("a b/c=%\u{1}ü.."), 0), "s=a b%2Fc%3D%25%01ü..");
        assert_eq!(path(&["s", "n"], None, 0), "s=__HIVE_DEFAULT_PARTITION__/n=-7");
        assert_eq!(path(&["s"], Some(""), 0), "s=__HIVE_DEFAULT_PARTITION__");
        let at = 1_795_435_199_999;
        assert_eq!(path(&["t:hour"], None, at), "t_hour=2026-11-23-11");
        assert_eq!(path(&["t:day", "t:month"], None, at), "t_day=2026-11-23/t_month=2026-11");
        assert_eq!(path(&["t:year", "d", "d:year"], None, -1), "t_year=1969/d=1969-12-31/d_year=1969");
        let far = path(&["t:month"], None, i64::MAX);
        assert!(far.starts_with("t_month=+292278") && far.len() == "t_month=+292278994-08".len(), "{far}");
    }

    #[test]
    fn what_is_no_folder_is_refused() {
        for asked in ["gone", "x", "t", "n:day", "d:hour", "d:month", "s:year"] {
            assert_eq!(made(&[asked]).err(), Some("MOOR-6136"), "{asked}");
        }
        assert_eq!(made(&["s", "s"]).err(), Some("MOOR-6136"));
        assert!("t:week".parse::<PartitionBy>().is_err() && ":day".parse::<PartitionBy>().is_err());
        let row = vec![Datum::Text("long")];
        let long = "l".repeat(260);
        assert!(made(&["s"]).unwrap().path(&Datum::Record(row), &mut String::new()).is_ok());
        let row = Datum::Record(vec![Datum::Text(&long)]);
        assert_eq!(made(&["s"]).unwrap().path(&row, &mut String::new()).unwrap_err().code, "MOOR-6137");
    }
}
