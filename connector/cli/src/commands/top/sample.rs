//! One answer of a running connector, and what changed since the one before.

use std::time::Instant;

use serde_json::{Value, json};

/// An answer.
pub(super) struct Sample {
    pub(super) answer: Value,
    at: Instant,
}

/// What changed, a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) rows: f64,
    pub(super) changes: f64,
    pub(super) bytes: f64,
    pub(super) transactions: f64,
    /// Cores.
    pub(super) cpu: f64,
}

impl Sample {
    pub(super) fn new(answer: Value, at: Instant) -> Self {
        Self { answer, at }
    }

    /// Changes a second since an earlier answer of the same process; a counter that fell says that it is another one.
    pub(super) fn rates(&self, before: Option<&Self>) -> Option<Rates> {
        let before = before?;
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        let rate = |path: &str| {
            let (now, then) = (self.answer.pointer(path)?.as_f64()?, before.answer.pointer(path)?.as_f64()?);
            (now >= then && seconds > 0.0).then(|| (now - then) / seconds)
        };
        Some(Rates {
            rows: rate("/totals/rows")?,
            changes: rate("/totals/changes")?,
            bytes: rate("/totals/bytes")?,
            transactions: rate("/totals/transactions")?,
            cpu: rate("/process/cpu_s").unwrap_or_default(),
        })
    }

    /// The answer with its rates, which are null for the first.
    pub(super) fn with_rates(&self, before: Option<&Self>) -> Value {
        let mut line = self.answer.clone();
        line["rates"] = self.rates(before).map_or(Value::Null, |rates| {
            json!({
                "rows_s": rates.rows,
                "changes_s": rates.changes,
                "bytes_s": rates.bytes,
                "transactions_s": rates.transactions,
                "cpu_cores": rates.cpu,
            })
        });
        line
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rates_are_of_one_process() {
        let answer = |rows: u64| json!({"totals": {"rows": rows, "changes": 0, "bytes": 10, "transactions": 1}});
        let start = Instant::now();
        let first = Sample::new(answer(100), start);
        let second = Sample::new(answer(300), start + Duration::from_secs(2));
        assert_eq!(first.rates(None), None);
        assert_eq!(second.rates(Some(&first)).unwrap().rows, 100.0);
        assert_eq!(Sample::new(answer(1), start + Duration::from_secs(3)).rates(Some(&second)), None, "it began anew");
        assert_eq!(first.with_rates(None)["rates"], Value::Null);
    }
}
