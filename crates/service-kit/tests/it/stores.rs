//! With real stores: ready or not, keys that rotate, sessions that are revoked, and a Redis that comes back.

use std::time::{Duration, Instant};

use domain::{Clock, EventEnvelope, EventId, EventKind, Role};
use fred::interfaces::{ClientLike, PubsubInterface, SortedSetsInterface};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::Value;
use testkit::{RedisServer, TestDatabase};

use crate::demo::{Demo, Signer};

async fn demo(database: &TestDatabase, redis: &RedisServer, own_keys: bool) -> Demo {
    let postgres = database.app();
    let (port, redis_port) = (postgres.port.to_string(), redis.port().to_string());
    let settings = [
        ("POSTGRES_HOST", postgres.host.as_str()),
        ("POSTGRES_PORT", &port),
        ("POSTGRES_DB", &postgres.database),
        ("POSTGRES_USER", &postgres.user),
        ("POSTGRES_PASSWORD", postgres.password.expose_secret()),
        ("POSTGRES_MAX_CONNECTIONS", "8"),
        ("REDIS_PORT", &redis_port),
    ];
    Demo::start_on(&settings, own_keys).await
}

/// Asks until it is so, and fails if it isn't within `patience`. Returns how long it took.
async fn eventually(patience: Duration, what: &str, mut so: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    loop {
        if so().await {
            return started.elapsed();
        }
        assert!(started.elapsed() < patience, "{what}: not within {patience:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn dependency(demo: &Demo, name: &str) -> String {
    let body: Value = demo.get("/ready").await.json().await.unwrap();
    body["dependencies"][name]["status"].as_str().unwrap().to_owned()
}

async fn status(demo: &Demo, token: &str) -> u16 {
    demo.bare(Method::GET, "/api/v1/things").bearer_auth(token).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_pod_stays_ready_while_one_store_is_away_and_takes_it_back_by_itself() {
    let (database, mut redis) = (TestDatabase::create().await, RedisServer::start().await);
    let demo = demo(&database, &redis, true).await;
    eventually(Duration::from_secs(5), "both are up", async || {
        dependency(&demo, "postgres").await == "up" && dependency(&demo, "redis").await == "up"
    })
    .await;
    assert_eq!(demo.get("/ready").await.status(), 200);
    redis.kill().await;
    eventually(Duration::from_secs(5), "Redis is seen to be away", async || dependency(&demo, "redis").await == "down").await;
    assert_eq!(demo.get("/ready").await.status(), 200, "PostgreSQL is still there");
    redis.launch().await;
    eventually(Duration::from_secs(15), "Redis is back", async || dependency(&demo, "redis").await == "up").await;
}

#[tokio::test]
async fn a_key_that_was_just_added_to_the_table_is_found_within_seconds() {
    let (database, redis) = (TestDatabase::create().await, RedisServer::start().await);
    let demo = demo(&database, &redis, false).await;
    let next = Signer::new("k2");
    let token = next.sign(&demo.claims(Role::Teacher));
    assert_eq!(status(&demo, &token).await, 401);
    let mut superuser = database.superuser().await;
    sqlx::query("INSERT INTO signing_keys (kid, public_jwk, not_before, expires_at) VALUES ('k2', $1, now(), now() + interval '1 day')")
        .bind(serde_json::to_value(&next.jwk).unwrap())
        .execute(&mut superuser)
        .await
        .unwrap();
    eventually(Duration::from_secs(3), "the new key is known", async || status(&demo, &token).await == 200).await;
}

#[tokio::test]
async fn without_a_database_a_token_that_nobody_can_judge_is_503_not_401() {
    let redis = RedisServer::start().await;
    let port = redis.port().to_string();
    let demo = Demo::start_on(&[("REDIS_PORT", port.as_str()), ("POSTGRES_ACQUIRE_TIMEOUT_MS", "200")], false).await;
    let response = demo.get("/api/v1/things").await;
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(crate::demo::problem(response).await["status"], 503);
}

#[tokio::test]
async fn a_revoked_session_is_felt_within_a_second_by_either_way() {
    let (database, mut redis) = (TestDatabase::create().await, RedisServer::start().await);
    let demo = demo(&database, &redis, true).await;
    let pool = redis.pool(1).await;
    let within = Duration::from_secs(1);
    for round in ["at first", "after Redis was away"] {
        // The sorted set, which nobody can miss.
        let claims = demo.claims(Role::Teacher);
        let token = demo.signer.sign(&claims);
        assert_eq!(status(&demo, &token).await, 200, "{round}");
        eventually(Duration::from_secs(10), "the set takes it", async || {
            #[allow(clippy::cast_precision_loss)]
            let member = (claims.exp as f64, claims.sid.to_string());
            pool.zadd::<i64, _, _>("sessions:revoked", None, None, false, false, member).await.is_ok()
        })
        .await;
        // Right after Redis came back, the service has yet to reconnect.
        let patience = if round == "at first" { within } else { Duration::from_secs(8) };
        eventually(patience, "the poll sees it", async || status(&demo, &token).await == 401).await;

        // The channel alone, which is faster.
        let claims = demo.claims(Role::Teacher);
        let token = demo.signer.sign(&claims);
        assert_eq!(status(&demo, &token).await, 200, "{round}");
        let event = EventEnvelope {
            id: EventId::generate(),
            kind: EventKind::SessionRevoked,
            school_id: demo.school,
            actor: None,
            occurred_at: demo.clock.now(),
            subject: claims.sid.as_uuid(),
            traceparent: None,
            data: "{}".to_owned(),
        };
        let body = serde_json::to_string(&event).unwrap();
        eventually(Duration::from_secs(10), "somebody listens", async || {
            pool.next().publish::<i64, _, _>("session:revoked", body.clone()).await.is_ok_and(|listeners| listeners > 0)
        })
        .await;
        eventually(within, "the listener hears it", async || status(&demo, &token).await == 401).await;

        if round == "at first" {
            redis.kill().await;
            assert_eq!(status(&demo, &token).await, 401, "what was known stays known");
            redis.launch().await;
        }
    }
    pool.quit().await.unwrap();
}
