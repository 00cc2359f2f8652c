//! Where a collection's contract comes from, and how it evolves: file, registry, sample, in this order of trust.
//!
//! Invariants: nothing is encoded with a schema that the registry has not given an id; what is registered is derived
//! from the contract, never the other way round, but where the file is gone; a key's kind never changes.

use std::fs;
use std::path::PathBuf;

use moorline_pipeline::contract::model::{Contract, Drift, Output, Unknown};
use moorline_pipeline::contract::output::Rules;
use moorline_pipeline::contract::plan::{Texts, UnknownFields};
use moorline_pipeline::contract::{derive, evolve, file, infer, merge};
use moorline_pipeline::error::{Failure, Next, Problem, Result};
use moorline_pipeline::model::Namespace;
use moorline_pipeline::sink::Registry;
use tracing::{info, warn};

use crate::settings::{ContractMode, ContractSettings};
use crate::topics::Owners;
use crate::transactions::SchemaIds;

/// A contract with what the registry knows of it.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The contract in force.
    pub contract: Contract,
    /// Names and metadata of its output.
    pub output: Output,
    /// What drift does.
    pub on_drift: Drift,
    /// What unknown fields do.
    pub unknown: Unknown,
    /// Registry id of the key schema.
    pub key_id: u32,
    /// Registry id of the value schema.
    pub value_id: u32,
    /// Digest of the key schema.
    pub key_digest: String,
    /// Digest of the value schema.
    pub value_digest: String,
    /// SHA-256 of the contract file's text, hex.
    pub hash: String,
    /// What writes records that are JSON text.
    pub texts: Texts,
}

/// A contract in force, for who only reads.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The contract.
    pub contract: Contract,
    /// Names and metadata of its output.
    pub output: Output,
    /// What becomes of unknown fields once no version is added for them any more.
    pub unknown: UnknownFields,
}

/// What a plan does with unknown fields; `spill` where those that `evolve` would report go to `__spill`.
pub(crate) fn unknown_fields(on_drift: Drift, unknown: Unknown, spill: bool) -> UnknownFields {
    match (on_drift, unknown) {
        (Drift::Evolve, _) if !spill => UnknownFields::Report,
        (Drift::Evolve | Drift::Spill, _) | (_, Unknown::Spill) => UnknownFields::Spill,
        (_, Unknown::Ignore) => UnknownFields::Ignore,
        (_, Unknown::Drift) => UnknownFields::Report,
    }
}

/// Contracts of one connector.
#[derive(Debug)]
pub struct Contracts<R> {
    registry: R,
    settings: ContractSettings,
    rules: Rules,
    owners: Owners,
}

impl<R: Registry> Contracts<R> {
    /// With the registry and the settings of a connector; `own` are the topics that it keeps for itself.
    pub fn new(registry: R, settings: ContractSettings, rules: Rules, own: &[String]) -> Self {
        Self { registry, settings, rules, owners: Owners::new(own) }
    }

    /// The topic of a collection.
    pub fn topic(&self, namespace: &Namespace) -> String {
        self.rules.topic(namespace)
    }

    /// Takes note of a topic that holds a collection's records already: `MOOR-3004` where it is another's.
    pub fn written(&self, topic: &str, namespace: &Namespace) -> Result<()> {
        self.owners.take(topic, namespace)
    }

    /// The registry.
    pub fn registry(&self) -> &R {
        &self.registry
    }

    /// The contract of a collection, bound to the registry: from the file and what is registered, else inferred from
    /// `documents`; `None` where there is neither a file, nor a registered schema, nor a document.
    /// No two collections have one topic: `MOOR-3004` for the second.
    pub async fn prepare(&self, namespace: &Namespace, documents: &[&bson::RawDocument]) -> Result<Option<Bound>> {
        self.prepare_on(self.topic(namespace), namespace, documents).await
    }

