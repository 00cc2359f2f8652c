//! The codes of mistakes: one for each kind, since the code is what help pages and scripts go by.

/// A key that nobody knows; the nearest known one is the fix.
pub const UNKNOWN_KEY: &str = "MOOR-1001";
/// A required key is not there.
pub const MISSING_KEY: &str = "MOOR-1002";
/// A value that its key cannot have: not a number, out of range, not one of the words.
pub const BAD_VALUE: &str = "MOOR-1003";
/// A key or a value that is specified, and that this version does not act on yet.
pub const NOT_YET: &str = "MOOR-1004";
/// A key that stands in the file twice.
pub const GIVEN_TWICE: &str = "MOOR-1005";
/// A key or a value that is refused on purpose; the fix says what replaces it.
pub const REFUSED: &str = "MOOR-1006";
/// An object where a flat key belongs.
pub const NESTED_OBJECT: &str = "MOOR-1007";
/// Keys that contradict each other.
pub const CONTRADICTION: &str = "MOOR-1008";
/// The text is neither properties nor JSON.
pub const UNREADABLE: &str = "MOOR-1009";
/// A transform of Kafka Connect.
pub const TRANSFORM: &str = "MOOR-1010";
/// A warning: accepted, and without effect.
pub const IGNORED: &str = "MOOR-1011";
/// A placeholder that cannot be resolved.
pub const PLACEHOLDER: &str = "MOOR-1012";
/// A warning: a value that may not mean what it looks like.
pub const DOUBTFUL: &str = "MOOR-1013";
