//! Values that are good by themselves and can't be had together, and values that may not mean what they look like.

use secrecy::ExposeSecret as _;

use crate::choice::{AuthenticationMechanism, Drift, ErrorsTolerance, MatchMode};
use crate::codes;
use crate::config::Config;
use crate::forms;
use crate::given::Given;
use crate::patterns::{self, Verdict};
use crate::report::{Report, quoted};
use crate::value;

/// Seconds of a day, which ticks must divide.
const DAY: u64 = 86_400;

/// Looks at the whole.
pub(crate) fn check(config: &Config, given: &Given, report: &mut Report<'_>) {
    interval(config, given, report);
    without_effect(config, given, report);
    topics(config, given, report);
    forms::check(config, given, report);
    source(config, given, report);
    registry(config, given, report);
    for (key, list) in [
        ("database.include.list", &config.database_include_list),
        ("database.exclude.list", &config.database_exclude_list),
        ("collection.include.list", &config.collection_include_list),
        ("collection.exclude.list", &config.collection_exclude_list),
    ] {
        if let Some(line) = given.line(key) {
            list.iter().enumerate().for_each(|(index, text)| {
                names(key, index + 1, text, config.filters_match_mode, line, report);
            });
        }
    }
    if let Some(line) = given.line("config.providers") {
        for name in
            config.config_providers.iter().filter(|name| !crate::placeholder::PROVIDERS.contains(&name.as_str()))
        {
            let what = format!("`config.providers` does not yet take {}", quoted(name));
            let fix = vec!["config.providers=env,file,directory, which is the default".to_owned()];
            report.mistake(
                line,
                codes::NOT_YET,
                what,
                "the providers of this version are env, file and directory",
                fix,
            );
        }
    }
    channels(given, report);
    if let Some(line) = given.line("errors.tolerance")
        && config.errors_tolerance == ErrorsTolerance::All
        && config.contract_on_drift == Drift::Halt
    {
        let what = "`errors.tolerance=all` and `contract.on.drift=halt` contradict each other".to_owned();
        let why = "the one sends what does not fit to quarantine, the other stops at it";
        report.mistake(line, codes::CONTRADICTION, what, why, vec!["take one of them out".to_owned()]);
    }
}

/// Keys of Connect and Debezium that say how often positions move, which anchors decide here; and a topic of heartbeats
/// without any.
fn without_effect(config: &Config, given: &Given, report: &mut Report<'_>) {
    let heartbeats = ["topic.heartbeat.name", "topic.heartbeat.prefix"];
    let named = heartbeats.iter().any(|key| given.line(key).is_some());
    for (key, why) in [
        ("offset.flush.interval.ms", "a batch is committed as soon as it is read, at the next anchor at the latest"),
        ("heartbeat.interval.ms", "positions move with each anchor, and no topic of heartbeats is named"),
    ] {
        let default = Given::default().value(key);
        if let (Some(line), true) = (given.line(key), given.own(key) != default)
            && !(named && key == "heartbeat.interval.ms")
        {
            let fix = vec!["anchor.interval.ms says how often anchors are made".to_owned()];
            report.warning(line, codes::IGNORED, format!("`{key}` has no effect here"), why, fix);
        }
    }
    for key in heartbeats {
        if let (Some(line), None) = (given.line(key), &config.topic_heartbeat_name) {
            let fix = vec!["heartbeat.interval.ms=10000, or take the key out".to_owned()];
            let what = format!("`{key}` has no effect here");
            report.warning(line, codes::IGNORED, what, "heartbeat.interval.ms=0 is none at all", fix);
        }
    }
}

/// Channels of signals and notifications: those of Debezium that come later are told apart from those that nobody knows.
fn channels(given: &Given, report: &mut Report<'_>) {
    for (key, taken, later) in [
        ("signal.enabled.channels", &["kafka"][..], &["source", "file", "jmx", "in-process"][..]),
        ("notification.enabled.channels", &["sink", "log"][..], &["jmx"][..]),
    ] {
        let Some(line) = given.line(key) else { continue };
        for channel in given.list(key).iter().filter(|channel| !taken.contains(&channel.as_str())) {
            let fix = vec![format!("{key}={}, or empty for none", taken.join(","))];
            if later.contains(&channel.as_str()) {
                let what = format!("`{key}` does not yet take {}", quoted(channel));
                report.mistake(line, codes::NOT_YET, what, "it is specified, and this version does not act on it", fix);
            } else {
                let what = format!("`{key}` cannot be {}", quoted(channel));
                report.mistake(line, codes::BAD_VALUE, what, "there is no such channel", fix);
            }
        }
    }
}

