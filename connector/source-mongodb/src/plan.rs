//! A stream's plan: level and stages, as sent when it is opened and as stored beside a position.
//!
//! Invariants: the stored text gives back the same plan, so that a probe asks with the pipeline that a token was made
//! with; no stage touches `_id`, which is the token.

use bson::{Bson, Document, RawDocumentBuf, doc};
use moorline_pipeline::error::Result;
use moorline_pipeline::source::{Images, StartFrom, StreamSpec};

use crate::error;
use crate::selection::{self, Level};

/// Where and with which stages a stream is opened: what is stored beside a position, and read back to probe it.
pub(crate) struct Plan {
    pub(crate) level: Level,
    pub(crate) stages: Vec<Document>,
}

impl Plan {
    pub(crate) fn of(spec: &StreamSpec) -> Self {
        Self::at(selection::level(&spec.selection), spec)
    }

    /// The plan for a server that refuses a stream of the one collection that is named, such as a view.
    pub(crate) fn above_collections(spec: &StreamSpec) -> Self {
        Self::at(selection::above_collections(&spec.selection), spec)
    }

    fn at(level: Level, spec: &StreamSpec) -> Self {
        let mut options = doc! { "showExpandedEvents": true };
        if level == Level::Cluster {
            options.insert("allChangesForCluster", true);
        }
        match spec.images {
            Images::Boundary | Images::None => {}
            Images::Post => drop(options.insert("fullDocument", "whenAvailable")),
            Images::Lookup => drop(options.insert("fullDocument", "updateLookup")),
        }
        // Never `required`: a change whose image is gone must still pass.
        if spec.pre_images {
            options.insert("fullDocumentBeforeChange", "whenAvailable");
        }
        let mut stages = vec![doc! { "$changeStream": options }];
        stages.extend(selection::events(&spec.selection, &level).map(|condition| doc! { "$match": condition }));
        // By exclusion, so that the token and whatever a newer server adds stay as they are.
        let mut without = Document::new();
        for (name, wanted) in [("updateDescription", spec.deltas), ("fullDocumentBeforeChange", spec.pre_images)] {
            if !wanted {
                without.insert(name, 0_i32);
            }
        }
        if !without.is_empty() {
            stages.push(doc! { "$project": without });
        }
        Self { level, stages }
    }

    pub(crate) fn database(&self) -> &str {
        match &self.level {
            Level::Collection(name, _) | Level::Database(name) => name,
            Level::Cluster => "admin",
        }
    }

    /// As canonical Extended JSON: `{"database": ..., "collection": ..., "pipeline": [...]}`, without the collection
    /// for a whole database, and `admin` for the whole cluster.
    pub(crate) fn to_text(&self) -> String {
        let mut text = doc! { "database": self.database() };
        if let Level::Collection(_, collection) = &self.level {
            text.insert("collection", collection);
        }
        text.insert("pipeline", self.stages.clone());
        Bson::from(text).into_canonical_extjson().to_string()
    }

