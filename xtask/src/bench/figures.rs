//! What was measured, as `moorline-bench` tells it, and what is made of it.
//!
//! Invariant: figures of one name and different rounds are compared; a ratio is taken within a round.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::aims::Aim;

/// CPU seconds during a measurement.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Cpu {
    pub(super) own: f64,
    pub(super) mongod: f64,
    pub(super) broker: f64,
}

/// One measurement.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Figures {
    #[serde(default)]
    pub(super) round: u32,
    pub(super) measurement: String,
    pub(super) documents: u64,
    pub(super) seconds: f64,
    pub(super) whole_seconds: Option<f64>,
    pub(super) bytes: Option<u64>,
    pub(super) cpu: Cpu,
    pub(super) peak_rss_bytes: u64,
    pub(super) parts: Map<String, Value>,
}

impl Figures {
    /// A part by its name.
    pub(super) fn part(&self, name: &str) -> Option<f64> {
        self.parts.get(name).and_then(Value::as_f64)
    }

    /// Documents a second.
    pub(super) fn rate(&self) -> f64 {
        self.documents as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }
}

/// Everything that a run has measured.
#[derive(Default, Serialize)]
pub(super) struct Results {
    /// Cores that the machine has.
    pub(super) cores: usize,
    pub(super) partitions: u32,
    /// Lines of the connector's configuration that were set for this run.
    pub(super) settings: Vec<String>,
    pub(super) measurements: Vec<Figures>,
    /// What is judged of them.
    pub(super) aims: Vec<Aim>,
}

impl Results {
    /// The names of what was measured, in the order in which they came first.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for figures in &self.measurements {
            if !names.contains(&figures.measurement.as_str()) {
                names.push(&figures.measurement);
            }
        }
        names
    }

    /// All rounds of one measurement.
    pub(super) fn of(&self, name: &str) -> Vec<&Figures> {
        self.measurements.iter().filter(|figures| figures.measurement == name).collect()
    }

    /// The ratio of two figures in each round that has both.
    pub(super) fn ratios_of(&self, one: &str, other: &str, pick: fn(&Figures) -> Option<f64>) -> Vec<f64> {
        let others = self.of(other);
        let beside = |figures: &Figures| pick(others.iter().find(|o| o.round == figures.round)?);
        self.of(one).into_iter().filter_map(|figures| Some(pick(figures)? / beside(figures)?)).collect()
    }
}

/// The middle one; of an even number the mean of the two in the middle.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(round: u32, name: &str, seconds: f64) -> Figures {
        Figures {
            round,
            measurement: name.into(),
            documents: 1000,
            seconds,
            whole_seconds: None,
            bytes: None,
            cpu: Cpu { own: 0.5, mongod: 0.25, broker: 0.0 },
            peak_rss_bytes: 50 << 20,
            parts: Map::new(),
        }
    }

    #[test]
    fn medians_and_ratios_are_by_round() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 2.5);
        let measurements = vec![figures(1, "a", 2.0), figures(1, "b", 1.0), figures(2, "b", 1.0), figures(2, "a", 1.0)];
        let results = Results { measurements, ..Results::default() };
        assert_eq!(results.ratios_of("a", "b", |figures| Some(figures.rate())), [0.5, 1.0]);
        assert_eq!(results.names(), ["a", "b"]);
    }
}
