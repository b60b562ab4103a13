//! A bare actix server that reads a piece of homework as JSON and writes it back: nothing else. What a cached read is compared with.

use actix_web::web::Json;
use actix_web::{App, HttpResponse, HttpServer, get, post};
use serde::{Deserialize, Serialize};

/// Where it listens.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Port on loopback.
    #[arg(long)]
    port: u16,
    /// Threads that serve.
    #[arg(long)]
    workers: usize,
}

/// The fields of a piece of homework as the API shows it, without rules.
#[derive(Debug, Serialize, Deserialize)]
struct Homework {
    id: String,
    class_id: String,
    subject_id: Option<String>,
    teacher_id: Option<String>,
    created_by: String,
    title: String,
    description: Option<String>,
    instructions: Option<String>,
    max_points: f64,
    assigned_at: Option<String>,
    due_at: String,
    cutoff_at: Option<String>,
    allow_late: bool,
    late_policy: Option<String>,
    max_attempts: u8,
    status: String,
    version: i32,
    created_at: String,
    updated_at: String,
}

#[post("/echo")]
async fn echo(homework: Json<Homework>) -> Json<Homework> {
    homework
}

#[get("/ready")]
async fn ready() -> HttpResponse {
    HttpResponse::Ok().finish()
}

/// Serves until killed.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let server = HttpServer::new(|| App::new().service(echo).service(ready))
        .workers(args.workers)
        .backlog(4096)
        .bind(("127.0.0.1", args.port))?
        .run();
    actix_web::rt::System::new().block_on(server)?;
    Ok(())
}
