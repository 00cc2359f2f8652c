//! Signals over a channel in memory.

use std::sync::Mutex;

use moorline_pipeline::error::{Next, Problem};

use super::*;

#[derive(Clone, Default)]
struct Topic(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    records: Vec<(&'static str, String)>,
    cursor: usize,
    kept: Option<i64>,
    labels: Vec<Labelled>,
    notes: Vec<Value>,
    away: bool,
}

impl Channel for Topic {
    fn read(&mut self) -> Result<Vec<Raw>> {
        let mut state = self.0.lock().unwrap();
        if state.away {
            return Err(Failure::new(Next::Retry, Problem::new("MOOR-3001", "away", "here", "why", "fix")));
        }
        let from = state.cursor;
        state.cursor = state.records.len();
        let raw = |(index, (key, value)): (usize, &(&str, String))| Raw {
            offset: index as i64,
            at_ms: Some(0),
            key: Some(key.as_bytes().to_vec()),
            value: Some(value.clone().into_bytes()),
        };
        Ok(state.records.iter().enumerate().skip(from).map(raw).collect())
    }
    fn keep_place(&mut self, offset: i64) -> Result<()> {
        self.0.lock().unwrap().kept = Some(offset);
        Ok(())
    }
    fn labelled(&mut self) -> Result<Vec<Labelled>> {
        Ok(self.0.lock().unwrap().labels.clone())
    }
    fn notify(&mut self, notification: &Value) -> Result<()> {
        self.0.lock().unwrap().notes.push(notification.clone());
        Ok(())
    }
}

fn anchor(label: &str) -> String {
    format!(r#"{{"type":"moorline-anchor","data":{{"label":"{label}"}}}}"#)
}

fn signals(topic: &Topic) -> (Signals<Topic>, Arc<Handle>) {
    let handle = Arc::new(Handle::default());
    let every = Duration::from_secs(1);
    (Signals::new(topic.clone(), Arc::clone(&handle), Arc::default(), "shop".into(), every), handle)
}

fn labels(handle: &Handle) -> Vec<(String, Option<u32>)> {
    handle.under_way().into_iter().map(|r| (r.label.unwrap_or_default(), r.at.map(|at| at.t))).collect()
}

#[tokio::test]
async fn strange_ones_are_told_and_the_rest_is_acted_on_once() {
    let topic = Topic::default();
    topic.0.lock().unwrap().records = vec![
        ("shop", anchor("a")),
        ("other", anchor("b")),
        ("shop", "{".to_owned()),
        ("shop", anchor("a")),
        ("shop", r#"{"type":"execute-snapshot"}"#.to_owned()),
    ];
    let (mut signals, handle) = signals(&topic);
    signals.look().await;
    signals.look().await;
    assert_eq!(labels(&handle), [("a".to_owned(), None)]);
    assert_eq!(Report::get(&signals.report.signals_refused), 2);
    let state = topic.0.lock().unwrap();
    let codes: Vec<_> = state.notes.iter().filter_map(|note| note["additional_data"]["code"].as_str()).collect();
    assert_eq!(codes, ["MOOR-7034", "MOOR-7033"]);
    // The first is under way, so it would be read again by the next run.
    assert_eq!(state.kept, Some(0));
}

#[tokio::test]
async fn a_label_that_stands_is_not_written_again_and_one_half_written_is_ended() {
    let topic = Topic::default();
    {
        let mut state = topic.0.lock().unwrap();
        state.records = vec![("shop", anchor("whole")), ("shop", anchor("half")), ("shop", anchor("new"))];
        let one = |label: &str, lane, t| Labelled { label: label.into(), lane: (lane, 2), cut: ClusterTime::new(t, 0) };
        state.labels = vec![one("whole", 0, 10), one("whole", 1, 10), one("half", 1, 20)];
    }
    let (mut signals, handle) = signals(&topic);
    signals.look().await;
    assert_eq!(labels(&handle), [("half".to_owned(), Some(20)), ("new".to_owned(), None)]);
    assert_eq!(signals.place(), Some(1), "behind the one that needs nothing");
}

#[tokio::test]
async fn a_topic_that_is_away_is_looked_for_again() {
    let topic = Topic::default();
    topic.0.lock().unwrap().records = vec![("shop", anchor("a"))];
    topic.0.lock().unwrap().away = true;
    let (mut signals, handle) = signals(&topic);
    signals.look().await;
    assert_eq!(labels(&handle), []);
    topic.0.lock().unwrap().away = false;
    signals.look().await;
    assert_eq!(labels(&handle).len(), 1);
}

#[tokio::test]
async fn one_that_comes_after_a_look_at_nothing_is_met() {
    let topic = Topic::default();
    let (mut signals, handle) = signals(&topic);
    signals.look().await;
    signals.look().await;
    topic.0.lock().unwrap().records = vec![("shop", anchor("late"))];
    signals.look().await;
    assert_eq!(labels(&handle), [("late".to_owned(), None)]);
}