    /// The same for a topic by its name, as an earlier run has called it.
    pub async fn prepare_on(
        &self,
        topic: String,
        namespace: &Namespace,
        documents: &[&bson::RawDocument],
    ) -> Result<Option<Bound>> {
        self.owners.take(&topic, namespace)?;
        let written = self.read_file(namespace)?;
        let (on_drift, unknown) = self.policies(namespace, written.as_ref());
        let output = Output { topic, ..self.rules.output(namespace, on_drift, unknown) };
        let registered = match (&written, self.settings.mode) {
            (Some(_), ContractMode::Pinned) => None,
            (None, ContractMode::Pinned) => return Err(no_file(namespace, &self.path(namespace))),
            _ => self.registered(namespace, &output).await?,
        };
        let fresh = written.is_none();
        let contract = match (written, registered) {
            (Some(written), Some(registered)) => merge::merge(written, registered),
            (Some(contract), None) | (None, Some(contract)) => contract,
            (None, None) => match self.infer(namespace, documents) {
                Some(inferred) => {
                    info!(collection = %namespace, documents = documents.len(), fields = inferred.contract.fields.len(),
                        undecided = inferred.undecided.len(), "contract inferred");
                    inferred.contract
                }
                None => return Ok(None),
            },
        };
        if fresh {
            self.write_file(namespace, &contract)?;
        }
        self.bind(contract, output, on_drift, unknown).await.map(Some)
    }

    /// What [`Contracts::prepare_on`] would find in file and registry, for who only reads: nothing is inferred, written or
    /// registered. `None` where there is neither.
    pub async fn in_force(&self, topic: &str, namespace: &Namespace) -> Result<Option<InForce>> {
        let written = self.read_file(namespace)?;
        let (on_drift, unknown) = self.policies(namespace, written.as_ref());
        let output = Output { topic: topic.to_owned(), ..self.rules.output(namespace, on_drift, unknown) };
        let registered = match self.settings.mode {
            ContractMode::Pinned => None,
            ContractMode::Infer => self.registered(namespace, &output).await?,
        };
        let contract = match (written, registered) {
            (Some(written), Some(registered)) => merge::merge(written, registered),
            (Some(contract), None) | (None, Some(contract)) => contract,
            (None, None) => return Ok(None),
        };
        Ok(Some(InForce { contract, output, unknown: unknown_fields(on_drift, unknown, true) }))
    }

    /// Widens a contract by documents that did not fit, one version; `None` where nothing can be widened.
    pub async fn evolve(&self, bound: &Bound, documents: &[&bson::RawDocument]) -> Result<Option<Bound>> {
        let (limits, options) = (&self.settings.limits, &self.settings.options);
        let evolution = evolve::evolve_with(&bound.contract, documents.iter().copied(), limits, options);
        for refused in &evolution.refused {
            warn!(collection = %bound.contract.namespace, rule = refused.rule, path = refused.path,
                expected = refused.expected, found = refused.found, "the contract was not widened");
        }
        let Some(contract) = evolution.contract else { return Ok(None) };
        if !derive::keeps_names(&bound.contract, &contract, &bound.output) {
            warn!(collection = %bound.contract.namespace, rule = "MC104",
                "the contract was not widened: a new field would take another's column");
            return Ok(None);
        }
        let added = evolution.added.iter().map(|c| c.path.as_str()).collect::<Vec<_>>().join(", ");
        let widened = self.bind(contract, bound.output.clone(), bound.on_drift, bound.unknown).await?;
        info!(collection = %bound.contract.namespace, schema_id = widened.value_id, fields = added, "contract widened");
        Ok(Some(widened))
    }

    fn infer(&self, namespace: &Namespace, documents: &[&bson::RawDocument]) -> Option<infer::Inferred> {
        infer::infer_with(namespace, documents.iter().copied(), &self.settings.limits, &self.settings.options)
    }

    /// Versions that `evolve` may add to a contract in a day.
    pub fn version_budget(&self) -> u32 {
        self.settings.limits.version_budget
    }

