//! A schema's JSON to shapes.
//!
//! Invariants: a name is known only behind its definition, and never within it; every size that a text claims is held
//! against what a table can be before anything is made of it.

use std::collections::HashMap;
use std::sync::Arc;

use moorline_pipeline::error::Problem;
use serde_json::{Map, Value as Json};

use super::{Enum, Field, Kind, Logical, MOST_LEVELS, MOST_SHAPES, Record, Schema, Shape};

/// What Avro itself says of a type or of a field; all else are properties.
const OWN: [&str; 15] = [
    "type",
    "name",
    "namespace",
    "aliases",
    "doc",
    "fields",
    "items",
    "values",
    "symbols",
    "size",
    "default",
    "order",
    "logicalType",
    "precision",
    "scale",
];
/// A decimal of more digits has no column anywhere.
const MOST_DIGITS: u64 = 1_000;
/// A fixed value of more bytes is no record of a topic.
const MOST_FIXED: u64 = 1 << 26;

pub(super) fn schema(text: &str) -> Result<Schema, Problem> {
    // serde_json stops at 128 levels, which bounds the recursion here.
    let json: Json = serde_json::from_str(text).map_err(|error| refused("schema", format!("no JSON: {error}")))?;
    let (shape, _) = Reading { named: HashMap::new() }.shape(&json, "", "schema")?;
    match shape {
        Shape { null: None, kind: Kind::Record(record), .. } => Ok(Schema { record, json: Arc::new(json) }),
        other => Err(refused("schema", format!("the root is {}, not a record", other.kind.name()))),
    }
}

/// The first definition of a named type within a schema, with its namespace, and with every type that it names written
/// out where it stands first.
pub(super) fn definition(json: &Json, full: &str) -> Option<Json> {
    let mut types = HashMap::new();
    collect(json, "", &mut types);
    let mut written = Vec::new();
    types.contains_key(full).then(|| write_out(&Json::String(full.to_owned()), "", &types, &mut written))
}

fn collect(json: &Json, namespace: &str, types: &mut HashMap<String, (Json, String)>) {
    match json {
        Json::Array(branches) => branches.iter().for_each(|branch| collect(branch, namespace, types)),
        Json::Object(members) => {
            let mut inner = namespace.to_owned();
            if matches!(members.get("type").and_then(Json::as_str), Some("record" | "error" | "enum" | "fixed")) {
                let Some((full, own)) = full_name(members, namespace) else { return };
                inner = own;
                types.insert(full, (json.clone(), inner.clone()));
            }
            for key in ["items", "values", "type"] {
                members.get(key).into_iter().for_each(|under| collect(under, &inner, types));
            }
            let fields = members.get("fields").and_then(Json::as_array).into_iter().flatten();
            fields.filter_map(|field| field.get("type")).for_each(|under| collect(under, &inner, types));
        }
        _ => {}
    }
}

fn write_out(json: &Json, namespace: &str, types: &HashMap<String, (Json, String)>, written: &mut Vec<String>) -> Json {
    match json {
        Json::String(name) => {
            let full = qualified(name, namespace);
            let Some((definition, inner)) = types.get(&full) else { return json.clone() };
            if written.contains(&full) {
                return Json::String(full);
            }
            let mut definition = definition.clone();
            definition["namespace"] = Json::String(inner.clone());
            definition["name"] = Json::String(full.rsplit('.').next().unwrap_or_default().to_owned());
            write_out(&definition, namespace, types, written)
        }
        Json::Array(branches) => branches.iter().map(|branch| write_out(branch, namespace, types, written)).collect(),
        Json::Object(members) => {
            let mut inner = namespace.to_owned();
            let kind = members.get("type").and_then(Json::as_str).unwrap_or_default();
            if matches!(kind, "record" | "error" | "enum" | "fixed") {
                let Some((full, own)) = full_name(members, namespace) else { return json.clone() };
                inner = own;
                if written.contains(&full) {
                    return Json::String(full);
                }
                written.push(full);
            }
            let mut out = members.clone();
            for key in ["items", "values", "type"] {
                if let Some(under) = out.get_mut(key) {
                    // What stands under `type` as a text of a definition is its kind, never a name.
                    if key != "type" || !under.is_string() {
                        *under = write_out(under, &inner, types, written);
                    }
                }
            }
            for field in out.get_mut("fields").and_then(Json::as_array_mut).into_iter().flatten() {
                if let Some(under) = field.get_mut("type") {
                    *under = write_out(under, &inner, types, written);
                }
            }
            Json::Object(out)
        }
        other => other.clone(),
    }
}

/// Shapes and levels of a type written out whole.
#[derive(Clone, Copy)]
struct Extent {
    shapes: usize,
    levels: usize,
}

