//! What is registered: key and value schemas, derived from a contract.
