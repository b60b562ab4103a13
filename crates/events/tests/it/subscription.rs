//! A subscription is there again after whatever happens to its connection, tells of each gap, and can be ended at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::{EventEnvelope, EventId, EventKind, SchoolId, SystemClock};
use events::{Heard, listen, subscription};
use fred::clients::{Pool, SubscriberClient};
use fred::interfaces::{ClientLike, PubsubInterface};
use fred::types::config::{Config, ReconnectPolicy};
use fred::types::{Builder, CustomCommand};
use testkit::RedisServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Long enough on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// As a service's, but quicker to come back.
fn client(port: u16) -> SubscriberClient {
    let config = Config { fail_fast: false, ..Config::from_url(&format!("redis://127.0.0.1:{port}")).unwrap() };
    let mut builder = Builder::from_config(config);
    builder.set_policy(ReconnectPolicy::new_constant(0, 50));
    builder.with_connection_config(|connection| connection.max_command_attempts = 1);
    builder.build_subscriber_client().unwrap()
}

/// What a subscription to `told` hears, as it comes.
struct Ear {
    heard: mpsc::UnboundedReceiver<Heard>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Ear {
    fn at(port: u16) -> Self {
        let (sender, heard) = mpsc::unbounded_channel();
        let cancel = CancellationToken::new();
        let task = tokio::spawn(subscription(client(port), ["told"], cancel.clone(), move |heard| drop(sender.send(heard))));
        Self { heard, cancel, task }
    }

    async fn next(&mut self) -> Heard {
        timeout(LIMIT, self.heard.recv()).await.expect("something is heard in time").expect("it goes on")
    }

    async fn gap(&mut self) {
        let heard = self.next().await;
        assert!(matches!(heard, Heard::Gap), "{heard:?}");
    }

    /// Somebody publishes it, and it is the next thing heard.
    async fn hears(&mut self, redis: &Pool, text: &str) {
        let listeners: i64 = redis.next().publish("told", text).await.unwrap();
        assert_eq!(listeners, 1, "one subscription, however often it was made");
        match self.next().await {
            Heard::Message(message) => assert_eq!(message.value.as_str().unwrap(), text),
            Heard::Gap => panic!("a gap instead of {text}"),
        }
    }

    async fn end(self) {
        self.cancel.cancel();
        // A second for the farewell, and some for a busy machine; not the five that Redis has for a confirmation.
        timeout(Duration::from_secs(3), self.task).await.expect("it ends at once").unwrap();
    }
}

async fn command(redis: &Pool, command: &'static str, arguments: &[&str]) -> String {
    let command = CustomCommand::new_static(command, None::<u16>, false);
    redis.next().custom::<fred::types::Value, _>(command, arguments.to_vec()).await.unwrap().into_string().unwrap_or_default()
}

#[tokio::test]
async fn a_connection_that_is_killed_is_subscribed_anew_and_the_gap_is_told() {
    let redis = RedisServer::start().await;
    let pool = redis.pool(1).await;
    let mut ear = Ear::at(redis.port());
    ear.gap().await;
    for round in ["first", "second", "third"] {
        ear.hears(&pool, round).await;
        assert_eq!(command(&pool, "CLIENT", &["KILL", "TYPE", "pubsub"]).await, "1");
        ear.gap().await;
    }
    ear.hears(&pool, "last").await;
    let stats = command(&pool, "INFO", &["commandstats"]).await;
    let subscribes: Vec<&str> = stats.lines().filter(|line| line.contains("subscribe:")).collect();
    assert_eq!(subscribes.len(), 1, "{subscribes:?}");
    assert!(subscribes[0].starts_with("cmdstat_subscribe:calls=4,"), "one for each connection: {subscribes:?}");
    assert!(subscribes[0].contains("rejected_calls=0,failed_calls=0"), "Redis was asked for nothing that it refuses: {subscribes:?}");
    ear.end().await;
}

#[tokio::test]
async fn a_redis_that_comes_late_or_comes_back_is_heard() {
    let mut redis = RedisServer::start().await;
    redis.kill().await;
    let mut ear = Ear::at(redis.port());
    for round in ["late", "back", "back again"] {
        assert!(timeout(Duration::from_millis(100), ear.heard.recv()).await.is_err(), "nothing is heard while Redis is away");
        redis.launch().await;
        ear.gap().await;
        let pool = redis.pool(1).await;
        ear.hears(&pool, round).await;
        pool.quit().await.unwrap();
        redis.kill().await;
    }
    // Also while there is nobody to take leave of.
    ear.end().await;
}

/// A way to Redis on which the first `deaf` connections lose all from their subscription on. Notifies of each.
async fn deaf(redis: u16, deaf: usize) -> (u16, Arc<Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (left, lost) = (Arc::new(AtomicUsize::new(deaf)), Arc::new(Notify::new()));
    let told = Arc::clone(&lost);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, redis, Arc::clone(&left), Arc::clone(&told)));
        }
    });
    (port, lost)
}