    async fn bind(&self, contract: Contract, output: Output, on_drift: Drift, unknown: Unknown) -> Result<Bound> {
        let key = derive::key_schema(&contract, &output);
        let value = derive::value_schema(&contract, &output);
        // Before anything is registered: what can't be written should leave nothing behind.
        let texts = Texts::of(&contract, &output).map_err(|why| no_text(&contract.namespace, &why.to_string()))?;
        let ids = SchemaIds::register(&self.registry, &output.topic, &key, &value).await?;
        Ok(Bound {
            hash: file::contract_hash(&file::write(&contract)),
            key_digest: derive::schema_digest(&key),
            value_digest: derive::schema_digest(&value),
            contract,
            output,
            on_drift,
            unknown,
            key_id: ids.key,
            value_id: ids.value,
            texts,
        })
    }

    async fn registered(&self, namespace: &Namespace, output: &Output) -> Result<Option<Contract>> {
        let Some(value) = self.registry.latest(&format!("{}-value", output.topic)).await? else { return Ok(None) };
        let Some(key) = self.registry.latest(&format!("{}-key", output.topic)).await? else { return Ok(None) };
        match merge::from_registered(&value.schema, &key.schema, namespace, output) {
            Ok(contract) => Ok(Some(contract)),
            Err(problem) => Err(Failure::halt(Problem::new(
                "MOOR-4006",
                format!("the schema registered for {} is not one of ours", output.topic),
                format!("subject {}-value version {} (id {})", output.topic, value.version, value.id),
                problem.to_string(),
                "take another topic.prefix, or delete the subject if nothing reads it",
            ))),
        }
    }

    fn policies(&self, namespace: &Namespace, contract: Option<&Contract>) -> (Drift, Unknown) {
        let by_key = self.settings.on_drift_of.get(namespace.as_str()).copied();
        let on_drift = by_key.or(contract.and_then(|c| c.on_drift)).unwrap_or(self.settings.on_drift);
        let unknown = contract.and_then(|c| c.unknown).unwrap_or(self.settings.unknown);
        (on_drift, unknown)
    }

    fn path(&self, namespace: &Namespace) -> PathBuf {
        self.settings.path.join(file::file_name(namespace))
    }

    fn read_file(&self, namespace: &Namespace) -> Result<Option<Contract>> {
        let path = self.path(namespace);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(file_failure(&path, &error)),
        };
        file::parse_beside(&text, namespace, &self.rules.template.metadata_prefix).map(Some).map_err(|problems| {
            let first = &problems[0];
            Failure::halt(Problem::new(
                first.code,
                first.what.clone(),
                format!("{}:{}", path.display(), first.line),
                format!("{} problem(s) in this contract; nothing can be encoded by it", problems.len()),
                &first.fix,
            ))
        })
    }

    fn write_file(&self, namespace: &Namespace, contract: &Contract) -> Result<()> {
        let path = self.path(namespace);
        // Written beside and renamed, so that a crash leaves no half contract behind.
        let beside = path.with_extension("avsc.new");
        fs::create_dir_all(&self.settings.path)
            .and_then(|()| fs::write(&beside, file::write(contract)))
            .and_then(|()| fs::rename(&beside, &path))
            .map_err(|error| file_failure(&path, &error))
    }
}

fn file_failure(path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Next::Halt,
        Problem::new(
            "MOOR-4007",
            "a contract file can't be read or written",
            path.display().to_string(),
            error.to_string(),
            "set contract.path to a folder that this user may write",
        ),
    )
}

fn no_file(namespace: &Namespace, path: &std::path::Path) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-4005",
        format!("{namespace} has no contract"),
        path.display().to_string(),
        "contract.mode=pinned takes nothing but the files",
        format!("moorline contract infer -c FILE --collection {namespace}\nor contract.mode=infer"),
    ))
}

fn no_text(namespace: &Namespace, why: &str) -> Failure {
    Failure::halt(Problem::new(
        "MOOR-5801",
        format!("records of {namespace} can't be written as JSON text"),
        format!("{namespace}, key.converter or value.converter"),
        why,
        "contract.max.depth=12 and a contract made anew, or key.converter=avro and value.converter=avro",
    ))
}