impl Extent {
    const ONE: Self = Self { shapes: 1, levels: 1 };

    fn around(self, other: Self, place: &str) -> Result<Self, Problem> {
        let shapes = self.shapes.saturating_add(other.shapes);
        let levels = self.levels.max(other.levels + 1);
        if shapes > MOST_SHAPES || levels > MOST_LEVELS {
            return Err(refused(place, format!("more than {MOST_SHAPES} types or {MOST_LEVELS} levels")));
        }
        Ok(Self { shapes, levels })
    }
}

struct Reading {
    /// By full name; `None` while the definition is being read.
    named: HashMap<String, Option<(Kind, Option<Logical>, Extent)>>,
}

impl Reading {
    fn shape(&mut self, json: &Json, namespace: &str, place: &str) -> Result<(Shape, Extent), Problem> {
        match json {
            Json::String(name) => self.simple(name, &Map::new(), namespace, place),
            Json::Array(branches) => {
                let null = branches.iter().position(|branch| branch == "null");
                let (Some(null), 2) = (null, branches.len()) else {
                    return Err(refused(place, "a union of something else than null and one type"));
                };
                let (mut shape, extent) = self.shape(&branches[1 - null], namespace, place)?;
                if shape.nullable() {
                    return Err(refused(place, "a union within a union"));
                }
                shape.null = Some(null as u8);
                Ok((shape, extent))
            }
            Json::Object(members) => match members.get("type") {
                Some(Json::String(name)) => self.complex(name, members, namespace, place),
                Some(inner @ (Json::Object(_) | Json::Array(_))) => self.shape(inner, namespace, place),
                _ => Err(refused(place, "an object without `type`")),
            },
            other => Err(refused(place, format!("`{other}` is no type"))),
        }
    }

    fn complex(
        &mut self,
        kind: &str,
        members: &Map<String, Json>,
        namespace: &str,
        place: &str,
    ) -> Result<(Shape, Extent), Problem> {
        let of = |kind, logical| Shape { null: None, kind, logical, properties: Map::new() };
        match kind {
            "record" | "error" | "enum" | "fixed" => {
                let (full, inner) =
                    full_name(members, namespace).ok_or_else(|| refused(place, format!("a {kind} without a name")))?;
                if self.named.insert(full.clone(), None).is_some() {
                    return Err(refused(place, format!("`{full}` is defined twice")));
                }
                let (kind, logical, extent) = match kind {
                    "enum" => (enumeration(&full, members, place)?, None, Extent::ONE),
                    "fixed" => {
                        let size = members.get("size").and_then(Json::as_u64);
                        let size = size.filter(|size| (1..=MOST_FIXED).contains(size));
                        let size = size.ok_or_else(|| refused(place, format!("the size of `{full}`")))? as usize;
                        (Kind::Fixed(size), logical(&Kind::Fixed(size), members, place)?, Extent::ONE)
                    }
                    _ => {
                        let (record, extent) = self.record(&full, members, &inner, place)?;
                        (Kind::Record(Arc::new(record)), None, extent)
                    }
                };
                self.named.insert(full, Some((kind.clone(), logical, extent)));
                Ok((of(kind, logical), extent))
            }
            "array" | "map" => {
                let key = if kind == "array" { "items" } else { "values" };
                let inner = members.get(key).ok_or_else(|| refused(place, format!("{kind} without `{key}`")))?;
                let (inner, extent) = self.shape(inner, namespace, &format!("{place}.{key}"))?;
                let kind = if kind == "array" { Kind::Array(Arc::new(inner)) } else { Kind::Map(Arc::new(inner)) };
                let shape = Shape { properties: properties(members), ..of(kind, None) };
                Ok((shape, Extent::ONE.around(extent, place)?))
            }
            name => self.simple(name, members, namespace, place),
        }
    }

    fn record(
        &mut self,
        full: &str,
        members: &Map<String, Json>,
        namespace: &str,
        place: &str,
    ) -> Result<(Record, Extent), Problem> {
        let mut extent = Extent::ONE;
        let mut fields: Vec<Field> = Vec::new();
        for json in members.get("fields").and_then(Json::as_array).into_iter().flatten() {
            let members = json.as_object();
            let name = members.and_then(|members| members.get("name")).and_then(Json::as_str);
            let (Some(members), Some(name)) = (members, name) else {
                return Err(refused(place, format!("a field of `{full}` has no name")));
            };
            let place = format!("{place}.{name}");
            if fields.iter().any(|field| field.name == name) {
                return Err(refused(&place, "two fields of this name"));
            }
            let ty = members.get("type").ok_or_else(|| refused(&place, "a field without `type`"))?;
            let (shape, inner) = self.shape(ty, namespace, &place)?;
            extent = extent.around(inner, &place)?;
            fields.push(Field {
                name: name.to_owned(),
                aliases: texts(members.get("aliases")),
                doc: members.get("doc").and_then(Json::as_str).map(str::to_owned),
                shape,
                default: members.get("default").cloned(),
                properties: properties(members),
            });
        }
        if fields.is_empty() {
            return Err(refused(place, format!("the record `{full}` has no fields")));
        }
        Ok((Record { name: full.to_owned(), fields, properties: properties(members) }, extent))
    }