fn interval(config: &Config, given: &Given, report: &mut Report<'_>) {
    let Some(line) = given.line("anchor.interval.ms") else { return };
    let interval = config.anchor_interval_ms;
    let whole = interval.subsec_nanos() == 0;
    if whole && interval.as_secs() > 0 && DAY.is_multiple_of(interval.as_secs()) {
        return;
    }
    let fits = |seconds: &u64| *seconds <= 3600 && DAY.is_multiple_of(*seconds);
    let below = (1..=interval.as_secs().max(1)).rev().find(fits).unwrap_or(1);
    let above = (interval.as_secs() + 1..=3600).find(fits).unwrap_or(3600);
    let what = format!("`anchor.interval.ms` cannot be {}", given.shown("anchor.interval.ms"));
    let why = "anchors stand at the same whole seconds each day, so the interval divides a day into whole seconds";
    let fix = format!("{} or {} are near; the default is anchor.interval.ms=10000", below * 1000, above * 1000);
    report.mistake(line, codes::BAD_VALUE, what, why, vec![fix]);
}

fn topics(config: &Config, given: &Given, report: &mut Report<'_>) {
    let delimiter = &config.topic_delimiter;
    let good = !delimiter.is_empty() && delimiter.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if let (false, Some(line)) = (good, given.line("topic.delimiter")) {
        let what = format!("`topic.delimiter` cannot be {}", given.shown("topic.delimiter"));
        let fix = vec!["letters, digits, `.`, `_` or `-`; the default is topic.delimiter=.".to_owned()];
        report.mistake(line, codes::BAD_VALUE, what, "brokers take no such topic name", fix);
    }
    let mut named = vec![
        ("offset.storage.topic", &config.offset_storage_topic),
        ("quarantine.topic.name", &config.quarantine_topic_name),
        ("anchor.topic.name", &config.anchor_topic_name),
        ("certificate.topic.name", &config.certificate_topic_name),
    ];
    named.extend(config.topic_heartbeat_name.as_ref().map(|topic| ("topic.heartbeat.name", topic)));
    for (index, (key, topic)) in named.iter().enumerate() {
        if let Some((other, _)) = named[..index].iter().find(|(_, other)| other == topic) {
            let line = given.line(key).or_else(|| given.line(other)).unwrap_or(report.end());
            let what = format!("`{other}` and `{key}` name one topic");
            let fix = vec!["take one of them out, or give it another name".to_owned()];
            report.mistake(line, codes::CONTRADICTION, what, "each has records of its own form", fix);
        }
        // A default that is made of other keys must be a topic's name too.
        let of = if index == 0 { "group.id" } else { "topic.prefix" };
        let own = given.line(key).or_else(|| given.line("offsets.storage.topic").filter(|_| index == 0));
        if let (None, Some(line), Err(why), true) = (own, given.line(of), value::topic(topic), good) {
            let what = format!("`{key}` would be no topic's name");
            report.mistake(line, codes::BAD_VALUE, what, why, vec![format!("give {key} a name, or change {of}")]);
        }
    }
}

