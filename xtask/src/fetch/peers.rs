//! The programs of others that tests compare with: jars out of Maven, Python packages, each in a place of its own.
//!
//! Invariant: nothing but the tests that compare asks for them, so that the quick start and a first build
//! download nothing of it.

use anyhow::Result;

use super::{fingerprint, folder, jars_of, python, recipe};

/// Fetches what is missing, and gives what those tests find in their environment.
pub(crate) fn peers() -> Result<Vec<(String, String)>> {
    let (pom, content) = recipe("peers.xml")?;
    let jars = folder(&format!("peers-{}", fingerprint(&content)), |partial| jars_of(&pom, partial))?;
    let python = python::made_from("peers.txt", "peers-python")?.join("bin");
    let store = python::made_from("store.txt", "store-python")?.join("bin");
    Ok(vec![
        ("MOORLINE_PEERS_JARS".into(), jars.display().to_string()),
        ("MOORLINE_PEERS_BIN".into(), python.display().to_string()),
        ("MOORLINE_STORE_BIN".into(), store.display().to_string()),
    ])
}
