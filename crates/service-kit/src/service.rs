//! What a service is to the process that runs it.

use std::fmt;
use std::sync::Arc;

use domain::ServiceName;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::platform::Platform;

/// The one value that a service's library exports. The same value runs as a pod of its own or together with the other nine.
#[derive(Clone, Copy)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// What it is for, in one line.
    pub about: &'static str,
    /// Registers its routes, with absolute paths (`/api/v1/…`, `/.well-known/…`). Called once per worker, and once for the OpenAPI document.
    pub routes: fn(&Platform, &mut ServiceConfig<'_>),
    /// How its buffered entities reach PostgreSQL.
    pub drains: fn() -> Vec<Arc<dyn write_behind::Drain>>,
    /// Which events it must not miss.
    pub consumers: fn(&Platform) -> Vec<events::Consumer>,
    /// What else it does all the time.
    pub background: fn(&Platform) -> Vec<BackgroundTask>,
}

impl Service {
    /// A service without routes, drains, consumers and tasks, to be filled in: `Service { routes, ..Service::new(name, about) }`.
    #[must_use]
    pub const fn new(name: ServiceName, about: &'static str) -> Self {
        Self { name, about, routes: |_, _| {}, drains: Vec::new, consumers: |_| Vec::new(), background: |_| Vec::new() }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Something that runs as long as the process.
pub struct BackgroundTask {
    /// Its name in logs.
    pub name: &'static str,
    /// Runs it until the token is cancelled.
    pub run: Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send>,
}

impl fmt::Debug for BackgroundTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackgroundTask").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a process that runs `services` is called: the service's name, or `schools24` when there are several.
#[must_use]
pub fn process_name(services: &[Service]) -> &'static str {
    match services {
        [only] => only.name.as_str(),
        _ => "schools24",
    }
}
