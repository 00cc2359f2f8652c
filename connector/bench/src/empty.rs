//! Empty collections, as databases have them: nothing is in them, and a connector still has to know them.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::places;

/// Flags of `empty`.
#[derive(Args)]
pub(crate) struct Empty {
    #[arg(long)]
    database: String,
    #[arg(long)]
    collections: u64,
}

impl Empty {
    pub(crate) async fn run(self) -> Result<serde_json::Value> {
        let database = places::mongo().await?.database(&self.database);
        for number in 0..self.collections {
            database.create_collection(format!("empty{number:03}")).await?;
        }
        Ok(json!({ "measurement": "empty", "documents": 0 }))
    }
}
