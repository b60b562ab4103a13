//! Marks: of a whole class at once, or of one student.

use actix_web::web::Data;
use actix_web::{Either, patch, put};
use domain::{Patch, RegisterId, StudentId, Text};
use serde::Deserialize;
use service_kit::{Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Kind, Permit, Problem, Versioned, permits};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::sessions::RegisterView;
use super::taking::{Basis, Ground, RegisterPlace, Taken, Taking};
use crate::model::code::CountsAs;
use crate::model::marking::{Entry, Sheet};
use crate::model::register::Register;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(mark_all).service(mark_one);
}

/// A student's mark.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordEntry {
    /// The student.
    student_id: StudentId,
    /// One of the school's codes.
    #[schema(value_type = String, min_length = 1, max_length = 16, example = "L")]
    code: Text<16>,
    /// How late the student came; only with a code that counts as late.
    #[schema(minimum = 0, maximum = 1440, example = 12)]
    minutes_late: Option<u16>,
    /// What there is to say.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1000)]
    note: Option<Text<1000>>,
}

/// The marks of a class.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "register": {"class_id": "0190a5c4-0000-7000-8000-00000000000c", "held_on": "2026-11-20"},
    "records": [{"student_id": "0190a5c4-0000-7000-8000-000000000001", "code": "L", "minutes_late": 12, "note": "The bus was late"}],
    "others": "P"
}))]
pub struct MarkRegister {
    /// Which register it is; needed with `If-None-Match: *`, and looked at only then.
    register: Option<RegisterPlace>,
    /// Student by student. Everybody of the class who has no mark yet must be named, unless `others` is given; whom you don't name keeps their mark.
    #[schema(max_items = 500)]
    records: Vec<RecordEntry>,
    /// The code of everybody else who has no mark yet. Who has approved leave on that day gets the leave code instead.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 16, example = "P")]
    others: Option<Text<16>>,
    /// Why a locked register is corrected; required then.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1000)]
    reason: Option<Text<1000>>,
}

/// The most students in one request.
const MOST: usize = 500;

impl MarkRegister {
    fn sheet(&self) -> Sheet {
        let entries = self.records.iter().enumerate().map(|(index, entry)| Entry {
            at: format!("/records/{index}"),
            named_by: "student_id",
            student_id: entry.student_id,
            code: entry.code.as_str().to_owned(),
            minutes_late: entry.minutes_late,
            note: entry.note.as_ref().map(|note| note.as_str().to_owned()),
        });
        Sheet { entries: entries.collect(), others: self.others.as_ref().map(|code| code.as_str().to_owned()) }
    }
}

/// Answers with the register: 201 if it came into being, else 200.
pub(super) type Answered = Either<Created<RegisterView>, Versioned<RegisterView>>;

pub(super) fn answered(taken: &Taken) -> Answered {
    let (view, version) = (RegisterView::of(&taken.register, &taken.ground.rules, taken.ground.today), taken.register.version);
    if taken.is_new {
        let location = format!("/api/v1/attendance/sessions/{}", taken.register.id);
        return Either::Left(Created { body: view, version, location });
    }
    Either::Right(Versioned(view, version))
}

/// Marks a whole register
///
/// All or nothing: if anything is wrong, nothing is written and every fault is named by its row. Acknowledged once it is on Redis's disk, as one write however
/// many students there are; visible at once.
///
/// The first time, send `If-None-Match: *` and say in `register` which one it is; its id is what `GET /api/v1/attendance/sheet` and `…/missing` tell. After that,
/// send the `ETag` that you read as `If-Match`. Of two teachers who mark at once one gets 412, reads, and sees what the other said. The same request again
/// changes nothing and makes no new version.
///
/// A change of a register that had been taken is kept as a correction, with who, when, before and after. A locked register is corrected by the office only, with
/// a `reason`.
#[utoipa::path(
    request_body = MarkRegister,
    params(
        ("id" = RegisterId, Path, description = "The register."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that was read."),
        ("If-None-Match" = Option<String>, Header, description = "`*` for a register that nobody has opened yet."),
    ),
    responses(
        (status = 200, body = RegisterView, description = "Marked."),
        (status = 201, body = RegisterView, description = "Opened and marked."),
        CommonProblems, EditProblems
    ),
    security(("bearer" = []))
)]
#[put("/api/v1/attendance/sessions/{id}/records")]
async fn mark_all(
    permit: Permit<permits::AttendanceMark>,
    id: IdPath<RegisterId>,
    basis: Basis,
    rooms: Data<Rooms>,
    body: Body<MarkRegister>,
) -> Result<Answered, Problem> {
    if body.records.len() > MOST {
        return Err(Problem::invalid(vec![domain::Fault::new("/records", format!("must have at most {MOST} items"))]));
    }
    let taking = Taking {
        id: *id,
        basis,
        place: body.register.map(|place| ("/register", place)),
        sheet: &|_, _| Ok(body.sheet()),
        reason: body.reason.as_ref().map(|reason| reason.as_str().to_owned()),
        dry_run: false,
    };
    Ok(answered(&rooms.take(permit.caller(), &taking).await?))
}

