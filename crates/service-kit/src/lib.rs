//! What makes a process a service: configuration, telemetry, HTTP, authentication, errors, lists, idempotency, health, metrics, OpenAPI and
//! an orderly end. A service library exports one [`Service`]; its `main.rs` is `fn main() -> ExitCode { service_kit::main(&[SERVICE]) }`.
//!
//! A handler takes what it needs as arguments ([`Body`], [`Params`], [`IdPath`], [`Permit`], [`IfMatch`], [`IdempotencyKey`]), fails with [`Problem`], and
//! answers with [`Versioned`], [`Created`], [`NoContent`], [`Accepted`] or [`Page`]:
//!
//! ```ignore
//! #[utoipa::path(responses((status = 200, body = Homework), CommonProblems))]
//! #[get("/api/v1/homework/{id}")]
//! async fn show(permit: Permit<permits::HomeworkRead>, id: IdPath<HomeworkId>, app: Data<Platform>) -> Result<Versioned<Homework>, Problem> { … }
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

/// A request makes some hundred small allocations, many of which are freed on another thread; the system's allocator took a fifth of a service's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod config;
mod cursor;
mod edge;
pub mod extract;
pub mod idempotency;
mod log_line;
pub mod openapi;
mod page;
mod paging;
mod platform;
pub mod problem;
mod redis;
mod respond;
mod retry;
pub mod routing;
mod run;
mod serve;
mod service;
mod system;
pub mod telemetry;
pub mod tokens;
mod well_known;

pub use config::Config;
pub use cursor::{Cursor, CursorKey};
pub use edge::client_address;
pub use extract::{
    Body, Caller, IdPath, IdempotencyKey, IfMatch, IfNoneMatch, MayHold, MaybeIdempotencyKey, Params, Permit, PlatformCaller,
    PlatformPermit, SocketPermit, permits,
};
pub use page::{Limit, Page, of_the_page};
pub use paging::{Filter, Paging};
pub use platform::{Parts, Platform};
pub use problem::{CommonProblems, EditProblems, Kind, Problem, ProblemBody};
pub use redis::wait_for_redis;
pub use respond::{Accepted, Created, NoContent, NotModifiedOr, Versioned};
pub use retry::{Refusal, Retries, retried};
pub use run::{main, run};
pub use serve::{Running, ServeError, ServeOptions, serve};
pub use service::{BackgroundTask, Service, process_name};
pub use tokens::{Claims, Verifier};
