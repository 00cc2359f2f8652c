//! Anchors: named, immutable, consistent cuts.
