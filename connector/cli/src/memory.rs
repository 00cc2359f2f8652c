//! The most memory that a run may take, from its configuration alone: what `validate` says, and what tests hold the
//! operating system's figure against. docs/memory.md names the parts.

use moorline_config::{Config, OversizeHandling};
use moorline_runtime::SAMPLED_AT_ONCE;

/// A document, and so a reply of the server, is at most so large; one more may be on its way wherever replies are read.
const REPLY: u64 = 16 << 20;
/// The program, its threads, the clients of both sides at rest, contracts.
const BASE: u64 = 64 << 20;
/// Requests that librdkafka compresses and holds until they are answered: five in flight and the one being made.
const REQUESTS: u64 = 6;
/// A request gathers records up to this size, where they are small.
const REQUEST: u64 = 1 << 20;
/// Replies beside those of chunks, each alive while a part of it is: of the stream one that is committed, one that waits
/// behind the gate, one that is queued, one that waits for room; and one of a look-up.
const READERS: u64 = 5;
/// Bytes, over all lanes.
pub(crate) fn most(config: &Config) -> u64 {
    let queue = config.max_queue_size_in_bytes as u64;
    let chunk = config.snapshot_chunk_bytes as u64;
    let record = (crate::wiring::message_max_bytes(config) as u64).max(REQUEST);
    // Between source and commit; read ahead; held at the gate; images of a batch.
    let held = queue + 3 * (queue / 4);
    // A part that is encoded is there twice.
    let running = held + chunk + (config.snapshot_max_threads as u64 + READERS) * REPLY + REQUESTS * record;
    // A record that is too large has its texts written out once more, and its document a second time.
    let cut = if config.record_oversize_handling == OversizeHandling::TruncateAny { 3 * REPLY } else { 0 };
    let running = running + cut;
    // Before a lane runs it samples: the replies and the documents taken from them, of some collections at once.
    let sampling = queue / 4 + 2 * config.contract_infer_sample_bytes + SAMPLED_AT_ONCE as u64 * 2 * REPLY;
    BASE + u64::from(config.tasks_max) * running.max(sampling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_and_what_changes_them() {
        let properties = "name=n\nconnector.class=moorline.mongodb\ntopic.prefix=p\ngroup.id=g\n\
            bootstrap.servers=b:9092\nschema.registry.url=http://r:8081\n\
            mongodb.connection.string=mongodb://m/?replicaSet=rs0\n";
        let read = |more: &str| {
            let text = format!("{properties}{more}");
            most(&moorline_config::read(&text, "test", &moorline_config::Environment).expect("a configuration").config)
        };
        assert_eq!(read("") >> 20, 310);
        assert_eq!(read("tasks.max=2\n") - read(""), read("") - BASE);
        assert_eq!((read("record.oversize.handling=truncate.any\n") - read("")) >> 20, 48);
        assert!(read("max.queue.size.in.bytes=8388608\nsnapshot.chunk.bytes=1048576\n") < read(""));
    }
}
