//! A cut for machines: the merged object of the connector, not the difference records.

use moorline_pipeline::error::Problem;
use serde_json::{Value, json};

use super::super::recount::Checked;
use super::super::replayable::{self, Replayable};
use super::super::words;
use super::View;

pub(super) fn of(view: &View<'_>, checked: Option<&Checked>, findings: &[Problem]) -> String {
    let cut = &view.cut;
    let lanes: Vec<Value> = view
        .merged
        .iter()
        .map(|a| {
            let mut lane = serde_json::to_value(a).expect("text keys only");
            lane.as_object_mut().expect("an anchor is an object").shift_remove("collections");
            lane
        })
        .collect();
    let collections: Vec<Value> = view
        .merged
        .iter()
        .flat_map(|a| a.collections.iter().map(move |c| (a.lane, c)))
        .map(|(lane, c)| {
            let facts = replayable::facts(&view.topics, &c.topic);
            let mut value = serde_json::to_value(c).expect("text keys only");
            let fields = value.as_object_mut().expect("a collection is an object");
            fields.insert("lane".to_owned(), lane.into());
            fields.insert("log_starts".to_owned(), json!(facts.map(|f| &f.starts)));
            fields.insert("cleanup_policy".to_owned(), json!(facts.map(|f| &f.cleanup)));
            fields.insert("replayable_why".to_owned(), json!(replayable::lost(c, facts)));
            let standing = view.standing(&c.namespace);
            fields.insert("documents".to_owned(), json!(standing.documents));
            fields.insert("verdict".to_owned(), json!(standing.word()));
            let ids: Vec<&str> = cut.anchors.iter().map(|a| a.id.as_str()).collect();
            let certificates: Vec<_> = view.certificates.of(&ids, &c.namespace).collect();
            fields.insert("certificates".to_owned(), json!(certificates));
            value
        })
        .collect();
    let mut answer = json!({
        "version": 1,
        "connector": view.read.connector,
        "id": cut.id(),
        "cut": cut.time,
        "time": words::instant(cut.time),
        "kind": cut.kind(),
        "label": cut.label(),
        "layout": cut.layout,
        "exact": cut.is_exact(),
        "complete": cut.is_complete(),
        "inexact": cut.anchors.iter().flat_map(|a| &a.inexact).collect::<Vec<_>>(),
        "replayable": view.replayable == Replayable::Yes,
        "replayable_why": if let Replayable::No(why) = &view.replayable { Some(why) } else { None },
        "replayable_until_ms": view.ends.iter().filter_map(|end| end.at_ms).min(),
        "lanes": lanes,
        "collections": collections,
    });
    if let Some(proof) = &view.proof {
        answer["proof"] = json!({
            "anchors": proof.anchors,
            "schemas": proof.schemas,
            "findings": proof.findings.iter().map(|p| p.code).collect::<Vec<_>>(),
        });
    }
    if let Some(checked) = checked {
        let found: Vec<Value> = findings
            .iter()
            .map(|p| json!({"code": p.code, "what": p.what, "where": p.place, "why": p.why, "fix": p.fix}))
            .collect();
        answer["check"] = json!({
            "collections": checked.collections,
            "partitions": checked.partitions,
            "records": checked.records,
            "anchors": checked.anchors,
            "without_digest": checked.without_digest,
            "findings": found,
        });
    }
    format!("{answer:#}\n")
}
