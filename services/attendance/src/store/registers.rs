//! The tables `attendance_sessions` and `attendance_records`: a register and its marks are one row of the buffer, and reach both tables in one statement each.
//!
//! That a student has one daily mark a day across classes is the table's rule; here it follows from `model::roll`, which gives everybody one daily register. Should
//! somebody be moved to another class in the very moment in which both registers are taken, the second one becomes a dead letter: it stays visible, and a person
//! decides.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use cache::Guard;
use chrono::NaiveDate;
use domain::{ClassId, RegisterId, SchoolId, ServiceName, SubjectId, TeacherId, Timestamp, UserId, Version};
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;
use write_behind::{Buffered, Found, ReadError, merge};

use super::{plain, reading, uuids};
use crate::model::register::{Mark, Register, State};

const UPSERT: &str = "
INSERT INTO attendance_sessions (id, school_id, class_id, subject_id, teacher_id, held_on, kind, period, starts_at, ends_at, state, taken_by, taken_at,
    locked_at, version, created_at, updated_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::date[], $7::text[], $8::int[], $9::timestamptz[], $10::timestamptz[],
    $11::text[], $12::uuid[], $13::timestamptz[], $14::timestamptz[], $15::int[], $16::timestamptz[], $17::timestamptz[])
ON CONFLICT (school_id, id) DO UPDATE SET
    state = excluded.state, taken_by = excluded.taken_by, taken_at = excluded.taken_at, locked_at = excluded.locked_at,
    version = excluded.version, updated_at = excluded.updated_at
WHERE attendance_sessions.version < excluded.version AND attendance_sessions.created_at = excluded.created_at
RETURNING id";

// By what a mark is of, not by its id: a row that came here in another way is the same mark.
const UPSERT_MARKS: &str = "
INSERT INTO attendance_records (id, school_id, session_id, student_id, held_on, kind, code, teacher_code, office_code, minutes_late, note, marked_by,
    marked_at, version, created_at, updated_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::date[], $6::text[], $7::text[], $8::text[], $9::text[], $10::int[], $11::text[],
    $12::uuid[], $13::timestamptz[], $14::int[], $13::timestamptz[], $13::timestamptz[])
ON CONFLICT (school_id, session_id, student_id) DO UPDATE SET
    code = excluded.code, teacher_code = excluded.teacher_code, office_code = excluded.office_code, minutes_late = excluded.minutes_late,
    note = excluded.note, marked_by = excluded.marked_by, marked_at = excluded.marked_at, version = excluded.version, updated_at = excluded.updated_at
WHERE attendance_records.version < excluded.version";

/// A register with its marks, as JSON. A mark that names neither teacher nor office was the teacher's.
macro_rules! select_registers {
    ($rest:literal) => {
        concat!(
            "SELECT jsonb_build_object('id', s.id, 'school_id', s.school_id, 'class_id', s.class_id, 'subject_id', s.subject_id, 'teacher_id', s.teacher_id,
                'held_on', s.held_on, 'period', s.period, 'starts_at', s.starts_at, 'ends_at', s.ends_at, 'state', s.state, 'taken_by', s.taken_by,
                'taken_at', s.taken_at, 'locked_at', s.locked_at, 'version', s.version, 'created_at', s.created_at, 'updated_at', s.updated_at,
                'marks', (SELECT coalesce(jsonb_agg(jsonb_build_object('student_id', r.student_id,
                        'teacher_code', coalesce(r.teacher_code, CASE WHEN r.office_code IS NULL THEN r.code END), 'office_code', r.office_code,
                        'minutes_late', r.minutes_late, 'note', r.note, 'marked_by', r.marked_by, 'marked_at', r.marked_at, 'version', r.version)
                        ORDER BY r.student_id), '[]')
                    FROM attendance_records r WHERE r.school_id = s.school_id AND r.session_id = s.id))
            FROM attendance_sessions s ",
            $rest
        )
    };
}

#[async_trait]
impl Buffered for Register {
    const ENTITY: &'static str = "attendance";
    const SERVICE: ServiceName = ServiceName::Attendance;

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
    fn school(&self) -> SchoolId {
        self.school_id
    }
    fn version(&self) -> Version {
        self.version
    }
    fn created_at(&self) -> Timestamp {
        self.created_at
    }
    fn scopes(&self) -> Vec<String> {
        vec![school_scope(self.school_id), class_scope(self.class_id)]
    }

