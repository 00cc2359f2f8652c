//! A schema's JSON to nodes: types by number, so that a type may hold itself.
//!
//! Invariants: every number in a node names a node; members' names are kept as the JSON that is written for them; what
//! a logical type says counts only on the type that Avro lets it stand on, else the base type counts.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::Unreadable;
use super::scalars::quoted;
use super::times::Time;

/// More types than this are no schema of a topic.
const MOST_NODES: usize = 100_000;
/// Decimal places, over which a decimal is no number for anybody.
const MOST_SCALE: u64 = 1_000;

/// A type.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Boolean,
    Int(Option<Time>),
    Long(Option<Time>),
    Float,
    Double,
    Bytes(Meaning),
    Fixed(usize, Meaning),
    /// Whether it is JSON.
    String(bool),
    /// Symbols, quoted.
    Enum(Vec<Vec<u8>>),
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    /// Members: `"name":` and type.
    Record(Vec<(Vec<u8>, usize)>),
}

/// What bytes stand for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning {
    Bytes,
    /// A big-endian number with so many decimal places.
    Decimal(usize),
    Uuid,
}

/// The nodes of a schema, and which of them is the datum's.
pub(super) fn compile(schema: &str) -> Result<(Vec<Node>, usize), Unreadable> {
    // serde_json stops at 128 levels, which bounds the recursion here.
    let json: Json = serde_json::from_str(schema).map_err(|error| Unreadable(error.to_string()))?;
    let mut reading = Reading { nodes: Vec::new(), named: HashMap::new() };
    let root = reading.ty(&json, "")?;
    Ok((reading.nodes, root))
}

struct Reading {
    nodes: Vec<Node>,
    /// By full name.
    named: HashMap<String, usize>,
}

impl Reading {
    fn push(&mut self, node: Node) -> Result<usize, Unreadable> {
        if self.nodes.len() >= MOST_NODES {
            return Err(Unreadable(format!("it has more than {MOST_NODES} types")));
        }
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    fn ty(&mut self, json: &Json, namespace: &str) -> Result<usize, Unreadable> {
        match json {
            Json::String(name) => self.name(name, &Map::new(), namespace),
            Json::Array(branches) => {
                let branches = branches.iter().map(|branch| self.ty(branch, namespace)).collect::<Result<_, _>>()?;
                self.push(Node::Union(branches))
            }
            Json::Object(members) => match members.get("type") {
                Some(Json::String(name)) => self.complex(name, members, namespace),
                Some(inner @ (Json::Object(_) | Json::Array(_))) => self.ty(inner, namespace),
                _ => Err(Unreadable("an object without `type`".to_owned())),
            },
            other => Err(Unreadable(format!("`{other}` is no type"))),
        }
    }

    fn complex(&mut self, kind: &str, members: &Map<String, Json>, namespace: &str) -> Result<usize, Unreadable> {
        match kind {
            "record" | "error" => {
                let (full, inner) = full_name(members, namespace)?;
                let place = self.push(Node::Record(Vec::new()))?;
                self.named.insert(full.clone(), place);
                let mut fields = Vec::new();
                for field in list(members, "fields", &full)? {
                    let name = field.get("name").and_then(Json::as_str);
                    let (Some(name), Some(ty)) = (name, field.get("type")) else {
                        return Err(Unreadable(format!("a field of {full} has no name or no type")));
                    };
                    let mut key = quoted(name);
                    key.push(b':');
                    // A logical type may stand beside the type's name, in the field.
                    fields.push((key, self.ty(ty, &inner)?));
                }
                self.nodes[place] = Node::Record(fields);
                Ok(place)
            }
            "enum" => {
                let (full, _) = full_name(members, namespace)?;
                let symbols = list(members, "symbols", &full)?.iter();
                let symbols = symbols.map(|symbol| symbol.as_str().map(quoted)).collect::<Option<_>>();
                let symbols = symbols.ok_or_else(|| Unreadable(format!("a symbol of {full} is no string")))?;
                self.named_node(full, Node::Enum(symbols))
            }
            "fixed" => {
                let (full, _) = full_name(members, namespace)?;
                let size = members.get("size").and_then(Json::as_u64).and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or_else(|| Unreadable(format!("{full} has no size")))?;
                let meaning = match logical(members) {
                    Some("decimal") => decimal(members)?,
                    Some("uuid") if size == 16 => Meaning::Uuid,
                    _ => Meaning::Bytes,
                };
                self.named_node(full, Node::Fixed(size, meaning))
            }
            "array" | "map" => {
                let key = if kind == "array" { "items" } else { "values" };
                let inner = members.get(key).ok_or_else(|| Unreadable(format!("{kind} without `{key}`")))?;
                let inner = self.ty(inner, namespace)?;
                self.push(if kind == "array" { Node::Array(inner) } else { Node::Map(inner) })
            }
            name => self.name(name, members, namespace),
        }
    }

    fn named_node(&mut self, full: String, node: Node) -> Result<usize, Unreadable> {
        let place = self.push(node)?;
        self.named.insert(full, place);
        Ok(place)
    }

    /// A primitive type with what is said beside it, or a type that was named before.
    fn name(&mut self, name: &str, beside: &Map<String, Json>, namespace: &str) -> Result<usize, Unreadable> {
        let logical = logical(beside);
        let node = match name {
            "null" => Node::Null,
            "boolean" => Node::Boolean,
            "int" => Node::Int(logical.and_then(Time::of_int)),
            "long" => Node::Long(logical.and_then(Time::of_long)),
            "float" => Node::Float,
            "double" => Node::Double,
            "bytes" if logical == Some("decimal") => Node::Bytes(decimal(beside)?),
            "bytes" => Node::Bytes(Meaning::Bytes),
            "string" => Node::String(beside.get("connect.name").is_some_and(|name| name == "io.debezium.data.Json")),
            name => {
                let full = if name.contains('.') || namespace.is_empty() {
                    name.to_owned()
                } else {
                    format!("{namespace}.{name}")
                };
                let found = self.named.get(&full).or_else(|| self.named.get(name)).copied();
                return found.ok_or_else(|| Unreadable(format!("there is no type `{full}`")));
            }
        };
        self.push(node)
    }
}

fn logical(members: &Map<String, Json>) -> Option<&str> {
    members.get("logicalType").and_then(Json::as_str)
}

fn decimal(members: &Map<String, Json>) -> Result<Meaning, Unreadable> {
    let scale = members.get("scale").map_or(Some(0), Json::as_u64).filter(|scale| *scale <= MOST_SCALE);
    let scale = scale.ok_or_else(|| Unreadable(format!("a decimal's scale is not within 0 and {MOST_SCALE}")))?;
    Ok(Meaning::Decimal(scale as usize))
}

/// The full name of a named type, and the namespace for what is inside it.
fn full_name(members: &Map<String, Json>, enclosing: &str) -> Result<(String, String), Unreadable> {
    let name = members.get("name").and_then(Json::as_str);
    let name = name.ok_or_else(|| Unreadable("a record, enum or fixed without a name".to_owned()))?;
    if let Some((namespace, _)) = name.rsplit_once('.') {
        return Ok((name.to_owned(), namespace.to_owned()));
    }
    let namespace = members.get("namespace").and_then(Json::as_str).unwrap_or(enclosing);
    let full = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") };
    Ok((full, namespace.to_owned()))
}

fn list<'a>(members: &'a Map<String, Json>, key: &str, of: &str) -> Result<&'a [Json], Unreadable> {
    let found = members.get(key).and_then(Json::as_array);
    found.map(Vec::as_slice).ok_or_else(|| Unreadable(format!("{of} has no `{key}`")))
}
