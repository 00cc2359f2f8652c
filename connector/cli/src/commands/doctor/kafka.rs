//! Verdicts on the brokers: transactions, copies, sizes, rights on the cluster.

use moorline_config::Config;
use moorline_pipeline::error::Problem;
use moorline_sink_kafka::ClusterFacts;

use super::facts::KafkaFacts;
use super::finding::{Area, Finding};
use crate::{own_topics, signalling};

/// All verdicts on the brokers. `principal` is who the rights are for.
pub(super) fn verdicts(config: &Config, facts: &KafkaFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Err(problem) = &facts.transactions {
        found.push(transactions(config, &facts.cluster, problem));
    }
    let answers = [
        facts.names.as_ref().err(),
        facts.topics.as_ref().err(),
        facts.obstacles.as_ref().err(),
        facts.progress.as_ref().err(),
    ];
    for problem in answers.into_iter().flatten() {
        if !found.iter().any(|finding: &Finding| finding.problem.code == problem.code) {
            found.push(with_rights(config, Finding::error(Area::Kafka, copy(problem))));
        }
    }
    found.extend(copies(config, &facts.cluster));
    found
}

/// A problem once more.
pub(super) fn copy(problem: &Problem) -> Problem {
    let Problem { code, what, place, why, fix } = problem;
    Problem::new(code, what.clone(), place.clone(), why.clone(), fix.join("\n"))
}

fn transactions(config: &Config, cluster: &ClusterFacts, problem: &Problem) -> Finding {
    let mut told = copy(problem);
    if told.code != "MOOR-3006" {
        return with_rights(config, Finding::error(Area::Kafka, told));
    }
    let wanted = config.kafka_transaction_timeout_ms.as_millis();
    let maximum = cluster.settings.as_ref().and_then(|settings| settings.get("transaction.max.timeout.ms"));
    if let Some(maximum) = maximum {
        told.what = format!("`kafka.transaction.timeout.ms` is {wanted}, and the brokers' maximum {maximum}");
        told.fix = vec![
            format!("kafka.transaction.timeout.ms={maximum}, or less"),
            "or raise `transaction.max.timeout.ms` in server.properties of all brokers, and restart them".to_owned(),
        ];
    }
    Finding::error(Area::Kafka, told)
}

/// A refusal, with the rights that are needed as commands.
pub(super) fn with_rights(config: &Config, finding: Finding) -> Finding {
    if finding.problem.code != "MOOR-3002" {
        return finding;
    }
    let user = config.kafka.get("sasl.username").map_or("USER", String::as_str);
    let acl = format!("kafka-acls --bootstrap-server {} --add --allow-principal User:{user}", config.bootstrap_servers);
    let id = format!("{}-{}-", config.group_id, config.name);
    let prefix = format!("{}{}", config.topic_prefix, config.topic_delimiter);
    let finding = finding
        .shell(format!(
            "{acl} --operation Write --operation Describe --transactional-id {id} --resource-pattern-type prefixed"
        ))
        .shell(format!(
            "{acl} --operation Read --operation Write --operation Describe --operation DescribeConfigs \
             --operation Create --topic {prefix} --resource-pattern-type prefixed"
        ))
        .shell(format!("{acl} --operation DescribeConfigs --operation IdempotentWrite --cluster"));
    let finding = if signalling::heard(config) {
        finding.shell(format!("{acl} --operation Read --group {}", config.signal_kafka_group_id))
    } else {
        finding
    };
    own_topics::all(config).iter().filter(|own| !own.name.starts_with(&prefix)).fold(finding, |finding, own| {
        let needs: Vec<String> = own.needs.iter().map(|one| format!("--operation {}", one.name())).collect();
        let made = if own.made_as.is_some() { " --operation DescribeConfigs --operation Create" } else { "" };
        finding.shell(format!("{acl} {}{made} --topic {}", needs.join(" "), own.name))
    })
}

/// How many copies a new topic would have.
fn copies(config: &Config, cluster: &ClusterFacts) -> Option<Finding> {
    let default = cluster.settings.as_ref().and_then(|settings| settings.get("default.replication.factor"));
    let of_broker = default.and_then(|text| text.parse::<i32>().ok());
    let asked = config.topic_creation_default.replication_factor.filter(|copies| *copies > 0);
    if asked.or(of_broker)? != 1 {
        return None;
    }
    let why = "a broker's disk that is lost takes the data, the positions and the anchors with it";
    let (place, fix) = match cluster.brokers {
        1 => ("the cluster has one broker", "nothing on a machine for trying things out; else three brokers"),
        _ => (
            "default.replication.factor of the brokers, topic.creation.default.replication.factor",
            "topic.creation.default.replication.factor=3",
        ),
    };
    let problem = Problem::new("MOOR-3035", "new topics would have one copy only", place, why, fix);
    Some(if cluster.brokers == 1 {
        Finding::note(Area::Kafka, problem)
    } else {
        Finding::warning(Area::Kafka, problem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::testing::config;

    #[test]
    fn one_copy_is_told_by_what_would_count() {
        let cluster = |brokers, factor: &str| ClusterFacts {
            brokers,
            settings: Some([("default.replication.factor".to_owned(), factor.to_owned())].into()),
        };
        let plain = config("collection.include.list=a.b");
        assert!(copies(&plain, &cluster(1, "1")).is_some_and(|f| f.severity == super::super::finding::Severity::Note));
        assert!(
            copies(&plain, &cluster(3, "1")).is_some_and(|f| f.severity == super::super::finding::Severity::Warning)
        );
        assert!(copies(&plain, &cluster(3, "3")).is_none());
        let three = config("collection.include.list=a.b\ntopic.creation.default.replication.factor=3");
        assert!(copies(&three, &cluster(3, "1")).is_none());
        assert!(copies(&plain, &ClusterFacts::default()).is_none());
    }

    #[test]
    fn a_refusal_comes_with_all_rights() {
        let config = config("collection.include.list=a.b\nkafka.sasl.username=me");
        let refused = Problem::new("MOOR-3002", "x", "y", "z", "w");
        let commands = with_rights(&config, Finding::error(Area::Kafka, refused)).commands;
        assert_eq!(commands.len(), 6);
        assert!(commands.iter().all(|c| c.text.contains("--allow-principal User:me")), "{commands:?}");
        assert!(commands[0].text.contains("--transactional-id g-shop-"), "{commands:?}");
    }
}
