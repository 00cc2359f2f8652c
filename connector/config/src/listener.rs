//! Addresses to listen at, as Kafka Connect writes them: `http://host:port`, with commas.
//!
//! Invariant: what passed the check is taken apart without loss; an empty host is all interfaces, as in Connect.

use crate::value::split;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// Host name or address, IPv6 without brackets; empty for all interfaces.
    pub host: String,
    /// Port; 0 for any that is free.
    pub port: u16,
}

/// Why a text is no list of addresses.
pub(crate) enum Wrong {
    /// It is none: why.
    Bad(&'static str),
    /// TLS, which comes later.
    NotYet,
}

/// The addresses of a text.
pub(crate) fn parse(text: &str) -> Result<Vec<String>, Wrong> {
    let all = split(text);
    if all.is_empty() {
        return Err(Wrong::Bad("there is no address in it"));
    }
    for one in &all {
        if one.to_ascii_lowercase().starts_with("https://") {
            return Err(Wrong::NotYet);
        }
        if address(one).is_none() {
            return Err(Wrong::Bad("an address is http://host:port, with a port from 0 to 65535 and no path"));
        }
    }
    Ok(all)
}

/// One address.
pub(crate) fn address(text: &str) -> Option<ListenAddress> {
    let rest = text.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://")).map(|_| &text[7..])?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = rest.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').filter(|inner| inner.contains(':'))?,
        None => host,
    };
    let bracketed = rest.starts_with('[');
    let good = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c) || (bracketed && ":%".contains(c));
    (host.chars().all(good)).then(|| port.parse().ok().map(|port| ListenAddress { host: host.to_owned(), port }))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_and_ports() {
        let at = |host: &str, port| Some(ListenAddress { host: host.into(), port });
        assert_eq!(address("http://127.0.0.1:8083"), at("127.0.0.1", 8083));
        assert_eq!(address("HTTP://:8083"), at("", 8083));
        assert_eq!(address("http://[::1]:0/"), at("::1", 0));
        for bad in [
            "127.0.0.1:8083",
            "http://a",
            "http://a:65536",
            "http://a:1/x",
            "http://a b:1",
            "http://::1:1",
            "ftp://a:1",
        ] {
            assert_eq!(address(bad), None, "{bad}");
        }
        assert!(matches!(parse("http://a:1, https://b:2"), Err(Wrong::NotYet)));
        assert!(matches!(parse(" , "), Err(Wrong::Bad(_))));
    }
}
