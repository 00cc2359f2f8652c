//! A configuration for the tests of verdicts.

use moorline_config::{Config, Environment};

/// A sound configuration with these lines beside what is required.
pub(super) fn config(lines: &str) -> Config {
    let text = format!(
        "bootstrap.servers=localhost:1\ngroup.id=g\nschema.registry.url=http://localhost:1\nname=shop\n\
         connector.class=moorline.mongodb\nmongodb.connection.string=mongodb://localhost:1/?replicaSet=rs0\n\
         topic.prefix=shop\n{lines}\n"
    );
    moorline_config::read(&text, "test", &Environment).unwrap_or_else(|wrong| panic!("{wrong:?}")).config
}
