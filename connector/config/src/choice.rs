//! The keys whose value is one of a few words, as types.
//!
//! Invariant: an enum has a variant for each word that this version acts on, and no other; the words that it knows but
//! does not act on stand in the key's definition, and a test holds that both agree.

use std::fmt;

/// A key whose value is one of a few words.
pub trait Choice: Copy + 'static {
    /// The words, each with what it means.
    const VALUES: &'static [(&'static str, Self)];

    /// The choice of that name.
    fn named(name: &str) -> Option<Self> {
        Self::VALUES.iter().find(|(known, _)| *known == name).map(|(_, choice)| *choice)
    }
}

macro_rules! choice {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl Choice for $name {
            const VALUES: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];
        }

        impl $name {
            /// The word that stands in a configuration.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(crate) use choice;

choice! {
    /// `kafka.compression.type`.
    CompressionType {
        /// None.
        None = "none",
        /// LZ4.
        Lz4 = "lz4",
        /// Zstandard.
        Zstd = "zstd",
        /// Snappy.
        Snappy = "snappy",
        /// Gzip.
        Gzip = "gzip",
    }
}

choice! {
    /// `mongodb.authentication.mechanism`; the words are MongoDB's own.
    AuthenticationMechanism {
        /// User and password, SHA-256.
        ScramSha256 = "SCRAM-SHA-256",
        /// User and password, SHA-1.
        ScramSha1 = "SCRAM-SHA-1",
        /// The client certificate of `mongodb.ssl.keystore`.
        MongodbX509 = "MONGODB-X509",
        /// User and password in the clear, for LDAP behind the server.
        Plain = "PLAIN",
    }
}

choice! {
    /// `filters.match.mode`.
    MatchMode {
        /// The lists hold regular expressions over whole names.
        Regex = "regex",
        /// The lists hold names.
        Literal = "literal",
    }
}

choice! {
    /// `capture.mode.full.update.type`: where the document after an update comes from.
    FullUpdateType {
        /// A look-up at the boundary of the batch.
        Boundary = "boundary",
        /// The server's post-images.
        PostImage = "post_image",
        /// The server's `updateLookup`: some later state.
        Lookup = "lookup",
    }
}

choice! {
    /// `capture.mode`: what comes with a change.
    CaptureMode {
        /// The document after an update.
        UpdateFull = "change_streams_update_full",
        /// Deltas only.
        Deltas = "change_streams",
        /// Deltas, and the document before.
        DeltasWithPreImage = "change_streams_with_pre_image",
        /// Both documents.
        UpdateFullWithPreImage = "change_streams_update_full_with_pre_image",
    }
}

choice! {
    /// `output.format`.
    OutputFormat {
        /// The state after the change, flat.
        Document = "document",
        /// Debezium's envelope around typed documents.
        Envelope = "envelope",
    }
}

choice! {
    /// `delete.tombstone.handling.mode`: what a delete becomes under `document`.
    DeleteHandling {
        /// A record without a value.
        Tombstone = "tombstone",
        /// Nothing.
        Drop = "drop",
        /// A row that says so.
        Rewrite = "rewrite",
        /// Such a row, then a record without a value.
        RewriteWithTombstone = "rewrite-with-tombstone",
    }
}

choice! {
    /// `snapshot.mode`.
    SnapshotMode {
        /// Once for each collection that has no export yet.
        Initial = "initial",
        /// As initial, then stop.
        InitialOnly = "initial_only",
        /// Never.
        NoData = "no_data",
        /// At each start.
        Always = "always",
    }
}

choice! {
    /// `snapshot.oplog.guard`: what happens when the forecast is longer than the oplog.
    OplogGuard {
        /// A warning.
        Warn = "warn",
        /// No start.
        Refuse = "refuse",
    }
}

choice! {
    /// `record.oversize.handling`.
    OversizeHandling {
        /// Stop at the change.
        Halt = "halt",
        /// To quarantine, without the value.
        Quarantine = "quarantine",
        /// Fields of JSON text are cut.
        TruncateAny = "truncate.any",
        /// Left out.
        Skip = "skip",
    }
}

choice! {
    /// `contract.mode`.
    ContractMode {
        /// Inferred where there is no file.
        Infer = "infer",
        /// Only what stands in the files.
        Pinned = "pinned",
    }
}

choice! {
    /// `contract.on.drift`: what happens to a document that does not fit its contract.
    Drift {
        /// The contract grows within the version budget.
        Evolve = "evolve",
        /// Unknown fields go to `__spill`, wrong types to quarantine.
        Spill = "spill",
        /// It goes to quarantine.
        Quarantine = "quarantine",
        /// The connector stops.
        Halt = "halt",
    }
}

choice! {
    /// `contract.unknown`: what happens to unknown fields where drift is not `evolve`.
    Unknown {
        /// They go to `__spill`.
        Spill = "spill",
        /// They make the document drift.
        Drift = "drift",
        /// They are left out.
        Ignore = "ignore",
    }
}

choice! {
    /// `errors.tolerance`.
    ErrorsTolerance {
        /// Drift does what `contract.on.drift` says.
        None = "none",
        /// Drift becomes quarantine; nothing is ever skipped.
        All = "all",
    }
}

choice! {
    /// `anchor.digest`.
    AnchorDigest {
        /// A sum over SHA-256 of each record.
        Sum256 = "sum256",
        /// None.
        None = "none",
    }
}

choice! {
    /// `key.converter`, `value.converter`.
    Converter {
        /// Avro in Confluent's wire format.
        Avro = "avro",
        /// The same, by Confluent's class.
        ConfluentAvro = "io.confluent.connect.avro.AvroConverter",
        /// The same, by Apicurio's class.
        ApicurioAvro = "io.apicurio.registry.utils.converter.AvroConverter",
        /// JSON text.
        Json = "json",
        /// The same, by Connect's class.
        ConnectJson = "org.apache.kafka.connect.json.JsonConverter",
    }
}

impl Converter {
    /// Whether records are JSON text.
    pub const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::ConnectJson)
    }
}
