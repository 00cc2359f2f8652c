//! A collection as the encoder knows it: its plan, its topic, its policy and version budget.

use moorline_pipeline::contract::model::Drift;
use moorline_pipeline::contract::plan::{Encoder, Plan};
use moorline_pipeline::model::Uuid;
use moorline_pipeline::sink::TopicIndex;

use crate::contracts::{Bound, unknown_fields};
use crate::work::Opened;

/// An open collection.
pub(crate) struct Collection {
    pub(crate) bound: Bound,
    plan: Encoder,
    spill_plan: Encoder,
    pub(crate) epoch: Option<Uuid>,
    pub(crate) topic: TopicIndex,
    pub(crate) partition_count: i32,
    /// Versions that evolution added: day (`YYYY-MM-DD`) and count.
    pub(crate) versions: (String, u32),
    /// Whether this run has changed `versions` or the contract since the last transaction.
    pub(crate) changed: bool,
    /// Whether unknown fields are spilled for good: the version budget of the day is spent.
    pub(crate) spent: bool,
}

impl Collection {
    pub(crate) fn new(bound: Bound, epoch: Option<Uuid>, opened: Opened) -> Self {
        Self {
            plan: compile(&bound, false),
            spill_plan: compile(&bound, true),
            bound,
            epoch,
            topic: opened.topic,
            partition_count: opened.partition_count,
            versions: opened.versions.unwrap_or_default(),
            changed: true,
            spent: false,
        }
    }

    /// The plan in force; `settled` where this part's drift has been seen to, so that what is still unknown is spilled.
    pub(crate) fn plan(&mut self, settled: bool) -> &mut Encoder {
        if settled || self.spent { &mut self.spill_plan } else { &mut self.plan }
    }

    /// Whether one more version may be added today.
    pub(crate) fn may_evolve(&self, today: &str, budget: u32) -> bool {
        self.bound.on_drift == Drift::Evolve && (self.versions.0 != today || self.versions.1 < budget)
    }

    /// The contract was widened: a version of the day's budget, unless no schema shows it.
    pub(crate) fn evolved(&mut self, bound: Bound, today: &str) {
        if (bound.key_id, bound.value_id) != (self.bound.key_id, self.bound.value_id) {
            if self.versions.0 != today {
                self.versions = (today.to_owned(), 0);
            }
            self.versions.1 += 1;
        }
        self.plan = compile(&bound, false);
        self.spill_plan = compile(&bound, true);
        self.bound = bound;
        self.changed = true;
    }

    /// Nothing more can be widened: what is unknown goes to `__spill`.
    pub(crate) fn spend(&mut self) {
        self.spent = true;
    }

    /// A new day: evolution may go on.
    pub(crate) fn renew(&mut self, today: &str) {
        if self.versions.0 != today {
            self.spent = false;
        }
    }
}

fn compile(bound: &Bound, spill: bool) -> Encoder {
    let unknown = unknown_fields(bound.on_drift, bound.unknown, spill);
    let plan = Plan::compile(&bound.contract, &bound.output, bound.key_id, bound.value_id, unknown);
    Encoder::with_texts(plan.into(), bound.texts.clone())
}
