//! `stack status`: which stacks there are, and which of their servers live.

use anyhow::Result;

use super::record::Record;

/// Prints one line a server.
pub(crate) fn list() -> Result<()> {
    for name in Record::names()? {
        let Ok(record) = Record::load(&name) else {
            say!("{name}  no record: a start that was cut short, `down --name {name}` clears it");
            continue;
        };
        for server in &record.servers {
            let state = if server.process.lives() { "lives" } else { "gone" };
            say!("{name}  {:<9} port {:<6} pid {:<8} {state}", server.role, server.port, server.process.id);
        }
    }
    Ok(())
}