    fn same_content(&self, other: &Self) -> bool {
        let timeless = |row: &Self| {
            let mut row = row.clone();
            (row.created_at, row.updated_at) = (other.created_at, other.updated_at);
            (row.taken_at, row.locked_at) = (None, None);
            for mark in &mut row.marks {
                mark.marked_at = other.created_at;
            }
            row
        };
        timeless(self) == timeless(other)
    }

    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError> {
        let column = |f: fn(&Self) -> Uuid| rows.iter().map(f).collect::<Vec<_>>();
        let optional = |f: fn(&Self) -> Option<Uuid>| rows.iter().map(f).collect::<Vec<_>>();
        let time = |f: fn(&Self) -> Option<Timestamp>| rows.iter().map(f).collect::<Vec<_>>();
        let text = |f: fn(&Self) -> &'static str| rows.iter().map(f).collect::<Vec<_>>();
        let written: Vec<Uuid> = sqlx::query_scalar(UPSERT)
            .bind(column(|row| row.id.as_uuid()))
            .bind(column(|row| row.school_id.as_uuid()))
            .bind(column(|row| row.class_id.as_uuid()))
            .bind(optional(|row| row.subject_id.map(SubjectId::as_uuid)))
            .bind(optional(|row| row.teacher_id.map(TeacherId::as_uuid)))
            .bind(rows.iter().map(|row| row.held_on).collect::<Vec<NaiveDate>>())
            .bind(text(|row| row.place().kind()))
            .bind(rows.iter().map(|row| row.period.map(i32::from)).collect::<Vec<_>>())
            .bind(time(|row| row.starts_at))
            .bind(time(|row| row.ends_at))
            .bind(text(|row| row.state.as_str()))
            .bind(optional(|row| row.taken_by.map(UserId::as_uuid)))
            .bind(time(|row| row.taken_at))
            .bind(time(|row| row.locked_at))
            .bind(rows.iter().map(|row| row.version.get()).collect::<Vec<_>>())
            .bind(time(|row| Some(row.created_at)))
            .bind(time(|row| Some(row.updated_at)))
            .fetch_all(&mut *connection)
            .await?;
        let applied: HashSet<Uuid> = written.iter().copied().collect();
        let marks: Vec<(&Self, &Mark)> = rows
            .iter()
            .filter(|row| applied.contains(&row.id.as_uuid()))
            .flat_map(|row| row.marks.iter().map(move |mark| (row, mark)))
            .collect();
        upsert_marks(connection, &marks).await?;
        Ok(written)
    }

    async fn stored(connection: &mut PgConnection, keys: &[(SchoolId, Uuid)]) -> Result<Vec<Self>, StoreError> {
        let (schools, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|(school, id)| (school.as_uuid(), *id)).unzip();
        let query =
            select_registers!("JOIN unnest($1::uuid[], $2::uuid[]) AS k(school_id, id) ON s.school_id = k.school_id AND s.id = k.id");
        Ok(plain(sqlx::query_scalar(query).bind(schools).bind(ids).fetch_all(connection).await?))
    }
}