    fn simple(
        &mut self,
        name: &str,
        members: &Map<String, Json>,
        namespace: &str,
        place: &str,
    ) -> Result<(Shape, Extent), Problem> {
        let kind = match name {
            "boolean" => Kind::Boolean,
            "int" => Kind::Int,
            "long" => Kind::Long,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "bytes" => Kind::Bytes,
            "string" => Kind::Text,
            name => {
                return match self.named.get(&qualified(name, namespace)).or_else(|| self.named.get(name)) {
                    Some(Some((kind, logical, extent))) => {
                        let shape = Shape { null: None, kind: kind.clone(), logical: *logical, properties: Map::new() };
                        Ok((shape, *extent))
                    }
                    Some(None) => Err(refused(place, format!("`{name}` holds itself"))),
                    None => Err(refused(place, format!("there is no type `{name}`"))),
                };
            }
        };
        let logical = logical(&kind, members, place)?;
        Ok((Shape { null: None, kind, logical, properties: properties(members) }, Extent::ONE))
    }
}

fn enumeration(full: &str, members: &Map<String, Json>, place: &str) -> Result<Kind, Problem> {
    let symbols = texts(members.get("symbols"));
    if symbols.is_empty() {
        return Err(refused(place, format!("the enum `{full}` has no symbols")));
    }
    let default = members.get("default").and_then(Json::as_str).map(str::to_owned);
    Ok(Kind::Enum(Arc::new(Enum { name: full.to_owned(), symbols, default })))
}

/// What counts of a logical type: one that can't stand on its type leaves the type as it is, as Avro says.
fn logical(kind: &Kind, members: &Map<String, Json>, place: &str) -> Result<Option<Logical>, Problem> {
    let name = members.get("logicalType").and_then(Json::as_str).unwrap_or_default();
    Ok(match (kind, name) {
        (Kind::Bytes | Kind::Fixed(_), "decimal") => {
            let precision = members.get("precision").and_then(Json::as_u64).unwrap_or_default();
            let scale = members.get("scale").map_or(Some(0), Json::as_u64).unwrap_or(u64::MAX);
            if precision == 0 || precision > MOST_DIGITS || scale > precision {
                return Err(refused(place, format!("a decimal of {precision} digits, {scale} behind the point")));
            }
            Some(Logical::Decimal { precision: precision as u32, scale: scale as u32 })
        }
        (Kind::Text | Kind::Fixed(16), "uuid") => Some(Logical::Uuid),
        (Kind::Int, "date") => Some(Logical::Date),
        (Kind::Int, "time-millis") => Some(Logical::TimeMillis),
        (Kind::Long, "time-micros") => Some(Logical::TimeMicros),
        (Kind::Long, "timestamp-millis") => Some(Logical::TimestampMillis),
        (Kind::Long, "timestamp-micros") => Some(Logical::TimestampMicros),
        (Kind::Long, "timestamp-nanos") => Some(Logical::TimestampNanos),
        (Kind::Long, "local-timestamp-millis") => Some(Logical::LocalTimestampMillis),
        (Kind::Long, "local-timestamp-micros") => Some(Logical::LocalTimestampMicros),
        (Kind::Long, "local-timestamp-nanos") => Some(Logical::LocalTimestampNanos),
        _ => None,
    })
}

fn properties(members: &Map<String, Json>) -> Map<String, Json> {
    let others = members.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
    others.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn texts(json: Option<&Json>) -> Vec<String> {
    json.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

fn qualified(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

/// The full name of a named type, and the namespace for what is inside it.
fn full_name(members: &Map<String, Json>, enclosing: &str) -> Option<(String, String)> {
    let name = members.get("name").and_then(Json::as_str)?;
    if let Some((namespace, _)) = name.rsplit_once('.') {
        return Some((name.to_owned(), namespace.to_owned()));
    }
    let namespace = members.get("namespace").and_then(Json::as_str).unwrap_or(enclosing);
    Some((qualified(name, namespace), namespace.to_owned()))
}

fn refused(place: &str, why: impl Into<String>) -> Problem {
    Problem::new(
        "MOOR-6100",
        "no rows can be made of this schema",
        place,
        why,
        "a reader's schema is an Avro record whose unions are null and one type, and which does not hold itself\n\
         begin with the schema that the export's newest records have, and leave out or add fields",
    )
}
