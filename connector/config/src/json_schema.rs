//! The JSON schema of a configuration, made of the definitions: for editors, which complete and check with it.
//!
//! What comes later or is refused is left out, so that an editor marks it. A value may always be a placeholder.

use serde_json::{Map, Value, json};

use crate::definition::{Answer, Default, Definition, Kind, State};
use crate::keys;

/// What a value with a placeholder looks like.
const PLACEHOLDER: &str = "\\$\\{(env|file|directory):[^}]+\\}";

/// The schema.
pub(crate) fn schema() -> Value {
    let mut properties = Map::new();
    let mut patterns = Map::new();
    let mut required = Vec::new();
    for definition in keys::all() {
        if matches!(definition.state, State::NotYet | State::Refused(..) | State::Transform) {
            continue;
        }
        if let Some((before, after)) = definition.open() {
            patterns.insert(format!("^{}.+{}$", escaped(before), escaped(after)), property(definition));
            continue;
        }
        for name in [definition.key].iter().chain(definition.aliases) {
            properties.insert((*name).to_owned(), property(definition));
        }
        if matches!(definition.default, Default::Required(_)) {
            required.push(definition.key);
        }
    }
    // Connect's converters name the registry's keys with their own prefix.
    patterns.insert("^(key|value)\\.converter\\..+$".to_owned(), json!({"description": "A key of the registry."}));
    // Connect's files may give the registry by its converters, and the second form has the name outside.
    let flat: Vec<&str> = required.into_iter().filter(|key| *key != "schema.registry.url").collect();
    let within: Vec<&str> = flat.iter().copied().filter(|key| *key != "name").collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Moorline configuration",
        "description": "Generated from connector/config/src/keys; docs/configuration.md says more.",
        "anyOf": [
            {"allOf": [{"$ref": "#/$defs/keys"}, {"required": flat}]},
            {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "config": {"allOf": [{"$ref": "#/$defs/keys"}, {"required": within}]}
                },
                "required": ["name", "config"],
                "additionalProperties": false
            }
        ],
        "$defs": {
            "keys": {
                "type": "object",
                "properties": properties,
                "patternProperties": patterns,
                "additionalProperties": false
            }
        }
    })
}

fn property(definition: &Definition) -> Value {
    let mut out = Map::new();
    let about = match definition.state {
        State::Ignored(why) => format!("No effect, with a warning: {why}."),
        _ => definition.about.to_owned(),
    };
    out.insert("description".to_owned(), about.into());
    match definition.default {
        Default::Value(value) => drop(out.insert("default".to_owned(), value.into())),
        Default::Required(example) => drop(out.insert("examples".to_owned(), json!([example]))),
        Default::Derived(_) | Default::None => {}
    }
    let placeholder = json!({"type": "string", "pattern": PLACEHOLDER});
    let text = json!({"type": ["string", "number", "boolean"]});
    let forms = match (definition.state, definition.kind) {
        (State::Ignored(_), _) => text,
        (State::Fixed(values), kind) if !matches!(kind, Kind::Choice(_)) => json!({"enum": values}),
        (_, Kind::Choice(words)) => {
            let taken = words.iter().filter(|word| matches!(word.answer, Answer::Taken)).map(|word| word.name);
            let mut taken: Vec<Value> = taken.map(Value::from).collect();
            for (word, value) in [("true", true), ("false", false)] {
                if taken.iter().any(|taken| *taken == word) {
                    taken.push(value.into());
                }
            }
            json!({"anyOf": [{"enum": taken}, placeholder]})
        }
        (_, Kind::Number(least, most) | Kind::Duration(least, most) | Kind::Bytes(least, most)) => {
            let number = json!({"type": "integer", "minimum": least, "maximum": most});
            json!({"anyOf": [number, {"type": "string", "pattern": "^ *-?[0-9]+ *$"}, placeholder]})
        }
        (_, Kind::Boolean) => json!({"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}, placeholder]}),
        _ => text,
    };
    if let Value::Object(forms) = forms {
        out.extend(forms);
    }
    Value::Object(out)
}

fn escaped(text: &str) -> String {
    text.replace('.', "\\.")
}
