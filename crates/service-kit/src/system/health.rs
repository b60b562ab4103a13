//! `/health`: the process answers. `/ready`: it is worth sending requests to.
//!
//! One store being away is no reason to take a pod out: without PostgreSQL it still takes buffered writes, without Redis it still reads. Not
//! ready is a process that has neither, or is about to stop. The body names each dependency either way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use domain::ServiceName;
use fred::clients::Pool;
use fred::interfaces::ClientLike;
use futures_util::future::join;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::platform::Platform;

/// Longer than this is as good as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asking more often than this brings nothing but load.
const FRESH: Duration = Duration::from_millis(500);

/// What the health routes know.
#[derive(Debug, Clone)]
pub(crate) struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    platform: Platform,
    process: &'static str,
    services: Vec<ServiceName>,
    stopping: AtomicBool,
    /// The last answer; whoever comes while a new one is on its way waits for that one.
    last: Mutex<Option<(Instant, Readiness)>>,
}

#[derive(Debug, Clone, Serialize)]
struct Readiness {
    status: &'static str,
    services: Vec<ServiceName>,
    dependencies: BTreeMap<&'static str, Dependency>,
}

#[derive(Debug, Clone, Serialize)]
struct Dependency {
    status: &'static str,
    latency_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
}

impl Health {
    pub(crate) fn new(platform: Platform, process: &'static str, services: Vec<ServiceName>) -> Self {
        Self(Arc::new(Inner { platform, process, services, stopping: AtomicBool::new(false), last: Mutex::default() }))
    }

    /// From now on the answer is "not ready", so that nobody sends more.
    pub(crate) fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    async fn look(&self) -> Readiness {
        let mut last = self.0.last.lock().await;
        if let Some((at, readiness)) = &*last
            && at.elapsed() < FRESH
        {
            return readiness.clone();
        }
        // Boxed: the drivers' futures are large, and this one is kept on few stacks.
        let readiness = Box::pin(self.ask()).await;
        *last = Some((Instant::now(), readiness.clone()));
        readiness
    }

    async fn ask(&self) -> Readiness {
        let platform = &self.0.platform;
        let service = self.0.services.first().copied().unwrap_or(ServiceName::Auth);
        let postgres = timed(async { platform.postgres(service).ping().await.is_ok() });
        let mongo = timed(async { platform.mongo().ping().await.is_ok() });
        let redis = timed(ping(platform.redis()));
        let cache = async { if platform.has_separate_cache() { Some(timed(ping(platform.cache_redis())).await) } else { None } };
        let ((postgres, mongo), (redis, cache)) =
            join(join(Box::pin(postgres), Box::pin(mongo)), join(Box::pin(redis), Box::pin(cache))).await;
        let usable = postgres.status == "up" || redis.status == "up";
        let mut dependencies = BTreeMap::from([("postgres", postgres), ("mongodb", mongo), ("redis", redis)]);
        if let Some(cache) = cache {
            dependencies.insert("redis_cache", cache);
        }
        Readiness { status: if usable { "ready" } else { "not_ready" }, services: self.0.services.clone(), dependencies }
    }
}

async fn ping(redis: &Pool) -> bool {
    // A command to a client without a connection would wait in its queue instead of failing.
    redis.next_connected().state() == fred::types::ClientState::Connected && redis.next_connected().ping::<()>(None).await.is_ok()
}

async fn timed(ask: impl Future<Output = bool>) -> Dependency {
    let started = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, ask).await;
    let latency_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    // What a driver says names hosts and users; those are for the log.
    let (status, detail) = match answer {
        Ok(true) => ("up", None),
        Ok(false) => ("down", Some("does not answer")),
        Err(_) => ("down", Some("did not answer in time")),
    };
    Dependency { status, latency_ms, detail }
}

/// `GET /health`
pub(super) async fn alive(health: web::Data<Health>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(serde_json::json!({ "status": "healthy", "service": health.0.process }))
}

/// `GET /ready`
pub(super) async fn ready(health: web::Data<Health>) -> HttpResponse {
    let mut readiness = health.look().await;
    if health.0.stopping.load(Ordering::Relaxed) {
        readiness.status = "not_ready";
    }
    let mut response = if readiness.status == "ready" { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.insert_header((header::CACHE_CONTROL, "no-store")).json(readiness)
}
