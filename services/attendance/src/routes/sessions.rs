//! Registers: open, list, show, lock.

use actix_web::web::Data;
use actix_web::{get, post};
use chrono::{DateTime, NaiveDate, Utc};
use directory::Glance;
use domain::{ClassId, Fault, RegisterId, ServiceName, StudentId, SubjectId, TeacherId, UserId, Version};
use futures_util::future::{join, join3, try_join};
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, Limit, NotModifiedOr, Page, Paging, Params, Permit,
    Problem, Versioned, permits,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;
use write_behind::{Found, Operation};

use super::taking::{RegisterPlace, lesson};
use super::{Refusal, Rooms, range, retried};
use crate::events;
use crate::model::code::CountsAs;
use crate::model::lock;
use crate::model::register::{Mark, Register, State};
use crate::store::{RegisterFilter, Rules, day, list_registers, look_for_register, rules};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(open).service(list).service(show).service(lock_register);
}

/// A register without its marks.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegisterSummary {
    /// Its id, made from class, day and period.
    id: RegisterId,
    /// The class.
    class_id: ClassId,
    /// The day, in the school's time zone.
    held_on: NaiveDate,
    /// The period; null for the register of the whole day.
    period: Option<u8>,
    /// The subject of the lesson.
    subject_id: Option<SubjectId>,
    /// The teacher who opened it; null when the office did.
    teacher_id: Option<TeacherId>,
    /// When the lesson began.
    starts_at: Option<DateTime<Utc>>,
    /// When it ended.
    ends_at: Option<DateTime<Utc>>,
    /// Where it stands.
    state: State,
    /// Whether only the office can change it now, by time or because somebody locked it. Time and the school's settings make no new version: see `locks_on`.
    is_locked: bool,
    /// The first day on which it is locked by time.
    locks_on: NaiveDate,
    /// Who took it first.
    taken_by: Option<UserId>,
    /// When.
    taken_at: Option<DateTime<Utc>>,
    /// When it was locked by hand.
    locked_at: Option<DateTime<Utc>>,
    /// How many are marked present.
    present: usize,
    /// How many are marked late.
    late: usize,
    /// How many are marked absent.
    absent: usize,
    /// How many are marked excused.
    excused: usize,
    /// How many have a mark that counts as nothing.
    not_counted: usize,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
    /// When it was opened.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

/// A student's mark.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordView {
    /// The student.
    student_id: StudentId,
    /// The code that counts: the office's, else the teacher's.
    #[schema(example = "P")]
    code: String,
    /// What it counts as.
    counts_as: CountsAs,
    /// The code that the teacher gave, or the student who registered themselves.
    teacher_code: Option<String>,
    /// The code that the office gave, where it differs.
    office_code: Option<String>,
    /// How late the student came, in minutes.
    minutes_late: Option<u16>,
    /// What there is to say.
    note: Option<String>,
    /// Who marked last.
    marked_by: UserId,
    /// When.
    marked_at: DateTime<Utc>,
}

/// A register with its marks.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegisterView {
    /// All but the marks.
    #[serde(flatten)]
    register: RegisterSummary,
    /// A mark for each student.
    records: Vec<RecordView>,
}

