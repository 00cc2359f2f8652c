//! Extended JSON text, canonical and relaxed, written straight from raw BSON.
