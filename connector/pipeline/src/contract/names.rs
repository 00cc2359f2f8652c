//! BSON names to Avro names.
