//! `anchors create`: asks a running connector for an anchor with a label, through its signal topic.
//!
//! Invariants: a label that stands already is not asked for again; what was asked for is in the topic, delivered, before
//! anything is said; the connector need not run: the signal waits for it.

use clap::Args;
use moorline_config::Config;
use moorline_control::signals::form;
use moorline_pipeline::error::Problem;
use moorline_sink_kafka::{TopicReader, TopicWriter};
use serde_json::json;

use super::wait::{self, Wanted};
use super::{Place, fetch, words};
use crate::arguments::{Form, Global};
use crate::failure::{Exit, Failed};
use crate::{messages, wiring};

/// Flags of `anchors create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The anchor's name, unique in the connector
    #[arg(long, value_name = "LABEL", value_parser = label)]
    label: String,
    /// Wait until all lanes have committed it; its id is then on stdout
    #[arg(long)]
    wait: bool,
    /// How long to wait at most, as 90s, 5m, 1h
    #[arg(long, default_value = "5m", value_name = "SPAN", value_parser = words::span, requires = "wait")]
    timeout: std::time::Duration,
}

fn label(text: &str) -> Result<String, String> {
    form::label(text).map(|()| text.to_owned()).map_err(str::to_owned)
}

/// Asks.
pub(crate) fn run(args: &CreateArgs, global: &Global, config: &Config, place: &Place) -> Result<Exit, Failed> {
    if !crate::signalling::heard(config) {
        return Err(no_channel().into());
    }
    let (label, topic) = (&args.label, &place.kafka.control.anchors);
    let reader = TopicReader::open(&place.kafka)?;
    let mut anchors = fetch::Following::new(topic, &place.connector);
    anchors.on(&reader)?;
    if let Some(taken) = anchors.log().anchors().iter().find(|anchor| anchor.label.as_ref() == Some(label)) {
        return Err(Problem::new(
            "MOOR-6030",
            format!("the label `{label}` is taken"),
            format!("anchor {} of {}", taken.id, words::instant(taken.cut)),
            "a label names one cut of a connector for ever",
            format!("take another label, or use that cut: moorline anchors show -c FILE --at label:{label}"),
        )
        .into());
    }
    let id = uuid::Uuid::new_v4().to_string();
    let signal = json!({"id": id, "type": form::ANCHOR, "data": {"label": label}});
    let writer = TopicWriter::open(&wiring::signals_kafka(config, place.kafka.clone()))?;
    writer.send(&config.signal_kafka_topic, config.topic_prefix.as_bytes(), signal.to_string().as_bytes())?;
    messages::note(&format!(
        "asked for `{label}` in topic {}; a connector that runs cuts at one of the next ticks",
        config.signal_kafka_topic
    ));
    if args.wait {
        return wait::until(&Wanted::Label(label.clone()), args.timeout, global, &reader, anchors);
    }
    if global.output == Form::Json {
        let answer = json!({"version": 1, "label": label, "signal": id, "topic": config.signal_kafka_topic});
        messages::data(&format!("{answer:#}\n"))?;
    }
    Ok(Exit::Done)
}

fn no_channel() -> Problem {
    Problem::new(
        "MOOR-7036",
        "this connector takes no signals",
        "signal.enabled.channels",
        "`kafka` is not among its channels, so a signal would lie there unread",
        "signal.enabled.channels=kafka, which is the default",
    )
}
