//! How MongoDB is reached.

use crate::definition::{Definition, Kind, Word, key, later, not_yet, refuse, refused, word};

const MECHANISMS: &[Word] = &[
    word("SCRAM-SHA-256"),
    word("SCRAM-SHA-1"),
    word("MONGODB-X509"),
    word("PLAIN"),
    later("MONGODB-AWS"),
    later("MONGODB-OIDC"),
];

/// The forms of a key store: PEM is what TLS here reads.
pub(super) const STORES: &[Word] = &[
    word("PEM"),
    later("PKCS12"),
    refused(
        "JKS",
        "only Java reads that form",
        "keytool -importkeystore -srckeystore store.jks -destkeystore store.p12 -deststoretype PKCS12\n\
         openssl pkcs12 -in store.p12 -nodes -out store.pem, and name store.pem",
    ),
];

const HOSTNAMES: &[Word] = &[
    word("false"),
    refused(
        "true",
        "a certificate for any name would be trusted, and the driver's TLS has no such switch",
        "give the certificate the host's name, or write the certificate's name in mongodb.connection.string",
    ),
];

pub(super) const KEYS: &[Definition] = &[
    key(
        "mongodb.connection.string",
        Kind::ConnectionString,
        "`mongodb://` or `mongodb+srv://`, of a replica set or of `mongos`. Options such as `readPreference` and \
         `compressors` belong in it. Shown with `***` for the password.",
    )
    .required("mongodb://localhost:27017/?replicaSet=rs0"),
    key("mongodb.user", Kind::Text, "The user, over the one in the string."),
    key("mongodb.password", Kind::Secret, "The password, over the one in the string."),
    key("mongodb.authsource", Kind::Text, "The database that knows the user.")
        .derived("`authSource` of the string, else `admin`")
        .low(),
    key("mongodb.authentication.mechanism", Kind::Choice(MECHANISMS), "How the user is checked.")
        .derived("from the string")
        .ours()
        .low(),
    refuse(
        "mongodb.authentication.class",
        "it names a Java class",
        "mongodb.authentication.mechanism=SCRAM-SHA-256, SCRAM-SHA-1, MONGODB-X509 or PLAIN",
    ),
    key("mongodb.ssl.enabled", Kind::Boolean, "TLS; the same as `tls=true` in the string.").default("false"),
    key("mongodb.ssl.keystore", Kind::Path, "A PEM file with the client's certificate and its key, unencrypted.")
        .like("= (PEM is ours)"),
    key("mongodb.ssl.keystore.type", Kind::Choice(STORES), "The form of that file.").default("PEM").low().only(&[]),
    not_yet("mongodb.ssl.keystore.password", "The password of that file; an unencrypted PEM file needs none."),
    key(
        "mongodb.ssl.truststore",
        Kind::Path,
        "A PEM file with the certificates to trust; the system's where there is none.",
    )
    .like("= (PEM is ours)"),
    key("mongodb.ssl.truststore.type", Kind::Choice(STORES), "The form of that file.").default("PEM").low().only(&[]),
    not_yet("mongodb.ssl.truststore.password", "The password of that file; a PEM file of certificates has none."),
    key(
        "mongodb.ssl.invalid.hostname.allowed",
        Kind::Choice(HOSTNAMES),
        "Whether a certificate for another host is trusted.",
    )
    .default("false")
    .low()
    .only(&[]),
    key("mongodb.connect.timeout.ms", Kind::Duration(1, 600_000), "How long a connection may take to open.")
        .default("10000")
        .low(),
    key(
        "mongodb.socket.timeout.ms",
        Kind::Duration(0, 3_600_000),
        "How long a command may take: the driver has no time-out for sockets, so each command is bounded instead. \
         0 leaves it to the connector (30 s).",
    )
    .default("0")
    .low(),
    key(
        "mongodb.server.selection.timeout.ms",
        Kind::Duration(1, 600_000),
        "How long to wait for a server that can answer.",
    )
    .default("30000")
    .low(),
    key("mongodb.heartbeat.frequency.ms", Kind::Duration(500, 600_000), "How often servers are asked how they are.")
        .default("10000")
        .low(),
];
