//! A connector: its lanes side by side in one process, from start to end.
//!
//! Invariant: the layout depends on the configuration alone; a lane that ends with a failure ends the others.

use std::sync::Arc;

use moorline_pipeline::anchor::{self, Lineage};
use moorline_pipeline::contract::output::transaction;
use moorline_pipeline::error::{Failure, Next, Problem, Result};
use moorline_pipeline::sink::{Registry, Sink};
use moorline_pipeline::source::Source;
use moorline_pipeline::task::layout;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::actor::{Ended, Goal};
use crate::contracts::Contracts;
use crate::counted::Counted;
use crate::faults;
use crate::handle::Handle;
use crate::lane::Lane;
use crate::report::Report;
use crate::settings::{Settings, Until};
use crate::shared::Shared;
use crate::transactions::SchemaIds;
use crate::watch;

/// How a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What `--until` named is committed.
    Reached,
    /// It was asked to stop, and has committed what was whole.
    Stopped,
}

/// Runs a connector until its goal is committed, `stop` is cancelled, or something fails for good. `report` is what it
/// tells meanwhile, `handle` what may be asked of it.
#[expect(clippy::too_many_arguments, reason = "each is of another kind, and there is one caller")]
pub async fn run<S: Source, K: Sink, R: Registry>(
    source: Arc<S>,
    sink: Arc<K>,
    registry: R,
    settings: Settings,
    until: Option<Until>,
    stop: CancellationToken,
    report: Arc<Report>,
    handle: Arc<Handle>,
) -> Result<Outcome> {
    faults::arm()?;
    let registry = Counted { registry, report: Arc::clone(&report) };
    let identity = source.identity().await?;
    let layout = layout::split(&settings.selection, settings.tasks_max);
    let run_id = uuid::Uuid::new_v4().to_string();
    let anchors = SchemaIds::register(&registry, &settings.anchor_topic, anchor::KEY_SCHEMA, anchor::SCHEMA).await?;
    let contracts = Contracts::new(registry, settings.contract.clone(), settings.output.clone(), &settings.own_topics);
    let mut transaction_topic = None;
    if let Some(topic) = &settings.transaction_topic {
        let (key, value) = (transaction::key_schema(), transaction::value_schema());
        transaction_topic = Some(SchemaIds::register(contracts.registry(), topic, &key, &value).await?);
    }
    let mut heartbeats = None;
    if let Some((topic, interval)) = &settings.heartbeats {
        let (key, value) = (transaction::heartbeat_key_schema(), transaction::heartbeat_value_schema());
        heartbeats = Some((SchemaIds::register(contracts.registry(), topic, &key, &value).await?, *interval));
    }
    let lineage = Lineage {
        version: settings.version.clone(),
        config: settings.config_hash.clone(),
        source: identity.source.clone(),
        server: identity.version.clone(),
        worker: settings.worker.clone(),
        run_id: None,
    };
    info!(
        connector = settings.connector,
        source = identity.source,
        server = identity.version,
        history = identity.history,
        lanes = layout.lanes.len(),
        layout = layout.id,
        "connector starts"
    );
    handle.begin(layout.lanes.len() as u32, settings.anchor_interval);
    report.head.rise(identity.now);
    for part in &layout.lanes {
        report.lane(part.lane);
    }
    let shared = Arc::new(Shared {
        source,
        sink,
        contracts: Arc::new(contracts),
        settings: Arc::new(settings),
        report,
        handle,
        goal: Goal { until, start: identity.now },
        run_id,
        lineage,
        layout: layout.id.clone(),
        lanes: layout.lanes.len() as u32,
        anchor_key_schema_id: anchors.key,
        anchor_schema_id: anchors.value,
        transaction_topic,
        heartbeats,
        snapshotted: std::sync::Mutex::default(),
    });
    // A failure of one lane stops the others, but not whoever gave us `stop`.
    let stop = stop.child_token();
    let mut lanes: JoinSet<Result<Ended>> = JoinSet::new();
    for part in layout.lanes {
        lanes.spawn(Lane::new(Arc::clone(&shared), part, stop.clone()).run());
    }
    let mut watching = JoinSet::new();
    // Aborted when it is dropped, at the end.
    watching.spawn(watch::source(Arc::clone(&shared.source), Arc::clone(&shared.report)));
    let mut outcome = Ok(Outcome::Reached);
    while let Some(ended) = lanes.join_next().await {
        match ended {
            Ok(Ok(Ended::Reached)) => {}
            Ok(Ok(Ended::Stopped)) => {
                if outcome.is_ok() {
                    outcome = Ok(Outcome::Stopped);
                }
            }
            Ok(Err(failure)) => {
                if outcome.is_ok() {
                    outcome = Err(failure);
                }
                stop.cancel();
            }
            Err(panic) => {
                outcome = Err(Failure::new(
                    Next::Halt,
                    Problem::new(
                        "MOOR-7002",
                        "a lane has panicked: an invariant of Moorline is broken",
                        "runtime",
                        panic.to_string(),
                        "report this with the log; a restart goes on at the last committed position",
                    ),
                ));
                stop.cancel();
            }
        }
    }
    outcome
}
