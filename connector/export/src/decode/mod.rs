//! Records of any writer's schema as rows of one reader's schema, by Avro's rules of resolution.
//!
//! A [`Resolver`] is compiled once for a pair of schemas. Fields are found by the reader's name, then by its aliases; a
//! field that the writer lacks has its default; numbers and texts are promoted as Avro lets them be. Names of records are not
//! compared, since the field says which of them is meant. Invariants: every length is held against the bytes that are
//! there before anything is made of it; no bytes panic; a value that the reader's type can't hold is an error, never
//! another value.

mod compile;
mod default;
mod read;

use moorline_pipeline::error::Problem;

use crate::datum::Datum;
use crate::schema::Schema;

/// A compiled pair of schemas.
#[derive(Debug)]
pub struct Resolver {
    root: Step,
}

/// How a value is read.
#[derive(Debug)]
enum Step {
    Boolean,
    Int(To),
    Long(To),
    Float(To),
    Double,
    /// Bytes, or text, from a length and so many bytes.
    Bytes,
    Text,
    Fixed(usize),
    /// The reader's symbols by the writer's numbers; `None` where the reader has none for it.
    Enum(Vec<Option<String>>),
    Array(Box<Step>),
    Map(Box<Step>),
    Record(Box<Fields>),
    /// A union of null, at this place, and one type; whether the reader takes null.
    Union(u8, bool, Box<Step>),
}

/// What a number becomes.
#[derive(Clone, Copy, Debug)]
enum To {
    Int,
    Long,
    Float,
    Double,
}

/// A record's fields, as the writer has them.
#[derive(Debug)]
struct Fields {
    steps: Vec<Member>,
    /// Number of the reader's fields.
    width: usize,
    /// Fields that the writer lacks: place, the default's bytes, how they are read.
    defaults: Vec<(usize, Vec<u8>, Step)>,
}

/// A field of the writer.
#[derive(Debug)]
struct Member {
    name: String,
    /// Its place in the reader's record; `None` where it has none.
    place: Option<usize>,
    step: Step,
}

impl Resolver {
    /// Compiles a pair.
    ///
    /// # Errors
    /// MOOR-6101, which names the field and the rule that leaves no way from the writer's type to the reader's.
    pub fn new(writer: &Schema, reader: &Schema) -> Result<Self, Problem> {
        compile::record(writer.record(), reader.record(), "").map(|root| Self { root })
    }

    /// How many bytes the row has with which these begin, and which others may follow.
    ///
    /// # Errors
    /// MOOR-6102, as in [`Resolver::read`]; that a text is UTF-8 is looked at there.
    pub fn measure(&self, bytes: &[u8]) -> Result<usize, Problem> {
        read::Input::new(bytes).measure(&self.root).map_err(misfit)
    }

    /// A datum without Confluent's frame as a row: a [`Datum::Record`] of all the reader's fields in its order.
    ///
    /// # Errors
    /// MOOR-6102, with the field and the byte: the bytes are not the writer's, or the reader can't hold a value.
    pub fn read<'a>(&'a self, bytes: &'a [u8]) -> Result<Datum<'a>, Problem> {
        let mut input = read::Input::new(bytes);
        let row = input.datum(&self.root).and_then(|row| input.end().map(|()| row));
        row.map_err(misfit)
    }
}

fn misfit(damage: read::Damage) -> Problem {
    Problem::new(
        "MOOR-6102",
        "a record does not fit its schema",
        damage.place(),
        damage.what(),
        "a reader's schema must take every value that was written: let the field be null, or name an older schema\n\
         if the writer's own schema can't read it either, the bytes were changed, or the registry gives this id to \
         another schema",
    )
}
