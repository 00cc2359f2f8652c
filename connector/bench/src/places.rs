//! Where the servers are, as the stack says in the environment.
//!
//! Invariant: nothing is guessed: a variable that is missing is an error that names it.

use std::env;

use anyhow::{Context, Result};
use mongodb::Client;
use moorline_sink_kafka::{ControlTopics, KafkaSettings};
use tokio::sync::OnceCell;

/// A variable of the stack.
pub(crate) fn variable(name: &str) -> Result<String> {
    env::var(name)
        .with_context(|| format!("{name} is not set: run this by `cargo xtask bench` or `cargo xtask stack run`"))
}

/// The driver's client, one for this process: never dropped, since the driver would still send commands then.
pub(crate) async fn mongo() -> Result<Client> {
    static CLIENT: OnceCell<Client> = OnceCell::const_new();
    let made = CLIENT.get_or_try_init(|| async { anyhow::Ok(Client::with_uri_str(variable("MONGODB_URI")?).await?) });
    made.await.cloned()
}

/// The product's settings for Kafka, with control topics of their own and `partitions` for data.
pub(crate) fn kafka(name: &str, partitions: i32) -> Result<KafkaSettings> {
    let control = ControlTopics {
        offsets_partitions: 1,
        ..ControlTopics::named(format!("{name}-offsets"), format!("{name}-anchors"), format!("{name}-quarantine"))
    };
    let mut settings = KafkaSettings::new(variable("KAFKA_BOOTSTRAP")?, control);
    settings.topics.default.partitions = Some(partitions);
    Ok(settings)
}
