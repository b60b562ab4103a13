//! Running services: the HTTP server, the metrics port, and everything that goes on in the background.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{ResourceDef, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use fred::interfaces::ClientLike;
use thiserror::Error;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::AppExt;

use crate::config::HttpConfig;
use crate::edge::{self, Edge};
use crate::openapi;
use crate::platform::Platform;
use crate::service::{Service, process_name};
use crate::system::{self, Docs, Health};
use crate::tokens::Verifier;
use crate::{redis, telemetry};

/// Why a process can't serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address is taken or not this machine's.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        source: std::io::Error,
    },
}

/// What else a process does besides answering.
#[derive(Debug, Clone, Copy)]
pub struct ServeOptions {
    /// Consumers, the outbox relay, background tasks, and the batch processor if it is enabled.
    pub background: bool,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { background: true }
    }
}

/// A process that serves.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    servers: Vec<(ServerHandle, JoinHandle<std::io::Result<()>>)>,
    health: Health,
    stopping: CancellationToken,
    cancel: CancellationToken,
    tasks: Vec<(&'static str, JoinHandle<()>)>,
    patience: Duration,
}

impl Running {
    /// Where it serves.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its metrics are.
    #[must_use]
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Stops in order: take no more, finish what was begun, then end what goes on in the background.
    pub async fn stop(self) {
        self.health.stop();
        self.stopping.cancel();
        for (handle, server) in self.servers {
            handle.stop(true).await;
            let _ = server.await;
        }
        // Only now: a request in flight may still need them.
        self.cancel.cancel();
        for (name, task) in self.tasks {
            let abort = task.abort_handle();
            if tokio::time::timeout(self.patience.max(Duration::from_secs(1)), task).await.is_err() {
                warn!(task = name, "did not stop in time");
                abort.abort();
            }
        }
    }
}

/// Serves `services` until [`Running::stop`]. Returns as soon as it listens; no store needs to be there.
pub async fn serve(platform: Platform, services: &[Service], options: ServeOptions) -> Result<Running, ServeError> {
    let services = services.to_vec();
    let config = platform.config().http.clone();
    let listener = listen(&config.host, config.port)?;
    let metrics_listener = match platform.config().telemetry.prometheus_port {
        Some(port) => Some(listen(&config.host, port)?),
        None => None,
    };
    let address = local(&listener)?;
    let metrics_address = metrics_listener.as_ref().map(local).transpose()?;
    let _ = telemetry::metrics();

    let names = services.iter().map(|service| service.name).collect();
    let health = Health::new(platform.clone(), process_name(&services), names);
    let edge = Edge::new(&config, platform.verifier().clone());
    let cancel = CancellationToken::new();
    let mut tasks = vec![
        ("rate limit", tokio::spawn(tidy(Arc::clone(&edge), cancel.clone()))),
        ("metrics", tokio::spawn(sum_up_metrics(cancel.clone()))),
        ("signing keys", tokio::spawn(follow_keys(platform.verifier().clone(), cancel.clone()))),
    ];
    if options.background {
        tasks.extend(background(&platform, &services, &cancel));
    }
    let mut servers = vec![public_server(&platform, &services, &config, listener, health.clone(), edge)?];
    if let Some(listener) = metrics_listener {
        servers.push(metrics_server(listener)?);
    }
    info!(%address, services = services.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(","), "serving");
    let stopping = platform.stopping().clone();
    Ok(Running { address, metrics_address, servers, health, stopping, cancel, tasks, patience: config.shutdown_timeout })
}