async fn upsert_marks(connection: &mut PgConnection, marks: &[(&Register, &Mark)]) -> Result<(), StoreError> {
    let column = |f: fn(&Register, &Mark) -> Uuid| marks.iter().map(|(row, mark)| f(row, mark)).collect::<Vec<_>>();
    let texts = || marks.iter().map(|(_, mark)| mark);
    sqlx::query(UPSERT_MARKS)
        .bind(column(|row, mark| Mark::row_id(row.school_id, row.id, mark.student_id)))
        .bind(column(|row, _| row.school_id.as_uuid()))
        .bind(column(|row, _| row.id.as_uuid()))
        .bind(column(|_, mark| mark.student_id.as_uuid()))
        .bind(marks.iter().map(|(row, _)| row.held_on).collect::<Vec<NaiveDate>>())
        .bind(marks.iter().map(|(row, _)| row.place().kind()).collect::<Vec<_>>())
        .bind(texts().map(|mark| mark.code()).collect::<Vec<_>>())
        .bind(texts().map(|mark| mark.teacher_code.as_deref()).collect::<Vec<_>>())
        .bind(texts().map(|mark| mark.office_code.as_deref()).collect::<Vec<_>>())
        .bind(texts().map(|mark| mark.minutes_late.map(i32::from)).collect::<Vec<_>>())
        .bind(texts().map(|mark| mark.note.as_deref()).collect::<Vec<_>>())
        .bind(column(|_, mark| mark.marked_by.as_uuid()))
        .bind(texts().map(|mark| mark.marked_at).collect::<Vec<Timestamp>>())
        .bind(texts().map(|mark| mark.version.get()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

fn school_scope(school: SchoolId) -> String {
    format!("school:{school}")
}

fn class_scope(class: ClassId) -> String {
    format!("class:{class}")
}

/// The unsaved registers of some classes, or of the whole school.
pub(super) async fn unsaved(
    platform: &Platform,
    school: SchoolId,
    classes: Option<&[ClassId]>,
) -> Result<HashMap<Uuid, Register>, ReadError> {
    let scopes = classes.map_or_else(|| vec![school_scope(school)], |classes| classes.iter().map(|class| class_scope(*class)).collect());
    platform.buffer().unsaved_many(school, &scopes).await
}

/// The register with this id, saved or not.
pub(crate) async fn find_register(
    platform: &Platform,
    guard: Option<&Arc<Guard>>,
    school: SchoolId,
    id: RegisterId,
) -> Result<Option<Register>, ReadError> {
    Ok(look_for_register(platform, guard, school, id).await?.row())
}

/// The register with this id, saved or not, or the proof that there is none.
pub(crate) async fn look_for_register(
    platform: &Platform,
    guard: Option<&Arc<Guard>>,
    school: SchoolId,
    id: RegisterId,
) -> Result<Found<Register>, ReadError> {
    let load = || async move {
        let mut transaction = reading(platform, school).await?;
        let query = sqlx::query_scalar(select_registers!("WHERE s.school_id = $1 AND s.id = $2"));
        let row: Option<Json<Register>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(transaction.connection()?).await?;
        Ok(row.map(|Json(row)| row))
    };
    platform.buffer().find_guarded(guard, school, id.as_uuid(), load).await
}

/// Which registers a list holds.
#[derive(Debug, Clone)]
pub(crate) struct RegisterFilter {
    /// Of these classes; none means of the whole school.
    pub(crate) classes: Option<Vec<ClassId>>,
    pub(crate) from: NaiveDate,
    pub(crate) to: NaiveDate,
    pub(crate) state: Option<State>,
    /// After this row, in the order of the list.
    pub(crate) after: Option<(NaiveDate, RegisterId)>,
}

impl RegisterFilter {
    /// The same question that [`list_registers`] asks PostgreSQL.
    fn holds(&self, row: &Register) -> bool {
        self.classes.as_ref().is_none_or(|classes| classes.contains(&row.class_id))
            && (self.from..=self.to).contains(&row.held_on)
            && self.state.is_none_or(|state| row.state == state)
            && self.after.is_none_or(|after| (row.held_on, row.id) < after)
    }
}

/// The first `limit` rows, the latest day first.
pub(crate) async fn list_registers(
    platform: &Platform,
    school: SchoolId,
    filter: &RegisterFilter,
    limit: u64,
) -> Result<Vec<Register>, Problem> {
    let unsaved = unsaved(platform, school, filter.classes.as_deref()).await?;
    let mut transaction = reading(platform, school).await?;
    let query = select_registers!(
        "WHERE s.school_id = $1 AND ($2::uuid[] IS NULL OR s.class_id = ANY ($2)) AND s.held_on BETWEEN $3 AND $4 AND ($5::text IS NULL OR s.state = $5)
            AND ($6::date IS NULL OR (s.held_on, s.id) < ($6, $7))
         ORDER BY s.held_on DESC, s.id DESC LIMIT $8"
    );
    let rows: Vec<Json<Register>> = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(filter.classes.as_deref().map(uuids))
        .bind(filter.from)
        .bind(filter.to)
        .bind(filter.state.map(State::as_str))
        .bind(filter.after.map(|(day, _)| day))
        .bind(filter.after.map(|(_, id)| id.as_uuid()))
        .bind(i64::try_from(limit.saturating_add(unsaved.len() as u64)).unwrap_or(i64::MAX))
        .fetch_all(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    Ok(merge(plain(rows), unsaved, |row| filter.holds(row), |a, b| (b.held_on, b.id).cmp(&(a.held_on, a.id))))
}