    /// The plan of a stored text.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let json: serde_json::Value = serde_json::from_str(text).ok()?;
        let Bson::Document(stored) = Bson::try_from(json).ok()? else { return None };
        let stages: Vec<Document> =
            stored.get_array("pipeline").ok()?.iter().map(|s| s.as_document().cloned()).collect::<Option<_>>()?;
        let cluster = stages.first()?.get_document("$changeStream").ok()?.contains_key("allChangesForCluster");
        let database = stored.get_str("database").ok()?.to_owned();
        let level = match stored.get_str("collection") {
            Ok(collection) => Level::Collection(database, collection.to_owned()),
            Err(_) if cluster => Level::Cluster,
            Err(_) => Level::Database(database),
        };
        Some(Self { level, stages })
    }

    /// The opening command.
    pub(crate) fn command(&self, from: &StartFrom, batch_size: i32, comment: &str) -> Result<RawDocumentBuf> {
        let bad = |e: &dyn std::fmt::Display| error::malformed("the stored position", &e.to_string());
        let mut stages = self.stages.clone();
        let options = stages.first_mut().and_then(|stage| stage.get_document_mut("$changeStream").ok());
        let options = options.ok_or_else(|| bad(&"the pipeline has no $changeStream"))?;
        match from {
            StartFrom::Now => {}
            StartFrom::Token(token) => {
                let token = Document::try_from(token.as_raw()).map_err(|e| bad(&e))?;
                options.insert("startAfter", token);
            }
            StartFrom::Time(time) => {
                options.insert("startAtOperationTime", bson::Timestamp::from(*time));
            }
        }
        let target: Bson = match &self.level {
            Level::Collection(_, collection) => collection.as_str().into(),
            Level::Database(_) | Level::Cluster => 1_i32.into(),
        };
        let command = doc! {
            "aggregate": target,
            "pipeline": stages,
            "cursor": { "batchSize": batch_size },
            "comment": comment,
        };
        RawDocumentBuf::try_from(&command).map_err(|e| bad(&e))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use moorline_pipeline::source::Selection;

    use super::*;

    fn plan(include: &[&str], images: Images) -> Plan {
        let include = include.iter().map(|s| (*s).to_owned()).collect();
        let selection = Selection { include, exclude: Vec::new(), literal: true };
        let (pre_images, deltas) = (images == Images::Post, images == Images::Post);
        Plan::of(&StreamSpec {
            selection,
            images,
            pre_images,
            deltas,
            batch_size: 1,
            max_await: Duration::from_secs(1),
        })
    }

    #[test]
    fn a_plan_is_stored_as_text_and_read_back() {
        let collection = plan(&["shop.a"], Images::Boundary);
        assert_eq!(
            collection.to_text(),
            concat!(
                r#"{"database":"shop","collection":"a","pipeline":[{"$changeStream":{"showExpandedEvents":true}},"#,
                r#"{"$project":{"updateDescription":{"$numberInt":"0"},"fullDocumentBeforeChange":{"$numberInt":"0"}}}]}"#
            )
        );
        let database = plan(&["shop.a", "shop.b"], Images::Boundary);
        let expected = concat!(
            r#"{"database":"shop","pipeline":[{"$changeStream":{"showExpandedEvents":true}},{"$match":{"$or":["#,
            r#"{"ns.db":"shop","ns.coll":{"$in":["a","b"]}},{"to.db":"shop","to.coll":{"$in":["a","b"]}},"#,
            r#"{"operationType":"dropDatabase","ns.db":{"$in":["shop"]}},{"operationType":"invalidate"}]}},"#,
            r#"{"$project":{"updateDescription":{"$numberInt":"0"},"fullDocumentBeforeChange":{"$numberInt":"0"}}}]}"#
        );
        assert_eq!(database.to_text(), expected);
        for plan in [collection, database, plan(&[], Images::Post), plan(&["shop.a", "crm.b"], Images::Lookup)] {
            let back = Plan::from_text(&plan.to_text()).expect("it is read back");
            assert_eq!((&back.level, &back.stages), (&plan.level, &plan.stages));
        }
        let all = plan(&["shop.a"], Images::Post).to_text();
        assert!(all.contains(r#""fullDocumentBeforeChange":"whenAvailable""#) && !all.contains("$project"), "{all}");
        assert!(Plan::from_text("[]").is_none() && Plan::from_text(r#"{"database":"x","pipeline":[]}"#).is_none());
    }

    #[test]
    fn one_collection_is_asked_by_its_name() {
        let command = plan(&["shop.a"], Images::Boundary).command(&StartFrom::Now, 0, "c").expect("a command");
        assert_eq!(command.get_str("aggregate").unwrap(), "a");
    }

    #[test]
    fn the_whole_cluster_is_asked_by_admin() {
        let cluster = plan(&[], Images::Lookup);
        assert_eq!((cluster.level.clone(), cluster.database()), (Level::Cluster, "admin"));
        let command = cluster.command(&StartFrom::Now, 0, "c").expect("a command");
        let stage = command.get_array("pipeline").unwrap().into_iter().next().unwrap().unwrap();
        let options = stage.as_document().unwrap().get_document("$changeStream").unwrap();
        assert!(options.get_bool("allChangesForCluster").unwrap());
        assert_eq!(options.get_str("fullDocument").unwrap(), "updateLookup");
    }
}
