//! `stack up`: three servers started at once, each waited for by a request that it must answer.
//!
//! Invariant: all or nothing. If one does not come up, or we are interrupted, the others are stopped
//! and the folder is removed, and the error carries the end of the log that explains it.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::process::Process;
use super::record::{Record, Server};
use super::{down, kafka, mongod, ports, ready, registry};
use crate::fetch;

/// How a stack is to be.
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// The stack's name; its folder, and how the other commands find it.
    #[arg(long)]
    pub(crate) name: String,
    /// Nodes of the replica set.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=7))]
    pub(crate) nodes: u8,
    /// Port of the first MongoDB node; a free one if absent.
    #[arg(long)]
    pub(crate) mongo_port: Option<u16>,
    /// Port of the broker; a free one if absent.
    #[arg(long)]
    pub(crate) kafka_port: Option<u16>,
    /// Port of the registry; a free one if absent.
    #[arg(long)]
    pub(crate) registry_port: Option<u16>,
    /// Leave data and logs in place on `down`, and take them up again on the next `up` of that name.
    #[arg(long)]
    pub(crate) keep_data: bool,
    /// The registry's global compatibility.
    #[arg(long, default_value = "BACKWARD")]
    pub(crate) compatibility: String,
    /// Heap of the broker.
    #[arg(long, default_value = "512m")]
    pub(crate) kafka_heap: String,
    /// Seconds until each server must answer.
    #[arg(long, default_value_t = 90)]
    pub(crate) limit: u64,
    /// `mongo.X=V` is a parameter of mongod, `mongod.X=V` a flag of it, `kafka.X=V` a line of
    /// server.properties, `registry.X=V` a property of the registry. May be repeated.
    #[arg(long = "set", value_name = "SERVER.KEY=VALUE")]
    pub(crate) settings: Vec<String>,
}

impl Options {
    /// A stack with nothing special about it.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            nodes: 1,
            mongo_port: None,
            kafka_port: None,
            registry_port: None,
            keep_data: false,
            compatibility: "BACKWARD".into(),
            kafka_heap: "512m".into(),
            limit: 90,
            settings: Vec::new(),
        }
    }
}

/// The `--set` values, checked.
pub(crate) struct Settings(Vec<(String, String, String)>);

impl Settings {
    fn parse(given: &[String]) -> Result<Self> {
        let parse = |setting: &String| {
            let (path, value) = setting.split_once('=')?;
            let (server, key) = path.split_once('.')?;
            ["mongo", "mongod", "kafka", "registry"]
                .contains(&server)
                .then(|| (server.to_owned(), key.to_owned(), value.to_owned()))
        };
        let parsed = given.iter().map(|setting| {
            parse(setting).with_context(|| format!("`{setting}` is not mongo|mongod|kafka|registry.KEY=VALUE"))
        });
        parsed.collect::<Result<_>>().map(Self)
    }

    /// Key and value of those meant for one server.
    pub(crate) fn of<'settings>(
        &'settings self,
        server: &str,
    ) -> impl Iterator<Item = (&'settings str, &'settings str)> {
        self.0.iter().filter(move |(meant, _, _)| meant == server).map(|(_, key, value)| (key.as_str(), value.as_str()))
    }
}

/// Starts a stack and waits until all of it answers.
pub(crate) fn up(options: &Options) -> Result<Record> {
    let settings = Settings::parse(&options.settings)?;
    let servers = fetch::servers()?;
    let folder = Record::folder(&options.name)?;
    if let Ok(old) = Record::load(&options.name) {
        if old.servers.iter().any(|server| server.process.lives()) {
            bail!("the stack `{}` is up already; `cargo xtask stack down --name {}` ends it", old.name, old.name);
        }
        if !old.keep_data {
            down::remove(&folder)?;
        }
    }
    let (data, logs) = (folder.join("data"), folder.join("logs"));
    fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;
    let started = Instant::now();
    let mut record = draft(options, &logs)?;
    let outcome = start(&mut record, &servers, &data, options, &settings).and_then(|()| await_all(&record, options));
    if let Err(error) = outcome {
        record.keep_data = false;
        down::stop(&record).and_then(|()| down::remove(&folder)).context("cleaning up after a failed start")?;
        return Err(error.context(format!("the stack `{}` did not come up", options.name)));
    }
    note!("stack `{}` is up after {:.1} s", record.name, started.elapsed().as_secs_f32());
    Ok(record)
}

