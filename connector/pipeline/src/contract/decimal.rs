//! Decimal128 by our own decoding of BID.
