//! Headers of a record: what a tombstone says of itself, and what the configuration adds to every record.

use moorline_pipeline::contract::model::Misfit;
use moorline_pipeline::contract::plan::{self, Change};
use moorline_pipeline::sink::Headers;

use crate::contracts::Bound;
use crate::items::Item;
use crate::records::Writing;

/// One header.
type Header = (std::borrow::Cow<'static, str>, Box<[u8]>);

/// Headers on their way; none of them costs nothing.
#[derive(Default)]
pub(crate) struct Wanted(Vec<Header>);

impl Wanted {
    /// What `add.headers` and `extended.headers.enabled` ask for.
    pub(crate) fn of(bound: &Bound, change: &Change<'_>, writing: &Writing<'_>) -> Self {
        let settings = writing.settings;
        let mut wanted = Self::default();
        for column in &settings.headers {
            if let Some(value) = plan::header(column, change, &bound.contract, &bound.output) {
                let name = format!("{}{}", settings.output.template.metadata_prefix, column.name);
                wanted.0.push((name.into(), value.into_boxed_slice()));
            }
        }
        if settings.context_headers {
            wanted.text("__debezium.context.connectorLogicalName", settings.prefix.clone());
            // A topic has one lane that writes it, and a lane is a task.
            wanted.text("__debezium.context.taskId", writing.lane.to_string());
            wanted.text("__debezium.context.connectorName", "mongodb".to_owned());
        }
        wanted
    }

    /// Says that the document before the change is not in the record although the source gave it.
    pub(crate) fn before_left_out(mut self, misfit: Option<&Misfit>) -> Self {
        if let Some(misfit) = misfit {
            self.text("moorline.before", format!("{} {} {}", misfit.rule, misfit.name, misfit.path));
        }
        self
    }

    /// Says which texts of the record are not whole, and how many bytes they had.
    pub(crate) fn truncated(mut self, fields: Option<&str>) -> Self {
        if let Some(fields) = fields {
            self.text("moorline.truncated", fields.to_owned());
        }
        self
    }

    /// A tombstone says in headers what a value says in its metadata fields.
    pub(crate) fn tombstone(mut self, item: &Item<'_>) -> Self {
        let meta = &item.meta;
        let op = if item.document.is_some() { b'd' } else { meta.op };
        self.text("moorline.op", char::from(op).to_string());
        self.text("moorline.deleted", "true".to_owned());
        self.text("moorline.ts_ms", meta.ts_ms.to_string());
        self.text("moorline.cluster_time", meta.cluster_time.to_string());
        self.text("moorline.seq", meta.seq.to_string());
        self.text("moorline.image_time", meta.image_time.to_string());
        self.text("moorline.snapshot", meta.snapshot.to_string());
        self
    }

    /// As the sink takes them.
    pub(crate) fn finish(self) -> Option<Headers> {
        (!self.0.is_empty()).then(|| self.0.into_boxed_slice())
    }

    fn text(&mut self, name: &'static str, value: String) {
        self.0.push((name.into(), value.into_bytes().into_boxed_slice()));
    }
}