/// The record before anything runs: names, ports, addresses.
fn draft(options: &Options, logs: &Path) -> Result<Record> {
    let nodes = usize::from(options.nodes);
    let free = ports::free(nodes + 2)?;
    let mut mongo_ports = free[..nodes].to_vec();
    if let Some(port) = options.mongo_port {
        mongo_ports[0] = port;
    }
    let kafka_port = options.kafka_port.unwrap_or(free[nodes]);
    let registry_port = options.registry_port.unwrap_or(free[nodes + 1]);
    let server = |role: String, port: u16| Server {
        log: logs.join(format!("{role}.log")),
        role,
        port,
        command: Vec::new(),
        process: Process { id: 0, started: 0 },
    };
    let mut servers: Vec<Server> =
        mongo_ports.iter().enumerate().map(|(index, port)| server(format!("mongo{index}"), *port)).collect();
    servers.push(server("registry".into(), registry_port));
    servers.push(server("kafka".into(), kafka_port));
    Ok(Record {
        name: options.name.clone(),
        mongodb_uri: mongod::uri(&mongo_ports),
        kafka_bootstrap: format!("127.0.0.1:{kafka_port}"),
        schema_registry_url: registry::url(registry_port),
        logs: logs.to_owned(),
        keep_data: options.keep_data,
        servers,
    })
}

/// Starts the servers in the record's order; the broker comes last because its data is formatted
/// first, while the others start.
fn start(
    record: &mut Record,
    programs: &fetch::Servers,
    data: &Path,
    options: &Options,
    settings: &Settings,
) -> Result<()> {
    let controller = ports::free(1)?[0];
    for index in 0..record.servers.len() {
        let Server { role, port, log, .. } = record.servers[index].clone();
        let home = data.join(&role);
        fs::create_dir_all(&home).with_context(|| format!("creating {}", home.display()))?;
        let command = match role.as_str() {
            "kafka" => {
                let properties = home.join("server.properties");
                kafka::configure(&properties, port, controller, &home.join("log"), settings)?;
                kafka::format(&programs.kafka_jars, &properties, &log)?;
                kafka::command(&programs.kafka_jars, &properties, &options.kafka_heap)
            }
            "registry" => registry::command(&programs.registry_jar, port, &home, settings),
            _ => mongod::command(&programs.mongod, port, &home, settings),
        };
        record.servers[index].process = Process::start(&command, &log)?;
        record.servers[index].command = command;
        record.save()?;
    }
    Ok(())
}

/// Waits for all of them, each with the whole limit.
fn await_all(record: &Record, options: &Options) -> Result<()> {
    let limit = Duration::from_secs(options.limit);
    let mongo = || {
        let ports: Vec<u16> = mongo_ports(record);
        let first = record.server("mongo0")?;
        ready::wait("mongod", first.process, &first.log, limit, || mongod::initiate(&ports))?;
        ready::wait("the replica set", first.process, &first.log, limit, || mongod::settled(&ports))
    };
    let broker = || {
        let server = record.server("kafka")?;
        ready::wait("the broker", server.process, &server.log, limit, || kafka::answers(server.port))
    };
    let registry = || {
        let server = record.server("registry")?;
        ready::wait("the registry", server.process, &server.log, limit, || {
            registry::answers(server.port)?;
            registry::set_compatibility(server.port, &options.compatibility)
        })
    };
    thread::scope(|scope| {
        let waits = [scope.spawn(mongo), scope.spawn(broker), scope.spawn(registry)];
        waits.map(|wait| wait.join().unwrap_or_else(|_| bail!("a wait panicked"))).into_iter().collect()
    })
}

fn mongo_ports(record: &Record) -> Vec<u16> {
    record.servers.iter().filter(|server| server.role.starts_with("mongo")).map(|server| server.port).collect()
}