fn source(config: &Config, given: &Given, report: &mut Report<'_>) {
    let uri = config.mongodb_connection_string.expose_secret();
    let options = uri.rsplit_once('?').map_or("", |(_, options)| options).to_ascii_lowercase();
    let tls = config.mongodb_ssl_enabled
        || uri.starts_with("mongodb+srv://")
        || options.contains("tls=true")
        || options.contains("ssl=true");
    for key in ["mongodb.ssl.keystore", "mongodb.ssl.truststore"] {
        let Some(line) = given.line(key) else { continue };
        if !tls {
            let what = format!("`{key}` is given, and TLS is off");
            let fix = vec!["mongodb.ssl.enabled=true, or take the key out".to_owned()];
            report.mistake(line, codes::CONTRADICTION, what, "the connection would be in the clear", fix);
        }
        let path = given.text(key).to_ascii_lowercase();
        if path.ends_with(".jks") || path.ends_with(".p12") || path.ends_with(".pfx") {
            let what = format!("`{key}` names no PEM file");
            let fix = vec!["openssl pkcs12 -in store.p12 -nodes -out store.pem, and name store.pem".to_owned()];
            report.mistake(line, codes::BAD_VALUE, what, "the ending speaks of PKCS12 or of Java's form", fix);
        }
    }
    let body = uri.split_once("://").map_or("", |(_, rest)| rest);
    if let (Some(line), None, false) = (given.line("mongodb.password"), &config.mongodb_user, body.contains('@')) {
        let what = "`mongodb.password` is given, and no user".to_owned();
        let why = "neither `mongodb.user` nor the connection string names one";
        report.mistake(line, codes::CONTRADICTION, what, why, vec!["add mongodb.user=...".to_owned()]);
    }
    if let (Some(line), Some(AuthenticationMechanism::MongodbX509)) =
        (given.line("mongodb.authentication.mechanism"), config.mongodb_authentication_mechanism)
        && config.mongodb_ssl_keystore.is_none()
        && !options.contains("tlscertificatekeyfile=")
    {
        let what = "`mongodb.authentication.mechanism=MONGODB-X509` has no certificate to show".to_owned();
        let fix = vec!["add mongodb.ssl.enabled=true and mongodb.ssl.keystore=<PEM file>".to_owned()];
        report.mistake(line, codes::CONTRADICTION, what, "the certificate is what says who asks", fix);
    }
}

fn registry(config: &Config, given: &Given, report: &mut Report<'_>) {
    let (user, token) = ("schema.registry.basic.auth.user.info", "schema.registry.bearer.auth.token");
    if let (Some(line), Some(_)) = (given.line(user), given.line(token)) {
        let what = format!("`{user}` and `{token}` contradict each other");
        let fix = vec!["take one of them out".to_owned()];
        report.mistake(line, codes::CONTRADICTION, what, "a request says in one way who asks", fix);
    }
    if let (Some(line), Some(pair)) = (given.line(user), &config.schema_registry_basic_auth_user_info)
        && !pair.expose_secret().contains(':')
    {
        let what = format!("`{user}` has no colon in it");
        let fix = vec!["write user:password, or ${env:NAME} with that in it".to_owned()];
        report.mistake(line, codes::BAD_VALUE, what, "the colon parts user and password", fix);
    }
    for (source, wanted) in [
        ("schema.registry.basic.auth.credentials.source", user),
        ("schema.registry.bearer.auth.credentials.source", token),
    ] {
        if let (Some(line), None) = (given.line(source), given.line(wanted)) {
            let what = format!("`{source}` is given, and `{wanted}` is not");
            let fix = vec![format!("add {wanted}=..., or take the key out")];
            report.mistake(line, codes::CONTRADICTION, what, "nothing would say who asks", fix);
        }
    }
}

/// One name or pattern of a list.
fn names(key: &str, number: usize, text: &str, mode: MatchMode, line: usize, report: &mut Report<'_>) {
    let of_collections = key.starts_with("collection");
    let mut doubt = |what: String, why: &str, fix: &str| {
        report.warning(line, codes::DOUBTFUL, what, why, vec![fix.to_owned()]);
    };
    match (mode, patterns::check(text)) {
        (MatchMode::Literal, _) if text.contains(['\\', '*', '^', '(', '[', '|']) => doubt(
            format!("name {number} of `{key}` looks like a regular expression"),
            "with filters.match.mode=literal it is compared letter by letter",
            "filters.match.mode=regex, if it is one",
        ),
        (MatchMode::Regex, Verdict::Bad(why)) => {
            let what = format!("pattern {number} of `{key}` is no regular expression");
            let fix = vec!["correct it, or filters.match.mode=literal, if it is a name".to_owned()];
            return report.mistake(line, codes::BAD_VALUE, what, &why, fix);
        }
        (MatchMode::Regex, Verdict::Doubtful(why)) => doubt(
            format!("pattern {number} of `{key}` could not be checked here"),
            &format!("the server reads it, in PCRE; the engine here says: {why}"),
            "nothing, if the server takes it; one that it refuses ends the run with MOOR-2014",
        ),
        _ => {}
    }
    let bare = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if of_collections && text.chars().all(bare) {
        let what = format!("name {number} of `{key}` can't be that of a collection");
        let fix = format!("<database>.{}, or `.*\\.{}` for those of all databases", text, text);
        report.warning(
            line,
            codes::DOUBTFUL,
            what,
            "names are `<database>.<collection>`, and are matched whole",
            vec![fix],
        );
    }
}