fn listen(host: &str, port: u16) -> Result<TcpListener, ServeError> {
    let failed = |source| ServeError::Listen { address: format!("{host}:{port}"), source };
    let listener = TcpListener::bind((host, port)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

fn local(listener: &TcpListener) -> Result<SocketAddr, ServeError> {
    listener.local_addr().map_err(|source| ServeError::Listen { address: "?".to_owned(), source })
}

type Server = (ServerHandle, JoinHandle<std::io::Result<()>>);

fn public_server(
    platform: &Platform,
    services: &[Service],
    config: &HttpConfig,
    listener: TcpListener,
    health: Health,
    edge: Arc<Edge>,
) -> Result<Server, ServeError> {
    let docs = web::Data::new(Docs::new(services, &config.public_url));
    let known = web::Data::new(KnownPaths::of(&openapi::document(services)));
    let (platform, health, services) = (web::Data::new(platform.clone()), web::Data::new(health), services.to_vec());
    let factory = move || {
        // Runs once on each worker's thread.
        platform.settle();
        let edge = Arc::clone(&edge);
        let (app, _) = App::new()
            .app_data(platform.clone())
            .app_data(docs.clone())
            .app_data(known.clone())
            .app_data(health.clone())
            .into_utoipa_app()
            .configure(|config| services.iter().for_each(|service| (service.routes)(&platform, config)))
            .split_for_parts();
        app.configure(system::routes)
            .default_service(web::to(edge::unmatched))
            .wrap(from_fn(move |request, next| edge::middleware(Arc::clone(&edge), request, next)))
    };
    let mut server = HttpServer::new(factory)
        .backlog(4096)
        .max_connections(config.max_connections)
        .keep_alive(config.keep_alive)
        // From the first byte to the end of the headers; a body has a limit of its own.
        .client_request_timeout(Duration::from_secs(10))
        .client_disconnect_timeout(Duration::from_secs(5))
        .shutdown_timeout(config.shutdown_timeout.as_secs())
        .disable_signals();
    if let Some(workers) = config.workers {
        server = server.workers(workers);
    }
    start(server.listen(listener).map(HttpServer::run))
}

fn metrics_server(listener: TcpListener) -> Result<Server, ServeError> {
    let server = HttpServer::new(|| App::new().configure(system::metrics_routes)).workers(1).shutdown_timeout(1).disable_signals();
    start(server.listen(listener).map(HttpServer::run))
}

fn start(server: std::io::Result<actix_web::dev::Server>) -> Result<Server, ServeError> {
    let server = server.map_err(|source| ServeError::Listen { address: "the listener".to_owned(), source })?;
    Ok((server.handle(), tokio::spawn(server)))
}

async fn tidy(edge: Arc<Edge>, cancel: CancellationToken) {
    while !cancel.is_cancelled() {
        tokio::select! { () = tokio::time::sleep(Duration::from_mins(1)) => edge.tidy(), () = cancel.cancelled() => {} }
    }
}

async fn follow_keys(verifier: Verifier, cancel: CancellationToken) {
    while !cancel.is_cancelled() {
        tokio::select! { () = tokio::time::sleep(Duration::from_secs(5)) => verifier.keep_up().await, () = cancel.cancelled() => {} }
    }
}

/// Histograms keep every single value until they are summed up, and nobody may ever ask for the metrics.
async fn sum_up_metrics(cancel: CancellationToken) {
    while !cancel.is_cancelled() {
        tokio::select! { () = tokio::time::sleep(Duration::from_secs(5)) => telemetry::sum_up(), () = cancel.cancelled() => {} }
    }
}

/// Starts what goes on besides requests.
fn background(platform: &Platform, services: &[Service], cancel: &CancellationToken) -> Vec<(&'static str, JoinHandle<()>)> {
    let mut tasks = Vec::new();
    let config = platform.config();
    match redis::subscriber(&config.redis) {
        Ok(subscriber) => {
            let follow = platform.verifier().revoked().clone().follow(
                platform.redis().clone(),
                subscriber,
                Arc::clone(platform.clock()),
                config.tokens.access_life,
                cancel.clone(),
            );
            tasks.push(("revoked sessions", tokio::spawn(follow)));
        }
        Err(error) => warn!(%error, "revoked sessions can't be listened for"),
    }
    for service in services {
        for consumer in (service.consumers)(platform) {
            match redis::blocking_client(&config.redis) {
                Ok(client) => {
                    drop(client.connect());
                    let settings =
                        events::ConsumerSettings { claim_after: config.events.claim_after, ..events::ConsumerSettings::default() };
                    tasks.push((consumer.group, tokio::spawn(events::run_consumers(client, consumer, settings, cancel.clone()))));
                }
                Err(error) => warn!(%error, group = consumer.group, "an event consumer can't start"),
            }
        }
        for task in (service.background)(platform) {
            tasks.push((task.name, tokio::spawn((task.run)(cancel.clone()))));
        }
    }
    if config.batch.enabled {
        let settings = write_behind::ProcessorSettings {
            interval: config.batch.interval,
            workers: config.batch.workers,
            batch_size: config.batch.batch_size,
            lease: config.batch.lease,
            saved_ttl: config.write_buffer.saved_ttl,
            ..write_behind::ProcessorSettings::default()
        };
        let drains: Vec<_> = services.iter().flat_map(|service| (service.drains)()).collect();
        if !drains.is_empty() {
            let processor = write_behind::Processor::new(platform.redis().clone(), platform.batch_postgres().clone(), drains, settings);
            let cancel = cancel.clone();
            tasks.push(("batch processor", tokio::spawn(async move { processor.run_resident(cancel).await })));
        }
        let (postgres, publisher, cancel) = (platform.batch_postgres().clone(), platform.events().clone(), cancel.clone());
        let relay = async move { events::outbox::relay(&postgres, &publisher, Duration::from_millis(200), cancel).await };
        tasks.push(("outbox relay", tokio::spawn(relay)));
    }
    tasks
}

/// The paths that there are and their methods, for 405. Looked at only when no route matched.
#[derive(Debug)]
pub(crate) struct KnownPaths(Vec<(ResourceDef, Vec<&'static str>)>);

impl KnownPaths {
    fn of(document: &OpenApi) -> Self {
        let mut paths: BTreeMap<&str, Vec<&'static str>> = system::PATHS.iter().map(|path| (*path, vec!["GET"])).collect();
        for (path, item) in &document.paths.paths {
            let methods = [("DELETE", &item.delete), ("GET", &item.get), ("PATCH", &item.patch), ("POST", &item.post), ("PUT", &item.put)];
            let methods = methods.into_iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| method);
            paths.entry(path).or_default().extend(methods);
        }
        Self(paths.into_iter().map(|(path, methods)| (ResourceDef::new(path), methods)).collect())
    }

    pub(crate) fn methods(&self, path: &str) -> Vec<&'static str> {
        let mut methods: Vec<&'static str> =
            self.0.iter().filter(|(pattern, _)| pattern.is_match(path)).flat_map(|(_, methods)| methods.clone()).collect();
        methods.sort_unstable();
        methods.dedup();
        methods
    }
}
