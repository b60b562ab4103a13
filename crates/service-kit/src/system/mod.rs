//! Routes that every process has: is it alive, is it ready, what can it do, what does an error mean.

mod docs;
mod health;

use actix_web::web;

pub(crate) use docs::Docs;
pub(crate) use health::Health;

/// Registers them on the public port.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/health", web::get().to(health::alive))
        .route("/healthz", web::get().to(health::alive))
        .route("/ready", web::get().to(health::ready))
        .route("/readyz", web::get().to(health::ready))
        .route("/openapi.json", web::get().to(docs::whole))
        .route("/openapi/{service}.json", web::get().to(docs::one))
        .route("/docs", web::get().to(docs::page))
        .route("/docs/problems", web::get().to(docs::problems))
        .route("/docs/problems.css", web::get().to(docs::style))
        .route("/docs/{file:.*}", web::get().to(docs::swagger));
}

/// The paths above, for 405.
pub(crate) const PATHS: &[&str] = &[
    "/health",
    "/healthz",
    "/ready",
    "/readyz",
    "/openapi.json",
    "/openapi/{service}.json",
    "/docs",
    "/docs/problems",
    "/docs/problems.css",
    "/docs/{file:.*}",
];

/// Registers `/metrics`, on a port of its own: numbers about the fleet are not for the public.
pub(crate) fn metrics_routes(config: &mut web::ServiceConfig) {
    config
        .route(
            "/metrics",
            web::get().to(async || {
                actix_web::HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(crate::telemetry::render())
            }),
        )
        .route("/health", web::get().to(async || actix_web::HttpResponse::Ok().finish()));
}
