//! Roster import over HTTP.
//!
//! The answer comes when the import is done. It runs on a thread of its own: a client that goes away does not stop it in the middle, and other requests don't wait.

mod body;

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, post};
use directory::Directory;
use domain::{Actor, Fault, Role, ServiceName};
use serde::Deserialize;
use service_kit::{CommonProblems, Kind, Params, Platform, PlatformCaller, PlatformPermit, Problem, permits};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::roster::{self, ImportError, ImportFault, ImportOptions, ImportReport, Outcome, Scope};

/// Faults in one answer. The detail says how many there are.
const SHOWN: usize = 200;
/// Imports that may wait or run in one process: each holds its file in memory.
const QUEUE: usize = 4;

/// Imports are big: one at a time, so that the everyday requests keep their memory and their connections.
#[derive(Debug)]
struct Turns {
    queue: Semaphore,
    work: Arc<Semaphore>,
}

/// Registers the routes.
pub fn configure(_: &Platform, config: &mut ServiceConfig<'_>) {
    static TURNS: std::sync::OnceLock<Arc<Turns>> = std::sync::OnceLock::new();
    let turns = TURNS.get_or_init(|| Arc::new(Turns { queue: Semaphore::new(QUEUE), work: Arc::new(Semaphore::new(1)) }));
    config.app_data(Data::from(Arc::clone(turns))).service(import);
}

/// How to import.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// Do everything, report, and roll back.
    #[serde(default)]
    dry_run: bool,
    /// Which org of the bundle the caller's school is, by sourcedId. Needed once, when the bundle holds several schools.
    school: Option<String>,
}

/// A `OneRoster` CSV zip.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its schema is used")]
struct RosterZip(Vec<u8>);

/// Import a roster
///
/// The body is a `OneRoster` 1.1 or 1.2 CSV zip of at most 16 MiB. The school's office imports its own school: the org whose sourcedId is the school's `source_id`,
/// or, the first time, the only school of the bundle or the one that `school` names. The platform's operator imports all schools of the bundle, and creates those
/// that don't exist.
///
/// All or nothing for each school, and repeatable: the same file again changes nothing. A bundle with faults is refused as a whole, with each fault's file, line
/// and column as its `pointer` (`users.csv:17/email`). When several schools are imported, one that can't be is left as it was and is `refused` in the report; the
/// others stand. The answer comes when the import is done: seconds for a hundred thousand rows.
#[utoipa::path(
    tag = "auth",
    params(ImportQuery),
    request_body(content = RosterZip, content_type = "application/zip", description = "The zip; `application/octet-stream` will do too."),
    responses((status = 200, description = "What was done, or would be.", body = ImportReport), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/imports/oneroster")]
async fn import(
    permit: PlatformPermit<permits::RosterImport>,
    query: Params<ImportQuery>,
    request: HttpRequest,
    payload: Payload,
    platform: Data<Platform>,
    turns: Data<Turns>,
) -> Result<Json<ImportReport>, Problem> {
    body::check_media_type(&request)?;
    let options = options(&permit, query.into_inner())?;
    let _place = turns.queue.try_acquire().map_err(|_| Problem::unavailable(Duration::from_secs(10), "Room for another import"))?;
    let zip = body::read(&request, payload).await?;
    let turn = Arc::clone(&turns.work).acquire_owned().await.map_err(Problem::internal)?;
    let platform = platform.get_ref().clone();
    let work = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let postgres = platform.postgres(ServiceName::Auth);
        let directory = Directory::new(platform.redis().clone(), postgres.clone());
        Handle::current().block_on(roster::import(postgres, &directory, Cursor::new(zip), options))
    });
    let report = work.await.map_err(Problem::internal)?.map_err(refuse)?;
    // With one school nothing stands beside what was refused.
    if report.schools.iter().all(|school| school.outcome == Outcome::Refused) && !report.schools.is_empty() {
        let faults: Vec<ImportFault> = report.schools.iter().flat_map(|school| school.faults.clone()).collect();
        let total = report.schools.iter().map(|school| school.total_faults).sum();
        return Err(faulty(&faults, total));
    }
    Ok(Json(report))
}

fn options(caller: &PlatformCaller, query: ImportQuery) -> Result<ImportOptions, Problem> {
    let schools = match (caller.role, caller.school_id) {
        (Role::SuperAdmin, _) if query.school.is_some() => {
            let fault = Fault::new("query:school", "is for a school's own office; the operator imports all schools of the bundle");
            return Err(Problem::invalid(vec![fault]));
        }
        (Role::SuperAdmin, _) => Scope::All,
        (_, Some(school)) => Scope::Own { school, org: query.school },
        (_, None) => return Err(Problem::forbidden(domain::Permission::RosterImport)),
    };
    let actor = Actor { user_id: caller.user_id, role: caller.role };
    Ok(ImportOptions { dry_run: query.dry_run, schools, actor: Some(actor) })
}

fn refuse(error: ImportError) -> Problem {
    let said = error.to_string();
    match error {
        ImportError::Unreadable(report) => {
            let faults: Vec<ImportFault> = report.faults.iter().map(ImportFault::from).collect();
            faulty(&faults, report.total)
        }
        ImportError::Delta(_) => Problem::invalid(vec![Fault::new("manifest.csv", said)]),
        ImportError::NoSchool => Problem::not_found("school"),
        ImportError::NotInBundle(_) => Problem::invalid(vec![Fault::new("orgs.csv", said)]),
        ImportError::Ambiguous(_) => Problem::invalid(vec![Fault::new("query:school", said)]),
        ImportError::Bound => Problem::conflict(Kind::Conflict, "The org is bound to another school, or this school to another org."),
        ImportError::Store(error) => error.into(),
        ImportError::Event(error) => Problem::internal(error),
        ImportError::Reader(error) => Problem::internal(error),
    }
}

fn faulty(faults: &[ImportFault], total: usize) -> Problem {
    let shown = faults.len().min(SHOWN);
    let detail = if total > shown {
        format!("The roster has {total} faults and was not imported; the first {shown} are in `errors`.")
    } else {
        format!("The roster has {total} faults and was not imported; see `errors`.")
    };
    let faults = faults.iter().take(SHOWN).map(|fault| Fault::new(fault.pointer(), fault.message.clone())).collect();
    Problem::new(Kind::ValidationFailed, detail).with_faults(faults)
}
