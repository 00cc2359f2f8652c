//! Avro bytes as text against another library, against golden files, and against bytes that mean nothing.

mod expected;
mod golden;
mod laws;
