//! The way of every change to a register's marks, whether it came as JSON for a class, for one student, or as a file: who may, is there school, is it locked,
//! who is to be marked, what stands there, and then one write that holds the register, its correction and its events, or nothing.
//!
//! Who teaches and attends the class is remembered; the register, the school's rules and the day are asked for together. So a marking takes two round trips to
//! Redis, the second one being the write; one that opens its register also asks PostgreSQL whether it is the first.

use std::collections::HashSet;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use chrono::{DateTime, NaiveDate, Utc};
use directory::{Class, Glance, Roster, Seat};
use domain::{ClassId, CorrectionId, Fault, RegisterId, ServiceName, StudentId, SubjectId, Version};
use futures_util::future::{Ready, join3, ready};
use serde::Deserialize;
use service_kit::{Caller, IfMatch, Kind, Problem};
use store::StoreError;
use utoipa::ToSchema;
use write_behind::{Absence, Found, Operation, ReadError};

use super::access::Viewer;
use super::{Refusal, Rooms, retried};
use crate::events;
use crate::model::correction::{Change, Correction, changes, is_due};
use crate::model::marking::{Context, Sheet, mark};
use crate::model::register::{Lesson, Place, Register};
use crate::model::{lock, roll};
use crate::store::{self as tables, Day, Rules};

/// What a change is based on: `If-Match` with the version that was read, or `If-None-Match: *` for a register that nobody has opened yet. Neither is 428, both 400.
#[derive(Debug, Clone, Copy)]
pub(super) enum Basis {
    Seen(IfMatch),
    Fresh,
}

impl FromRequest for Basis {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mut none_match = request.headers().get_all(header::IF_NONE_MATCH);
        let fresh = match (none_match.next(), none_match.next()) {
            (None, _) => false,
            (Some(value), None) if value.as_bytes() == b"*" && !request.headers().contains_key(header::IF_MATCH) => true,
            _ => {
                let fault = Fault::new("header:If-None-Match", "must be *, and stand without If-Match");
                let problem = Problem::new(Kind::MalformedRequest, "If-None-Match can't be read.");
                return ready(Err(problem.with_faults(vec![fault])));
            }
        };
        if fresh {
            return ready(Ok(Self::Fresh));
        }
        ready(IfMatch::from_request(request, payload).into_inner().map(Self::Seen))
    }
}

pub(super) const NO_PERIOD: &str = "must be from 0 to 99";

/// Which register it is.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterPlace {
    /// The class: one that the teacher teaches.
    pub(super) class_id: ClassId,
    /// The day, in the school's time zone: a school day of the class, not in the future.
    #[schema(example = "2026-11-20")]
    pub(super) held_on: NaiveDate,
    /// The period; left out means the register of the whole day.
    #[schema(minimum = 0, maximum = 99)]
    pub(super) period: Option<u8>,
    /// The subject of the lesson: one that is taught in the class.
    pub(super) subject_id: Option<SubjectId>,
    /// When the lesson begins; only with a period, and with `ends_at`.
    pub(super) starts_at: Option<DateTime<Utc>>,
    /// When the lesson ends.
    pub(super) ends_at: Option<DateTime<Utc>>,
}

impl RegisterPlace {
    pub(super) const fn place(&self) -> Place {
        Place { held_on: self.held_on, class_id: self.class_id, period: self.period }
    }
}

/// What there is to know before a register can be judged.
pub(super) struct Ground {
    pub(super) rules: Rules,
    pub(super) today: NaiveDate,
    pub(super) class: Arc<Class>,
    roster: Arc<Roster>,
}

impl Ground {
    /// The class list, past and present.
    pub(super) fn seats(&self) -> &[Seat] {
        &self.roster.0
    }
}

impl Rooms {
    /// The ground of `class`; none if there is no such class that the caller may mark.
    pub(super) async fn ground(
        &self,
        glance: &Glance<'_>,
        viewer: &Viewer,
        class: ClassId,
        rules: Rules,
    ) -> Result<Option<Ground>, StoreError> {
        if !viewer.may_mark(class) {
            return Ok(None);
        }
        let Some(class) = glance.class(class).await? else { return Ok(None) };
        let roster = glance.roster(class.class_id).await?;
        let today = rules.day_at(self.platform.clock().now());
        Ok(Some(Ground { rules, today, class, roster }))
    }

    /// Who is to be marked. Somebody who left another class on that day or the day before, and stands in its daily register of that day, is not marked again.
    pub(super) async fn pupils(&self, ground: &Ground, viewer: &Viewer, place: Place) -> Result<Vec<StudentId>, Problem> {
        let mut pupils = roll::pupils(ground.seats(), place.class_id, place.held_on, place.period);
        if place.period.is_some() {
            return Ok(pupils);
        }
        let school = viewer.caller.school_id;
        let mut marked = HashSet::new();
        for seat in ground.seats().iter().filter(|seat| pupils.contains(&seat.student_id)) {
            for class_id in roll::left_lately(seat, place.class_id, place.held_on) {
                let other = tables::find_register(&self.platform, None, school, Place { class_id, ..place }.id(school)).await?;
                if other.is_some_and(|other| other.mark(seat.student_id).is_some()) {
                    marked.insert(seat.student_id);
                }
            }
        }
        pupils.retain(|student| !marked.contains(student));
        Ok(pupils)
    }