async fn pass(mut client: TcpStream, redis: u16, left: Arc<AtomicUsize>, lost: Arc<Notify>) -> Option<()> {
    let mut server = TcpStream::connect(("127.0.0.1", redis)).await.ok()?;
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    let mut is_deaf = false;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let asked = up.get(..read.ok().filter(|read| *read > 0)?)?;
                let subscribes = asked.windows(9).any(|window| window == b"SUBSCRIBE");
                if subscribes && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                    is_deaf = true;
                    lost.notify_one();
                }
                if !is_deaf {
                    server.write_all(asked).await.ok()?;
                }
            }
            read = server.read(&mut down) => client.write_all(down.get(..read.ok().filter(|read| *read > 0)?)?).await.ok()?,
        }
    }
}

#[tokio::test]
async fn a_subscription_that_nobody_confirms_is_tried_on_another_connection() {
    let redis = RedisServer::start().await;
    let (port, lost) = deaf(redis.port(), 1).await;
    let mut ear = Ear::at(port);
    timeout(LIMIT, lost.notified()).await.unwrap();
    ear.gap().await;
    ear.hears(&redis.pool(1).await, "now").await;
    ear.end().await;
}

#[tokio::test]
async fn a_subscription_ends_at_once_also_while_it_waits_to_be_confirmed() {
    let redis = RedisServer::start().await;
    let (port, lost) = deaf(redis.port(), usize::MAX).await;
    let ear = Ear::at(port);
    timeout(LIMIT, lost.notified()).await.unwrap();
    ear.end().await;
}

#[tokio::test]
async fn a_listener_hears_the_events_of_its_kinds_again_after_its_connection_broke_and_no_nonsense() {
    let redis = RedisServer::start().await;
    let pool = redis.pool(1).await;
    let (sender, mut heard) = mpsc::unbounded_channel();
    let cancel = CancellationToken::new();
    let kinds = &[EventKind::SessionRevoked, EventKind::HomeworkAssigned];
    let hear = move |event: EventEnvelope| sender.send(event.id).unwrap();
    let task = tokio::spawn(listen(client(redis.port()), kinds, cancel.clone(), hear));
    for round in 0..2 {
        for kind in kinds {
            let event = EventEnvelope {
                id: EventId::generate(),
                kind: *kind,
                school_id: SchoolId::generate(),
                actor: None,
                occurred_at: domain::Clock::now(&SystemClock),
                subject: EventId::generate().as_uuid(),
                traceparent: None,
                data: "{}".to_owned(),
            };
            let body = serde_json::to_string(&event).unwrap();
            let told = async {
                while pool.next().publish::<i64, _, _>(kind.channel(), "no event").await.unwrap() == 0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                pool.next().publish::<i64, _, _>(kind.channel(), body.clone()).await.unwrap()
            };
            assert_eq!(timeout(LIMIT, told).await.expect("somebody listens"), 1, "round {round}");
            assert_eq!(timeout(LIMIT, heard.recv()).await.unwrap(), Some(event.id));
        }
        assert_eq!(command(&pool, "CLIENT", &["KILL", "TYPE", "pubsub"]).await, "1");
    }
    cancel.cancel();
    timeout(Duration::from_secs(3), task).await.expect("it ends at once").unwrap();
}
