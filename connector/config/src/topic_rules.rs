//! `topic.creation.*`: how topics are made, by default and by group.

use std::collections::BTreeMap;

use crate::codes;
use crate::config::{TopicGroup, TopicRule};
use crate::given::{Given, Open};
use crate::report::{Report, quoted};
use crate::value::{self, Value};

/// Without these, retention or compaction would remove records that anchors count.
const DEFAULT_CONFIGS: [(&str, &str); 2] = [("cleanup.policy", "delete"), ("retention.ms", "-1")];

/// What `topic.creation.*` says.
pub(crate) struct Rules {
    pub(crate) default: TopicRule,
    pub(crate) groups: Vec<TopicGroup>,
}

/// Default rule and groups.
pub(crate) fn rules(given: &Given, report: &mut Report<'_>) -> Rules {
    let mut default = TopicRule {
        replication_factor: Some(given.number("topic.creation.default.replication.factor")),
        partitions: Some(given.number("topic.creation.default.partitions")),
        configs: DEFAULT_CONFIGS.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    };
    for (key, number) in [("replication.factor", default.replication_factor), ("partitions", default.partitions)] {
        let key = format!("topic.creation.default.{key}");
        zero(&key, number, given.line(&key), report);
    }
    let mut groups: BTreeMap<String, TopicGroup> = BTreeMap::new();
    let listed = given.list("topic.creation.groups");
    let line = given.line("topic.creation.groups").unwrap_or(report.end());
    for name in &listed {
        if name == "default" || name.contains('.') {
            let fix = vec!["take a name without dots, other than `default`".to_owned()];
            let what = "a group of topics cannot be called so: `default`, or with a dot".to_owned();
            report.mistake(line, codes::BAD_VALUE, what, "its keys could not be told from others", fix);
        }
    }
    for open in &given.open {
        let Some(rest) = open.key.strip_prefix("topic.creation.") else { continue };
        let Some((name, key)) = rest.split_once('.') else { continue };
        match (name, &open.value) {
            ("default", Value::Text(text)) => drop(default.configs.insert(key.to_owned(), text.clone())),
            _ if listed.iter().any(|listed| listed == name) => {
                set(groups.entry(name.to_owned()).or_default(), key, open, report);
            }
            _ => {
                let what = format!("{} is of no group", quoted(&open.key));
                let why = "`topic.creation.groups` does not name the group, so the key would do nothing";
                let fix = vec![format!("topic.creation.groups={name}, or take the key out")];
                report.mistake(open.line, codes::CONTRADICTION, what, why, fix);
            }
        }
    }
    let made = listed.iter().map(|name| {
        let group = groups.remove(name).unwrap_or_default();
        if group.include.is_empty() {
            let what = format!("the required key `topic.creation.{name}.include` is missing");
            let fix = vec![format!("topic.creation.{name}.include=<regular expressions over topic names>")];
            report.mistake(line, codes::MISSING_KEY, what, "a group without topics has no effect", fix);
        }
        TopicGroup { name: name.clone(), ..group }
    });
    let groups = made.collect();
    Rules { default, groups }
}

fn set(group: &mut TopicGroup, key: &str, open: &Open, report: &mut Report<'_>) {
    let number = |value: &Value| match value {
        Value::Number(number) => i32::try_from(*number).ok(),
        _ => None,
    };
    match (key, &open.value) {
        ("include", Value::List(list)) => group.include.clone_from(list),
        ("exclude", Value::List(list)) => group.exclude.clone_from(list),
        ("replication.factor", value) => group.rule.replication_factor = number(value),
        ("partitions", value) => group.rule.partitions = number(value),
        (_, Value::Text(text)) => drop(group.rule.configs.insert(key.to_owned(), text.clone())),
        _ => {}
    }
    if key == "replication.factor" || key == "partitions" {
        zero(&open.key, number(&open.value), Some(open.line), report);
    }
    let Value::List(list) = &open.value else { return };
    for (index, pattern) in list.iter().enumerate() {
        if let Err(why) = value::whole(pattern) {
            let what = format!("pattern {} of {} can't be read", index + 1, quoted(&open.key));
            let fix = vec!["write a regular expression over whole topic names, without look-around".to_owned()];
            report.mistake(open.line, codes::BAD_VALUE, what, &why, fix);
        }
    }
}

/// 0 is within -1 and the most, and no number of replicas or partitions.
fn zero(key: &str, number: Option<i32>, line: Option<usize>, report: &mut Report<'_>) {
    if let (Some(0), Some(line)) = (number, line) {
        let fix = vec![format!("{key}=-1 leaves it to the broker; else write 1 or more")];
        report.mistake(
            line,
            codes::BAD_VALUE,
            format!("{} cannot be `0`", quoted(key)),
            "no topic is made of none",
            fix,
        );
    }
}
