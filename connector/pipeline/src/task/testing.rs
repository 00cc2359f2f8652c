//! Replies and dice for the tests of this module.

use bson::rawdoc;
use bytes::Bytes;

use crate::model::Reply;

/// A small generator of numbers, the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % n
    }
}

/// One event: time, operation, `_id`.
pub(crate) type Event = ((u32, u32), &'static str, i32);

/// The token of a time.
pub(crate) fn token(t: u32, i: u32, rest: &str) -> bson::RawDocumentBuf {
    rawdoc! {"_data": format!("82{t:08X}{i:08X}{rest}")}
}

/// A reply with inserts at these times.
pub(crate) fn reply(opening: bool, times: &[(u32, u32)], token_time: (u32, u32)) -> Reply {
    let events: Vec<Event> = times.iter().enumerate().map(|(n, &time)| (time, "insert", n as i32)).collect();
    reply_of(opening, &events, token_time)
}

/// A reply with these events of `shop.orders`.
pub(crate) fn reply_of(opening: bool, events: &[Event], token_time: (u32, u32)) -> Reply {
    let mut batch = bson::RawArrayBuf::new();
    for (n, &((t, i), op, id)) in events.iter().enumerate() {
        let mut event = rawdoc! {
            "_id": token(t, i, &format!("2B{n:04X}")), "operationType": op,
            "clusterTime": bson::Timestamp { time: t, increment: i },
            "ns": {"db": "shop", "coll": "orders"}, "documentKey": {"_id": id},
        };
        if op == "insert" || op == "replace" {
            event.append(bson::raw::cstr!("fullDocument"), rawdoc! {"_id": id});
        }
        batch.push(event);
    }
    let name = if opening { "firstBatch" } else { "nextBatch" };
    let mut cursor = rawdoc! {"postBatchResumeToken": token(token_time.0, token_time.1, "2B0229296E04")};
    cursor.append(bson::raw::CString::try_from(name).unwrap(), batch);
    let now = bson::Timestamp { time: u32::MAX, increment: 9 };
    let doc = rawdoc! {"cursor": cursor, "$clusterTime": {"clusterTime": now}};
    Reply::parse(Bytes::from(doc.into_bytes()), opening).unwrap()
}