impl RegisterSummary {
    pub(super) fn of(row: &Register, rules: &Rules, today: NaiveDate) -> Self {
        let count = |wanted: CountsAs| row.marks.iter().filter(|mark| rules.codes.counts_as(mark.code()) == wanted).count();
        let lock_after_days = rules.settings.lock_after_days;
        Self {
            id: row.id,
            class_id: row.class_id,
            held_on: row.held_on,
            period: row.period,
            subject_id: row.subject_id,
            teacher_id: row.teacher_id,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            state: row.state,
            is_locked: lock::is_locked(row, lock_after_days, today),
            locks_on: lock::locks_on(row.held_on, lock_after_days),
            taken_by: row.taken_by,
            taken_at: row.taken_at,
            locked_at: row.locked_at,
            present: count(CountsAs::Present),
            late: count(CountsAs::Late),
            absent: count(CountsAs::Absent),
            excused: count(CountsAs::Excused),
            not_counted: count(CountsAs::NotCounted),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl RecordView {
    pub(super) fn of(mark: &Mark, rules: &Rules) -> Self {
        Self {
            student_id: mark.student_id,
            code: mark.code().to_owned(),
            counts_as: rules.codes.counts_as(mark.code()),
            teacher_code: mark.teacher_code.clone(),
            office_code: mark.office_code.clone(),
            minutes_late: mark.minutes_late,
            note: mark.note.clone(),
            marked_by: mark.marked_by,
            marked_at: mark.marked_at,
        }
    }
}

impl RegisterView {
    pub(super) fn of(row: &Register, rules: &Rules, today: NaiveDate) -> Self {
        Self {
            register: RegisterSummary::of(row, rules, today),
            records: row.marks.iter().map(|mark| RecordView::of(mark, rules)).collect(),
        }
    }
}

/// Opens a register that nobody has marked yet. Marking opens it too: this is for a lesson that is to be seen before it is taken.
#[utoipa::path(
    request_body = RegisterPlace,
    responses((status = 201, body = RegisterView), (status = 409, description = "It is open already."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/attendance/sessions")]
async fn open(
    permit: Permit<permits::AttendanceMark>,
    rooms: Data<Rooms>,
    body: Body<RegisterPlace>,
) -> Result<Created<RegisterView>, Problem> {
    let (caller, wanted, now) = (permit.caller(), &body.0, rooms.platform.clock().now());
    let school = caller.school_id;
    let id = wanted.place().id(school);
    // The same in every try: a try whose outcome is unknown must be known again.
    let name = Uuid::now_v7();
    let work = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer_at(glance, caller).await?;
        retried(async || {
            let found = look_for_register(&rooms.platform, glance.guard(), school, id);
            let day = day(&rooms.platform, glance, school, wanted.class_id, wanted.held_on);
            let (found, rules, day) = join3(found, rules(&rooms.platform, school), day).await;
            let no_class = || Problem::invalid(vec![Fault::new("/class_id", "is no class that you teach")]);
            let ground = rooms.ground(glance, &viewer, wanted.class_id, rules?).await?.ok_or_else(no_class)?;
            let mut faults = Rooms::check_place(&ground, &day?, "", wanted);
            let too_late = lock::has_passed(wanted.held_on, ground.rules.settings.lock_after_days, ground.today);
            if too_late && !viewer.is_office() {
                faults.push(Fault::new("/held_on", "is so long ago that its registers are locked"));
            }
            if !faults.is_empty() {
                return Err(Problem::invalid(faults).into());
            }
            let Found::Absent(absence) = found? else {
                return Err(Problem::conflict(Kind::AlreadyExists, "This register is open already.").into());
            };
            let register = Register::open(school, wanted.place(), lesson(&viewer, wanted), now);
            let operation = Operation::new(school, ServiceName::Attendance).named(name).create_absent(&register, absence);
            let operation = operation.guarded(glance.guard());
            rooms.platform.buffer().write(rooms.platform.postgres(ServiceName::Attendance), operation).await.map_err(Refusal::Write)?;
            Ok((register, ground))
        })
        .await
    };
    let (register, ground) = rooms.directory.consult(school, work).await?;
    let location = format!("/api/v1/attendance/sessions/{}", register.id);
    Ok(Created { body: RegisterView::of(&register, &ground.rules, ground.today), version: register.version, location })
}

/// Which registers to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListRegisters {
    /// Of this day only.
    date: Option<NaiveDate>,
    /// Of this day or later; 30 days before `to` unless said otherwise.
    from: Option<NaiveDate>,
    /// Of this day or earlier; today unless said otherwise.
    to: Option<NaiveDate>,
    /// Of this class only.
    class_id: Option<ClassId>,
    /// In this state only.
    #[param(inline)]
    state: Option<State>,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// Lists registers, the latest day first: of a teacher's classes, of the whole school for the office. Those that ought to be there and aren't are at
/// `/api/v1/attendance/missing`.
#[utoipa::path(params(ListRegisters), responses((status = 200, body = Page<RegisterSummary>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/attendance/sessions")]
async fn list(
    permit: Permit<permits::AttendanceMark>,
    rooms: Data<Rooms>,
    params: Params<ListRegisters>,
) -> Result<Page<RegisterSummary>, Problem> {
    let caller = permit.caller();
    let look = async |glance: &Glance<'_>| rooms.viewer_at(glance, caller).await;
    let (viewer, rules) = try_join(rooms.directory.consult(caller.school_id, look), rules(&rooms.platform, caller.school_id)).await?;
    let today = rules.day_at(rooms.platform.clock().now());
    let (from, to) = range(params.from.or(params.date), params.to.or(params.date), today, 31)?;
    let classes = match params.class_id {
        Some(class) if viewer.may_mark(class) => Some(vec![class]),
        Some(_) => return Err(Problem::not_found("class")),
        None if viewer.is_office() => None,
        None => Some(viewer.classes_taught().to_vec()),
    };
    let paging = Paging::asking(
        &rooms.platform,
        caller,
        "registers",
        (from, to, params.class_id, params.state),
        params.limit,
        params.cursor.as_deref(),
    );
    let after = paging.after()?;
    let filter = RegisterFilter { classes, from, to, state: params.state, after };
    let rows = list_registers(&rooms.platform, caller.school_id, &filter, paging.limit()).await?;
    let page = paging.page(rows, |last| (last.held_on, last.id));
    Ok(page.map(|row| RegisterSummary::of(&row, &rules, today)))
}

/// Shows a register with its marks.
#[utoipa::path(
    params(("id" = RegisterId, Path, description = "The register.")),
    responses((status = 200, body = RegisterView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/attendance/sessions/{id}")]
async fn show(
    permit: Permit<permits::AttendanceMark>,
    id: IdPath<RegisterId>,
    known: IfNoneMatch,
    rooms: Data<Rooms>,
) -> Result<NotModifiedOr<RegisterView>, Problem> {
    let find = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer_at(glance, permit.caller()).await?;
        let (register, rules) = join(rooms.register(glance, &viewer, *id), rules(&rooms.platform, permit.school_id)).await;
        Ok::<_, Problem>((register?, rules?))
    };
    let (register, rules) = rooms.directory.consult(permit.school_id, find).await?;
    let today = rules.day_at(rooms.platform.clock().now());
    let version = register.version;
    Ok(NotModifiedOr(known, RegisterView::of(&register, &rules, today), version))
}

/// Locks a register that was taken, before its time: from now on only the office can correct it.
#[utoipa::path(
    params(("id" = RegisterId, Path, description = "The register."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = RegisterView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/attendance/sessions/{id}/lock")]
async fn lock_register(
    permit: Permit<permits::AttendanceMark>,
    id: IdPath<RegisterId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<RegisterView>, Problem> {
    let (caller, now, name) = (permit.caller(), rooms.platform.clock().now(), Uuid::now_v7());
    let work = async |glance: &Glance<'_>| {
        let viewer = rooms.viewer_at(glance, caller).await?;
        retried(async || {
            let register = rooms.register(glance, &viewer, *id).await?;
            seen.require(register.version)?;
            let Some(locked) = register.locked(now) else {
                let detail = if register.state == State::Locked { "It is locked already." } else { "Nobody is marked in it yet." };
                return Err(Problem::conflict(Kind::Conflict, detail).into());
            };
            let event = events::locked(caller, &locked, now)?;
            let operation = Operation::new(caller.school_id, ServiceName::Attendance).named(name).update(&locked, register.version);
            let operation = operation.event(event).guarded(glance.guard());
            rooms.platform.buffer().write(rooms.platform.postgres(ServiceName::Attendance), operation).await.map_err(Refusal::Write)?;
            Ok(locked)
        })
        .await
    };
    let locked = rooms.directory.consult(caller.school_id, work).await?;
    let rules = rules(&rooms.platform, caller.school_id).await?;
    Ok(Versioned(RegisterView::of(&locked, &rules, rules.day_at(now)), locked.version))
}