    /// Judges a register that is to be opened: its day, its lesson.
    pub(super) fn check_place(ground: &Ground, day: &Day, at: &str, wanted: &RegisterPlace) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut wrong = |field: &str, detail: &str| faults.push(Fault::new(format!("{at}/{field}"), detail));
        if wanted.held_on > ground.today {
            wrong("held_on", "is in the future");
        } else if let Some(Err(no_school)) =
            day.calendar.as_ref().map(|calendar| calendar.judge(wanted.held_on, &ground.rules.settings.weekdays))
        {
            wrong("held_on", no_school.reason());
        } else if roll::pupils(ground.seats(), wanted.class_id, wanted.held_on, wanted.period).is_empty() {
            wrong("held_on", "is a day on which nobody is to be marked in this class");
        }
        if !wanted.place().has_sound_period() {
            wrong("period", NO_PERIOD);
        }
        if wanted.subject_id.is_some_and(|subject| !ground.class.subjects.contains(&subject)) {
            wrong("subject_id", "is not taught in this class");
        }
        match (wanted.starts_at, wanted.ends_at) {
            (None, None) => {}
            _ if wanted.period.is_none() => wrong("starts_at", "goes only with a period"),
            (Some(starts), Some(ends)) => {
                if ends <= starts || (ends - starts).num_hours() >= 24 {
                    wrong("ends_at", "must be after starts_at, by less than a day");
                }
                if ground.rules.day_at(starts) != wanted.held_on {
                    wrong("starts_at", "is not on that day");
                }
            }
            _ => wrong("ends_at", "is needed with starts_at, and the other way round"),
        }
        faults
    }

    /// The register that the caller may take, by id; others don't exist for them.
    pub(super) async fn register(&self, glance: &Glance<'_>, viewer: &Viewer, id: RegisterId) -> Result<Register, Problem> {
        let found = tables::find_register(&self.platform, glance.guard(), viewer.caller.school_id, id).await?;
        found.filter(|register| viewer.may_mark(register.class_id)).ok_or_else(|| Problem::not_found("register"))
    }
}

/// A change that is asked for.
pub(super) struct Taking<'t> {
    pub(super) id: RegisterId,
    pub(super) basis: Basis,
    /// Which register to open if there is none, and where in the request that stands.
    pub(super) place: Option<(&'t str, RegisterPlace)>,
    /// What the marks are to be.
    pub(super) sheet: &'t dyn Fn(&Register, &Ground) -> Result<Sheet, Problem>,
    pub(super) reason: Option<String>,
    pub(super) dry_run: bool,
}

/// What came of it.
pub(super) struct Taken {
    pub(super) register: Register,
    pub(super) changes: Vec<Change>,
    /// Whether the register came into being.
    pub(super) is_new: bool,
    pub(super) ground: Ground,
}

/// What stays the same however often a change is tried: a try whose outcome is unknown must be known again.
struct Try {
    now: DateTime<Utc>,
    /// Names the operation, and the correction if there is one.
    correction: CorrectionId,
}