/// What changes in a student's mark; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRecord {
    /// One of the school's codes. A code that doesn't count as late takes `minutes_late` away.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 16, example = "L")]
    code: Option<Text<16>>,
    /// How late the student came.
    #[serde(default)]
    #[schema(value_type = Option<u16>, minimum = 0, maximum = 1440)]
    minutes_late: Patch<u16>,
    /// What there is to say.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1000)]
    note: Patch<Text<1000>>,
    /// Why a locked register is corrected; required then.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1000)]
    reason: Option<Text<1000>>,
}

impl ChangeRecord {
    /// The student's row after the change.
    fn sheet(&self, register: &Register, ground: &Ground, student: StudentId, for_office: bool) -> Result<Sheet, Problem> {
        let before = register.mark(student).ok_or_else(|| Problem::not_found("mark"))?;
        let overruled = before.office_code.is_some() && !for_office;
        if overruled && !(self.minutes_late.is_keep() && self.note.is_keep()) {
            return Err(Problem::conflict(
                Kind::Conflict,
                "The office has decided on this mark; only the code that you saw can be noted beside it.",
            ));
        }
        let stands = if overruled { before.teacher_code.as_deref().unwrap_or_else(|| before.code()) } else { before.code() };
        let code = self.code.as_ref().map_or(stands, |code| ground.rules.codes.spelt(code.as_str())).to_owned();
        let keeps_minutes = ground.rules.codes.counts_as(&code) == CountsAs::Late;
        let minutes_late = match &self.minutes_late {
            Patch::Keep if keeps_minutes => before.minutes_late,
            Patch::Keep | Patch::Clear => None,
            Patch::Set(minutes) => Some(*minutes),
        };
        let note = match &self.note {
            Patch::Keep => before.note.clone(),
            Patch::Clear => None,
            Patch::Set(note) => Some(note.as_str().to_owned()),
        };
        let entry = Entry { at: String::new(), named_by: "student_id", student_id: student, code, minutes_late, note };
        Ok(Sheet { entries: vec![entry], others: None })
    }
}

/// Changes one student's mark in a register that was taken. The version is the register's: two who change different students at once are told, too.
#[utoipa::path(
    request_body = ChangeRecord,
    params(
        ("id" = RegisterId, Path, description = "The register."),
        ("student_id" = StudentId, Path, description = "The student."),
        ("If-Match" = String, Header, description = "The register's `ETag` that was read."),
    ),
    responses((status = 200, body = RegisterView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/attendance/sessions/{id}/records/{student_id}")]
async fn mark_one(
    permit: Permit<permits::AttendanceMark>,
    path: IdPath<(RegisterId, StudentId)>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<ChangeRecord>,
) -> Result<Versioned<RegisterView>, Problem> {
    let (id, student, for_office) = (path.0.0, path.0.1, permit.role.is_office());
    let taking = Taking {
        id,
        basis: Basis::Seen(seen),
        place: None,
        sheet: &|register, ground| body.sheet(register, ground, student, for_office),
        reason: body.reason.as_ref().map(|reason| reason.as_str().to_owned()),
        dry_run: false,
    };
    let taken = rooms.take(permit.caller(), &taking).await?;
    Ok(Versioned(RegisterView::of(&taken.register, &taken.ground.rules, taken.ground.today), taken.register.version))
}
