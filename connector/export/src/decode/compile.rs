//! Steps of a pair of types.
//!
//! Invariant: what can be told from the schemas alone is refused here, before a record is read. Only a null that meets a
//! type without null and a symbol without a reader's are left to the records.

use std::sync::Arc;

use moorline_pipeline::error::Problem;

use super::{Fields, Member, Step, To, default};
use crate::schema::{Enum, Kind, Logical, Record, Shape};

/// Steps of a pair of records; `place` is the dotted path to them.
pub(super) fn record(writer: &Record, reader: &Record, place: &str) -> Result<Step, Problem> {
    let mut steps = Vec::with_capacity(writer.fields.len());
    let mut sources: Vec<Option<usize>> = Vec::with_capacity(reader.fields.len());
    for field in &reader.fields {
        let found = std::iter::once(&field.name).chain(&field.aliases);
        let found = found.into_iter().find_map(|name| writer.fields.iter().position(|written| written.name == *name));
        if let (Some(found), true) = (found, found.is_some() && sources.contains(&found)) {
            let name = &writer.fields[found].name;
            return Err(refused(&path(place, &field.name), format!("two of the reader's fields are its `{name}`")));
        }
        sources.push(found);
    }
    for (number, written) in writer.fields.iter().enumerate() {
        let place = path(place, &written.name);
        let target = sources.iter().position(|source| *source == Some(number));
        // What the reader does not have is passed over as it was written.
        let wanted = target.map_or(&written.shape, |target| &reader.fields[target].shape);
        let step = shape(&written.shape, wanted, &place)?;
        steps.push(Member { name: written.name.clone(), place: target, step });
    }
    let mut defaults = Vec::new();
    for (number, field) in reader.fields.iter().enumerate().filter(|(number, _)| sources[*number].is_none()) {
        let place = path(place, &field.name);
        let Some(value) = &field.default else {
            return Err(refused(&place, "records were written without this field, and it has no default"));
        };
        let mut bytes = Vec::new();
        if default::write(value, &field.shape, &mut bytes).is_none() {
            return Err(refused(&place, format!("its default `{value}` is no value of its type")));
        }
        defaults.push((number, bytes, shape(&field.shape, &field.shape, &place)?));
    }
    Ok(Step::Record(Box::new(Fields { steps, width: reader.fields.len(), defaults })))
}

fn shape(writer: &Shape, reader: &Shape, place: &str) -> Result<Step, Problem> {
    meaning(writer, reader, place)?;
    let step = kind(&writer.kind, &reader.kind, place)?;
    Ok(match writer.null {
        Some(null) => Step::Union(null, reader.nullable(), Box::new(step)),
        None => step,
    })
}

/// A number in another unit would be another value; a type without a meaning takes what is there.
fn meaning(writer: &Shape, reader: &Shape, place: &str) -> Result<(), Problem> {
    match (writer.logical, reader.logical) {
        (Some(Logical::Decimal { precision, scale }), Some(Logical::Decimal { precision: wider, scale: same }))
            if scale == same && precision <= wider =>
        {
            Ok(())
        }
        (Some(one), Some(other)) if one != other => {
            Err(refused(place, format!("it was written as {one:?} and is to be read as {other:?}")))
        }
        _ => Ok(()),
    }
}

fn kind(writer: &Kind, reader: &Kind, place: &str) -> Result<Step, Problem> {
    Ok(match (writer, reader) {
        (Kind::Boolean, Kind::Boolean) => Step::Boolean,
        (Kind::Int, Kind::Int) => Step::Int(To::Int),
        (Kind::Int, Kind::Long) => Step::Int(To::Long),
        (Kind::Int, Kind::Float) => Step::Int(To::Float),
        (Kind::Int, Kind::Double) => Step::Int(To::Double),
        (Kind::Long, Kind::Long) => Step::Long(To::Long),
        (Kind::Long, Kind::Float) => Step::Long(To::Float),
        (Kind::Long, Kind::Double) => Step::Long(To::Double),
        (Kind::Float, Kind::Float) => Step::Float(To::Float),
        (Kind::Float, Kind::Double) => Step::Float(To::Double),
        (Kind::Double, Kind::Double) => Step::Double,
        (Kind::Bytes | Kind::Text, Kind::Bytes) => Step::Bytes,
        (Kind::Bytes | Kind::Text, Kind::Text) => Step::Text,
        (Kind::Fixed(size), Kind::Fixed(same)) if size == same => Step::Fixed(*size),
        (Kind::Enum(written), Kind::Enum(wanted)) => Step::Enum(symbols(written, wanted)),
        (Kind::Array(written), Kind::Array(wanted)) => Step::Array(Box::new(inner(written, wanted, place)?)),
        (Kind::Map(written), Kind::Map(wanted)) => Step::Map(Box::new(inner(written, wanted, place)?)),
        (Kind::Record(written), Kind::Record(wanted)) => record(written, wanted, place)?,
        (written, wanted) => {
            let (written, wanted) = (written.name(), wanted.name());
            return Err(refused(place, format!("{written} was written, and nothing makes it the reader's {wanted}")));
        }
    })
}

fn inner(writer: &Arc<Shape>, reader: &Arc<Shape>, place: &str) -> Result<Step, Problem> {
    shape(writer, reader, &path(place, "[]"))
}

fn symbols(writer: &Enum, reader: &Enum) -> Vec<Option<String>> {
    let symbols = writer.symbols.iter();
    let known = |symbol: &String| reader.symbols.contains(symbol).then(|| symbol.clone());
    symbols.map(|symbol| known(symbol).or_else(|| reader.default.clone())).collect()
}

fn path(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

fn refused(place: &str, why: impl Into<String>) -> Problem {
    Problem::new(
        "MOOR-6101",
        "the reader's schema can't take what was written",
        format!("field {place}"),
        why,
        "give the field a type that all its writers' types can become, and a default where some of them lack it\n\
         the schema of the newest records at the cut takes all that were written under a compatible one before",
    )
}