impl Rooms {
    /// Marks a register.
    pub(super) async fn take(&self, caller: &Caller, taking: &Taking<'_>) -> Result<Taken, Problem> {
        let this = Try { now: self.platform.clock().now(), correction: CorrectionId::generate() };
        let work = async |glance: &Glance<'_>| {
            let viewer = self.viewer_at(glance, caller).await?;
            retried(async || self.try_take(glance, &viewer, taking, &this).await).await
        };
        self.directory.consult(caller.school_id, work).await
    }

    async fn try_take(&self, glance: &Glance<'_>, viewer: &Viewer, taking: &Taking<'_>, this: &Try) -> Result<Taken, Refusal> {
        let (caller, now) = (&viewer.caller, this.now);
        let missing = || Problem::not_found("register");
        let opening = taking.place.as_ref().map(|(_, place)| place).filter(|_| matches!(taking.basis, Basis::Fresh));
        let day = async {
            let Some(place) = opening else { return Ok(None) };
            tables::day(&self.platform, glance, caller.school_id, place.class_id, place.held_on).await.map(Some)
        };
        let found = tables::look_for_register(&self.platform, glance.guard(), caller.school_id, taking.id);
        let (found, rules, day) = join3(found, tables::rules(&self.platform, caller.school_id), day).await;
        let found = match found {
            // Taking registers goes on while PostgreSQL is away. Should there be one after all, the drain keeps both.
            Err(ReadError::Store(StoreError::Unavailable(_))) if matches!(taking.basis, Basis::Fresh) => Found::Absent(Absence::unproven()),
            found => found?,
        };
        let rules = rules?;
        let (before, ground, absence, day) = match found {
            Found::Row(register) => {
                let ground = self.ground(glance, viewer, register.class_id, rules).await?.ok_or_else(missing)?;
                match taking.basis {
                    Basis::Seen(seen) => seen.require(register.version)?,
                    Basis::Fresh => return Err(Problem::precondition_failed(register.version).into()),
                }
                (register, ground, None, None)
            }
            Found::Absent(absence) => {
                let Basis::Fresh = taking.basis else { return Err(missing().into()) };
                let day = day?;
                let (register, ground) = self.opened(glance, viewer, taking, (rules, day.as_ref()), now).await?;
                (register, ground, Some(absence), day)
            }
        };
        let is_locked = lock::is_locked(&before, ground.rules.settings.lock_after_days, ground.today);
        if is_locked && !viewer.is_office() {
            return Err(Problem::conflict(Kind::Conflict, "This register is locked; the office can correct it.").into());
        }
        if is_locked && taking.reason.is_none() && !taking.dry_run {
            return Err(Problem::invalid(vec![Fault::new("/reason", "is required where a register is locked")]).into());
        }
        let after = self.marked(viewer, taking, (&before, absence.is_some()), &ground, day, now).await?;
        let changed = changes(&before, &after);
        let is_new = absence.is_some();
        if taking.dry_run || (!is_new && after == before) {
            return Ok(Taken { register: after, changes: changed, is_new, ground });
        }
        let operation = Operation::new(caller.school_id, ServiceName::Attendance).named(this.correction.as_uuid());
        let mut operation = match absence {
            Some(absence) => operation.create_absent(&after, absence),
            None => operation.update(&after, before.version),
        };
        if is_due(&before, is_locked) && !changed.is_empty() {
            operation = operation.create(&Correction {
                id: this.correction,
                school_id: caller.school_id,
                session_id: after.id,
                session_version: after.version,
                corrected_by: caller.user_id,
                role: caller.role,
                after_lock: is_locked,
                reason: taking.reason.clone(),
                changes: changed.clone(),
                version: Version::FIRST,
                created_at: now,
            });
        }
        for event in events::marked(caller, &before, &after, &ground.rules.codes, now)? {
            operation = operation.event(event);
        }
        let operation = operation.guarded(glance.guard());
        self.platform.buffer().write(self.platform.postgres(ServiceName::Attendance), operation).await.map_err(Refusal::Write)?;
        Ok(Taken { register: after, changes: changed, is_new, ground })
    }

    /// The register that is to come into being, still open.
    async fn opened(
        &self,
        glance: &Glance<'_>,
        viewer: &Viewer,
        taking: &Taking<'_>,
        (rules, day): (Rules, Option<&Day>),
        now: DateTime<Utc>,
    ) -> Result<(Register, Ground), Problem> {
        let (Some((at, wanted)), Some(day)) = (&taking.place, day) else {
            return Err(Problem::invalid(vec![Fault::new("/register", "is required for a register that nobody has opened yet")]));
        };
        let school = viewer.caller.school_id;
        let no_class = || Problem::invalid(vec![Fault::new(format!("{at}/class_id"), "is no class that you teach")]);
        let ground = self.ground(glance, viewer, wanted.class_id, rules).await?.ok_or_else(no_class)?;
        let mut faults = Self::check_place(&ground, day, at, wanted);
        if wanted.place().id(school) != taking.id {
            faults.push(Fault::new(*at, "names another register than the path does"));
        }
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        Ok((Register::open(school, wanted.place(), lesson(viewer, wanted), now), ground))
    }

    async fn marked(
        &self,
        viewer: &Viewer,
        taking: &Taking<'_>,
        (before, is_new): (&Register, bool),
        ground: &Ground,
        day: Option<Day>,
        now: DateTime<Utc>,
    ) -> Result<Register, Problem> {
        let sheet = (taking.sheet)(before, ground)?;
        let pupils = self.pupils(ground, viewer, before.place()).await?;
        let on_leave = match (&sheet.others, day) {
            (None, _) => HashSet::new(),
            (Some(_), Some(day)) => day.on_leave,
            (Some(_), None) => tables::on_leave(&self.platform, viewer.caller.school_id, before.held_on).await?,
        };
        let context = Context {
            codes: &ground.rules.codes,
            pupils: &pupils,
            on_leave: &on_leave,
            by: viewer.caller.user_id,
            for_office: viewer.is_office(),
            is_new,
            now,
        };
        mark(before, &sheet, &context).map_err(Problem::invalid)
    }
}

/// The lesson that a caller opens a register for.
pub(super) fn lesson(viewer: &Viewer, wanted: &RegisterPlace) -> Lesson {
    Lesson { subject_id: wanted.subject_id, teacher_id: viewer.teacher_id(), starts_at: wanted.starts_at, ends_at: wanted.ends_at }
}
