//! The registry with its requests counted.

use std::sync::Arc;

use moorline_pipeline::error::Result;
use moorline_pipeline::sink::{Registered, Registry};

use crate::report::Report;

/// A registry whose requests are counted.
pub(crate) struct Counted<R> {
    pub(crate) registry: R,
    pub(crate) report: Arc<Report>,
}

impl<R: Registry> Counted<R> {
    fn count<T>(&self, answer: Result<T>) -> Result<T> {
        Report::add(&self.report.registry_requests, 1);
        if answer.is_err() {
            Report::add(&self.report.registry_failures, 1);
        }
        answer
    }
}

impl<R: Registry> Registry for Counted<R> {
    async fn latest(&self, subject: &str) -> Result<Option<Registered>> {
        self.count(self.registry.latest(subject).await)
    }
    async fn register(&self, subject: &str, schema: &str) -> Result<u32> {
        self.count(self.registry.register(subject, schema).await)
    }
}
