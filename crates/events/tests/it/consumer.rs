//! A consumer can be ended at any moment.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{EventEnvelope, EventKind};
use events::{Consumer, ConsumerSettings, HandleError, Handler, run_consumers};
use fred::interfaces::ClientLike;
use fred::types::Builder;
use fred::types::config::Config;
use testkit::RedisServer;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

struct Idle;

#[async_trait]
impl Handler for Idle {
    async fn handle(&self, _: &EventEnvelope) -> Result<(), HandleError> {
        Ok(())
    }
}

/// Connecting, making its groups, or waiting for events: wherever it is, whoever stops the process does not wait for it.
#[tokio::test]
async fn a_consumer_ends_when_it_is_told_to_whatever_it_waits_for() {
    let redis = RedisServer::start().await;
    let mut ending = JoinSet::new();
    for moment in 0..60 {
        let config = Config {
            fail_fast: false,
            blocking: fred::types::config::Blocking::Block,
            ..Config::from_url(&format!("redis://127.0.0.1:{}", redis.port())).unwrap()
        };
        let client = Builder::from_config(config).build().unwrap();
        drop(client.connect());
        let consumer = Consumer { group: "idle", kinds: &[EventKind::HomeworkAssigned], handler: Arc::new(Idle) };
        let cancel = CancellationToken::new();
        let running = tokio::spawn(run_consumers(client, consumer, ConsumerSettings::default(), cancel.clone()));
        ending.spawn(async move {
            sleep(Duration::from_millis(moment * 10)).await;
            cancel.cancel();
            // Some ten times what one takes.
            timeout(Duration::from_secs(15), running).await.map_err(|_| moment)
        });
    }
    let late: Vec<u64> = ending.join_all().await.into_iter().filter_map(Result::err).collect();
    assert!(late.is_empty(), "told after so many times ten milliseconds, and still there: {late:?}");
}
