//! Marks of registers that were taken, for figures and for a student's own list: PostgreSQL's, with those of unsaved registers in their place.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use domain::{ClassId, RegisterId, SchoolId, StudentId, Timestamp, Version};
use serde::{Deserialize, Serialize};
use service_kit::{Platform, Problem};
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

use super::{plain, reading, uuids};
use crate::model::register::{Place, Register, State};

/// A student's mark with what must be known of its register.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MarkRow {
    pub(crate) session_id: RegisterId,
    /// The register's version.
    pub(crate) version: Version,
    pub(crate) class_id: ClassId,
    pub(crate) student_id: StudentId,
    pub(crate) held_on: NaiveDate,
    pub(crate) period: Option<u8>,
    pub(crate) code: String,
    pub(crate) minutes_late: Option<u16>,
    pub(crate) note: Option<String>,
    /// How long the lesson was, if the register says.
    pub(crate) minutes: Option<u16>,
    /// When the mark was last changed.
    pub(crate) marked_at: Timestamp,
    /// The register's version that changed it.
    pub(crate) marked_in: Version,
}

/// Which marks.
#[derive(Debug, Clone)]
pub(crate) struct MarkFilter {
    pub(crate) classes: Vec<ClassId>,
    /// Of these students; none means of all.
    pub(crate) students: Option<Vec<StudentId>>,
    pub(crate) from: NaiveDate,
    pub(crate) to: NaiveDate,
}

const SELECT: &str = "
SELECT jsonb_build_object('session_id', s.id, 'version', s.version, 'class_id', s.class_id, 'student_id', r.student_id, 'held_on', s.held_on,
    'period', s.period, 'code', r.code, 'marked_at', r.marked_at, 'marked_in', r.version, 'minutes_late', r.minutes_late, 'note', r.note, 'minutes', round(extract(epoch FROM s.ends_at - s.starts_at) / 60))
FROM attendance_sessions s JOIN attendance_records r ON r.school_id = s.school_id AND r.session_id = s.id
WHERE s.school_id = $1 AND s.class_id = ANY ($2) AND s.held_on BETWEEN $3 AND $4 AND s.state <> 'open' AND ($5::uuid[] IS NULL OR r.student_id = ANY ($5))";

/// The marks, in no order.
pub(crate) async fn marks(platform: &Platform, school: SchoolId, filter: &MarkFilter) -> Result<Vec<MarkRow>, Problem> {
    let unsaved = super::registers::unsaved(platform, school, Some(&filter.classes)).await?;
    let mut transaction = reading(platform, school).await?;
    Ok(merged(saved(&mut transaction, filter).await?, unsaved, filter))
}

/// The same on the connection of `transaction`, whose school it is: for somebody whom others wait for.
pub(crate) async fn marks_in(
    transaction: &mut SchoolTransaction,
    platform: &Platform,
    filter: &MarkFilter,
) -> Result<Vec<MarkRow>, Problem> {
    let unsaved = super::registers::unsaved(platform, transaction.school_id(), Some(&filter.classes)).await?;
    Ok(merged(saved(transaction, filter).await?, unsaved, filter))
}

async fn saved(transaction: &mut SchoolTransaction, filter: &MarkFilter) -> Result<Vec<MarkRow>, StoreError> {
    let query = sqlx::query_scalar(SELECT)
        .bind(transaction.school_id().as_uuid())
        .bind(uuids(&filter.classes))
        .bind(filter.from)
        .bind(filter.to)
        .bind(filter.students.as_deref().map(uuids));
    Ok(plain(query.fetch_all(transaction.connection()?).await?))
}

/// Registers that were read unsaved stand in for what PostgreSQL has of them, unless it has something newer by now.
fn merged(saved: Vec<MarkRow>, mut unsaved: HashMap<Uuid, Register>, filter: &MarkFilter) -> Vec<MarkRow> {
    for row in &saved {
        let id = row.session_id.as_uuid();
        if unsaved.get(&id).is_some_and(|register| register.version < row.version) {
            unsaved.remove(&id);
        }
    }
    let mut rows: Vec<MarkRow> = saved.into_iter().filter(|row| !unsaved.contains_key(&row.session_id.as_uuid())).collect();
    let wanted = |register: &Register| register.state != State::Open && (filter.from..=filter.to).contains(&register.held_on);
    for register in unsaved.into_values().filter(wanted) {
        let wanted =
            register.marks.iter().filter(|mark| filter.students.as_ref().is_none_or(|students| students.contains(&mark.student_id)));
        rows.extend(wanted.map(|mark| MarkRow {
            session_id: register.id,
            version: register.version,
            class_id: register.class_id,
            student_id: mark.student_id,
            held_on: register.held_on,
            period: register.period,
            code: mark.code().to_owned(),
            minutes_late: mark.minutes_late,
            note: mark.note.clone(),
            minutes: register.minutes(),
            marked_at: mark.marked_at,
            marked_in: mark.version,
        }));
    }
    rows
}

/// Which registers have been taken.
pub(crate) async fn taken(
    platform: &Platform,
    school: SchoolId,
    classes: &[ClassId],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<HashSet<Place>, Problem> {
    let unsaved = super::registers::unsaved(platform, school, Some(classes)).await?;
    let mut transaction = reading(platform, school).await?;
    let query = "SELECT class_id, held_on, period FROM attendance_sessions
        WHERE school_id = $1 AND class_id = ANY ($2) AND held_on BETWEEN $3 AND $4 AND state <> 'open'";
    let rows: Vec<(Uuid, NaiveDate, Option<i32>)> = sqlx::query_as(query)
        .bind(school.as_uuid())
        .bind(uuids(classes))
        .bind(from)
        .bind(to)
        .fetch_all(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    let saved = rows.into_iter().map(|(class, held_on, period)| Place {
        held_on,
        class_id: ClassId::from_uuid(class),
        period: period.and_then(|period| u8::try_from(period).ok()),
    });
    // Once taken, always taken: an unsaved register can only add to this.
    let new = unsaved.values().filter(|register| register.state != State::Open).map(Register::place);
    Ok(saved.chain(new).collect())
}
