//! Real documents that nobody here wrote: places and films for the first snapshot, flights for the second.
//!
//! Invariants: nothing is generated but `_id`s; what is missing is told, never replaced.

use std::fs;
use std::path::{Path, PathBuf};

use bson::{Bson, Document};
use moorline_pipeline::error::Problem;

/// A collection's documents.
pub(super) struct Set {
    pub(super) name: &'static str,
    pub(super) documents: Vec<Document>,
}

/// What is moved.
pub(super) struct Sets {
    pub(super) first: Vec<Set>,
    pub(super) second: Vec<Set>,
}

/// Reads them from the npm package `vega-datasets`, unpacked under this folder.
pub(super) fn read(folder: &Path) -> Result<Sets, Problem> {
    let data = package(folder).ok_or_else(|| missing(folder, "no folder `vega-datasets-*` with `data` in it"))?;
    let places = Set { name: "places", documents: table(&data.join("zipcodes.csv"), "zip_code")? };
    let films = Set { name: "films", documents: array(&data.join("movies.json"))? };
    let flights = Set { name: "flights", documents: array(&data.join("flights-200k.json"))? };
    Ok(Sets { first: vec![places, films], second: vec![flights] })
}

fn package(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("vega-datasets"));
    let mut found: Vec<PathBuf> = named.map(|entry| entry.path().join("data")).filter(|path| path.is_dir()).collect();
    found.sort();
    found.pop().or_else(|| Some(folder.join("data")).filter(|path| path.is_dir()))
}

fn text(path: &Path) -> Result<String, Problem> {
    fs::read_to_string(path).map_err(|error| missing(path, &error.to_string()))
}

/// A JSON array of objects; `_id` is the place in it.
fn array(path: &Path) -> Result<Vec<Document>, Problem> {
    let rows: Vec<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_str(&text(path)?).map_err(|error| missing(path, &error.to_string()))?;
    let document = |(place, row): (usize, serde_json::Map<_, _>)| {
        let mut document = Document::from_iter([("_id".to_owned(), Bson::Int64(place as i64 + 1))]);
        for (name, value) in row {
            // A value that is no Extended JSON stays the text that it is.
            let text = value.to_string();
            document.insert(name, Bson::try_from(value).unwrap_or(Bson::String(text)));
        }
        document
    };
    Ok(rows.into_iter().enumerate().map(document).collect())
}

/// A table without quotes; one column is `_id`, numbers are doubles.
fn table(path: &Path, id: &str) -> Result<Vec<Document>, Problem> {
    let text = text(path)?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let value = |name: &str, cell: &str| match cell.parse::<f64>() {
        // A code with leading zeros is a text.
        Ok(number) if name != id => Bson::Double(number),
        _ => Bson::String(cell.to_owned()),
    };
    let row = |line: &str| -> Document {
        let cells = names.iter().zip(line.split(','));
        cells.map(|(name, cell)| ((if *name == id { "_id" } else { name }).to_owned(), value(name, cell))).collect()
    };
    Ok(lines.map(row).collect())
}

fn missing(place: &Path, why: &str) -> Problem {
    Problem::new(
        "MOOR-7022",
        "the demo's documents can't be read",
        place.display().to_string(),
        why,
        "cargo xtask quickstart fetches them and runs the demo on servers of its own\n\
         or unpack the npm package vega-datasets (npm pack vega-datasets@3.2.1) into DIR/vega-datasets-3.2.1, and --data DIR",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_documents() {
        let folder = std::env::temp_dir().join(format!("moorline-documents-{}", std::process::id()));
        fs::create_dir_all(folder.join("vega-datasets-1/data")).unwrap();
        let data = folder.join("vega-datasets-1/data");
        fs::write(data.join("zipcodes.csv"), "zip_code,latitude,city\n00501,40.9,Holtsville\n").unwrap();
        fs::write(data.join("movies.json"), r#"[{"Title": 1, "a": null}, {"Title": "x"}]"#).unwrap();
        assert!(read(&folder).is_err(), "flights are missing");
        fs::write(data.join("flights-200k.json"), r#"[{"delay": 3, "time": 0.5}]"#).unwrap();
        let sets = read(&folder).unwrap();
        assert_eq!(sets.first[0].documents[0], bson::doc! {"_id": "00501", "latitude": 40.9, "city": "Holtsville"});
        assert_eq!(sets.first[1].documents[1], bson::doc! {"_id": 2_i64, "Title": "x"});
        assert_eq!(sets.second[0].documents.len(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
