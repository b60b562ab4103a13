//! Students who say themselves that they are there, where the school wants that.

use actix_web::web::{Data, Json};
use actix_web::{get, post};
use chrono::{DateTime, NaiveDate, Utc};
use directory::{Glance, Learner};
use domain::{ClassId, Permission, RegisterId, Role, ServiceName, SubjectId};
use futures_util::future::{join, try_join};
use serde::Serialize;
use service_kit::{CommonProblems, IdPath, Kind, Permit, Problem, Refusal, Retries, permits, retried};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;
use write_behind::Operation;

use super::Rooms;
use super::sessions::RecordView;
use crate::model::register::State;
use crate::model::roll;
use crate::model::self_registration::{Presence, check, present};
use crate::store::{RegisterFilter, find_register, list_registers, rules};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(register);
}

/// How often a student's word is said again when somebody else was quicker: a class that sits down says it all at once, and each of them changes the register.
const TRIES: usize = 200;

/// The most registers that a student is shown: nobody has more lessons in a day.
const MOST: u64 = 100;

/// A register that a student can register in.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenRegister {
    /// The register.
    session_id: RegisterId,
    /// The class.
    class_id: ClassId,
    /// The day.
    held_on: NaiveDate,
    /// The period; null for the register of the whole day.
    period: Option<u8>,
    /// The subject of the lesson.
    subject_id: Option<SubjectId>,
    /// When the lesson begins.
    starts_at: Option<DateTime<Utc>>,
    /// When it ends.
    ends_at: Option<DateTime<Utc>>,
    /// What the register says of the student; null if nothing yet.
    record: Option<RecordView>,
}

fn only_students(role: Role) -> Result<(), Problem> {
    let refused = || Problem::new(Kind::Forbidden, "Only students register themselves.");
    if role == Role::Student { Ok(()) } else { Err(refused()) }
}

/// Lists the registers in which the student can say now that they are there: today's, opened and not taken yet. Empty where the school doesn't use it.
#[utoipa::path(responses((status = 200, body = Vec<OpenRegister>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/attendance/self-registration")]
async fn list(permit: Permit<permits::AttendanceRead>, rooms: Data<Rooms>) -> Result<Json<Vec<OpenRegister>>, Problem> {
    let caller = permit.caller();
    only_students(caller.role)?;
    let look = async |glance: &Glance<'_>| rooms.viewer_at(glance, caller).await;
    let (viewer, rules) = try_join(rooms.directory.consult(caller.school_id, look), rules(&rooms.platform, caller.school_id)).await?;
    let now = rooms.platform.clock().now();
    let today = rules.day_at(now);
    let learner = viewer.learners().first().filter(|_| rules.settings.self_registration);
    let classes: Vec<ClassId> = learner.map(|learner| classes_on(learner, today)).unwrap_or_default();
    let (Some(learner), false) = (learner, classes.is_empty()) else { return Ok(Json(Vec::new())) };
    let filter = RegisterFilter { classes: Some(classes), from: today, to: today, state: Some(State::Open), after: None };
    let mut rows = list_registers(&rooms.platform, caller.school_id, &filter, MOST).await?;
    rows.retain(|row| check(row, today, now).is_ok());
    rows.sort_by_key(|row| (row.starts_at, row.period, row.id));
    let view = |row: crate::model::register::Register| OpenRegister {
        session_id: row.id,
        class_id: row.class_id,
        held_on: row.held_on,
        period: row.period,
        subject_id: row.subject_id,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        record: row.mark(learner.student_id).map(|mark| RecordView::of(mark, &rules)),
    };
    Ok(Json(rows.into_iter().map(view).collect()))
}

fn classes_on(learner: &Learner, day: NaiveDate) -> Vec<ClassId> {
    let mut classes: Vec<ClassId> = learner.classes().filter(|class| learner.is_in(*class, day)).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}

/// Says that the student is there
///
/// In a register of today that a teacher has opened and not taken yet, from a quarter of an hour before the lesson to its end. Who comes after the beginning is
/// late, by the server's clock. Said again it changes nothing. It counts once the teacher takes the register, who can overrule it.
#[utoipa::path(
    params(("id" = RegisterId, Path, description = "The register.")),
    responses(
        (status = 200, body = RecordView, description = "What the register says of the student now."),
        (status = 409, description = "It was taken already, is another day's, or its lesson is not now."),
        CommonProblems
    ),
    security(("bearer" = []))
)]
#[post("/api/v1/attendance/sessions/{id}/self-registration")]
async fn register(
    permit: Permit<permits::AttendanceRead>,
    id: IdPath<RegisterId>,
    rooms: Data<Rooms>,
) -> Result<Json<RecordView>, Problem> {
    let caller = permit.caller();
    only_students(caller.role)?;
    let (school, now, name) = (caller.school_id, rooms.platform.clock().now(), Uuid::now_v7());
    let missing = || Problem::not_found("register");
    let work = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer_at(glance, caller).await?;
        let learner = viewer.learners().first().ok_or_else(|| Problem::forbidden(Permission::AttendanceRead))?;
        retried(Retries::EVEN_IF_CHANGED.times(TRIES), async || {
            let found = find_register(&rooms.platform, glance.guard(), school, *id);
            let (found, rules) = join(found, rules(&rooms.platform, school)).await;
            let (found, rules) = (found?.ok_or_else(missing)?, rules?);
            let roster = glance.roster(found.class_id).await?;
            // Whoever is not to be marked in it has never heard of it.
            if !roll::pupils(&roster.0, found.class_id, found.held_on, found.period).contains(&learner.student_id) {
                return Err(missing().into());
            }
            if !rules.settings.self_registration {
                return Err(Problem::new(Kind::Forbidden, "In this school students don't register themselves.").into());
            }
            let presence = Presence { student_id: learner.student_id, user_id: caller.user_id, today: rules.day_at(now), now };
            let after = present(&found, &presence, &rules.codes).map_err(|refused| Problem::conflict(Kind::Conflict, refused.reason()))?;
            if after != found {
                let operation = Operation::new(school, ServiceName::Attendance).named(name).update(&after, found.version);
                let operation = operation.guarded(glance.guard());
                rooms.platform.buffer().write(rooms.platform.postgres(ServiceName::Attendance), operation).await.map_err(Refusal::Write)?;
            }
            let record = after.mark(learner.student_id).map(|mark| RecordView::of(mark, &rules));
            Ok(record.ok_or_else(missing)?)
        })
        .await
    };
    Ok(Json(rooms.directory.consult(school, work).await?))
}
