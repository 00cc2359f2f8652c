//! Verdicts on what lies on this machine: the configuration's text and the contract files.

use moorline_config::{Checked, ContractMode};
use moorline_pipeline::error::Problem;

use super::finding::{Area, Finding};
use super::kafka::copy;
use crate::commands::catalogue::Catalogue;

/// All verdicts on files.
pub(super) fn verdicts(checked: &Checked, catalogue: &Catalogue) -> Vec<Finding> {
    let mut found = secrets(checked);
    found.extend(catalogue.problems.iter().map(|problem| Finding::error(Area::Contracts, copy(problem))));
    found.extend(without_file(checked, catalogue));
    found
}

fn secrets(checked: &Checked) -> Vec<Finding> {
    let told = checked.literal_secrets.iter().map(|secret| {
        let variable: String =
            secret.key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        let fix = if secret.key == "mongodb.connection.string" {
            "leave the user in the string, and take the password out: mongodb.password=${env:MONGODB_PASSWORD}"
                .to_owned()
        } else {
            format!("{}=${{env:{variable}}}, or ${{file:PATH:KEY}}, or ${{directory:PATH:FILE}}", secret.key)
        };
        let problem = Problem::new(
            "MOOR-2040",
            format!("a secret stands in the configuration: `{}`", secret.key),
            secret.place.clone(),
            "a configuration is copied, mailed and committed; whoever reads it has the secret",
            fix,
        );
        Finding::warning(Area::Configuration, problem)
    });
    told.collect()
}

/// Collections that are named, but have no file where nothing but files counts.
fn without_file(checked: &Checked, catalogue: &Catalogue) -> Vec<Finding> {
    if checked.config.contract_mode != ContractMode::Pinned {
        return Vec::new();
    }
    let broken = |path: &str| catalogue.problems.iter().any(|problem| problem.place.starts_with(path));
    let without = catalogue.entries.iter().filter(|entry| entry.contract.is_none());
    let without = without.filter(|entry| !broken(&entry.path.display().to_string()));
    let told = without.map(|entry| {
        let problem = Problem::new(
            "MOOR-4005",
            format!("{} has no contract", entry.namespace),
            entry.path.display().to_string(),
            "contract.mode=pinned takes nothing but the files",
            format!("moorline contract infer -c FILE --collection {}\nor contract.mode=infer", entry.namespace),
        );
        let command = format!("moorline contract infer -c FILE --collection {}", entry.namespace);
        Finding::error(Area::Contracts, problem).shell(command)
    });
    told.collect()
}
