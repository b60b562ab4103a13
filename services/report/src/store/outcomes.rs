//! The tables `outcome_items` and `outcome_results`, and what a class has of learning outcomes.

use std::collections::HashMap;

use domain::{ClassId, GradeItemId, OutcomeId, SchoolId, StudentId, Timestamp, UserId};
use service_kit::{Platform, Problem};
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;
use write_behind::natural_id;

use super::reading;
use crate::model::outcome::Calculation;

/// An outcome that items of a class show.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) id: OutcomeId,
    pub(crate) name: String,
    /// From the lowest, which is 1.
    pub(crate) levels: Vec<String>,
    pub(crate) mastery_level: u8,
    pub(crate) calculation: Calculation,
    /// The items that show it.
    pub(crate) items: Vec<GradeItemId>,
}

impl Outcome {
    /// What a level is called.
    pub(crate) fn level_name(&self, level: u8) -> Option<&str> {
        self.levels.get(usize::from(level).checked_sub(1)?).map(String::as_str)
    }
}

/// A class's outcomes by name, and the levels that its students have shown.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) outcomes: Vec<Outcome>,
    levels: HashMap<(OutcomeId, GradeItemId, StudentId), u8>,
}

impl Shown {
    /// The level that a student has shown of an outcome in an item.
    pub(crate) fn level(&self, outcome: OutcomeId, item: GradeItemId, student: StudentId) -> Option<u8> {
        self.levels.get(&(outcome, item, student)).copied()
    }
}

/// A number of a table that its constraints keep small.
fn small(number: i32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// What the class has of learning outcomes; all of it of the same moment if the transaction is a snapshot.
pub(crate) async fn shown(transaction: &mut SchoolTransaction, class: ClassId) -> Result<Shown, Problem> {
    type Row = (Uuid, String, Json<Vec<String>>, i32, String, Vec<Uuid>);
    let school = transaction.school_id();
    let outcomes: Vec<Row> = sqlx::query_as(
        "SELECT o.id, o.name, o.levels, o.mastery_level, o.calculation, array_agg(l.item_id ORDER BY l.item_id)
         FROM learning_outcomes o JOIN outcome_items l ON l.school_id = o.school_id AND l.outcome_id = o.id
         JOIN grade_items i ON i.school_id = l.school_id AND i.id = l.item_id AND i.status = 'active'
         WHERE l.school_id = $1 AND l.class_id = $2 GROUP BY o.school_id, o.id ORDER BY o.name, o.id",
    )
    .bind(school.as_uuid())
    .bind(class.as_uuid())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    let levels: Vec<(Uuid, Uuid, Uuid, i32)> = sqlx::query_as(
        "SELECT l.outcome_id, l.item_id, r.student_id, r.level
         FROM outcome_results r JOIN outcome_items l ON l.school_id = r.school_id AND l.id = r.link_id WHERE r.school_id = $1 AND r.class_id = $2",
    )
    .bind(school.as_uuid())
    .bind(class.as_uuid())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    let outcome = |(id, name, levels, mastery_level, calculation, items): Row| Outcome {
        id: id.into(),
        name,
        levels: levels.0,
        mastery_level: small(mastery_level),
        calculation: Calculation::of(&calculation).unwrap_or_default(),
        items: items.into_iter().map(GradeItemId::from).collect(),
    };
    let level = |(outcome, item, student, level): (Uuid, Uuid, Uuid, i32)| ((outcome.into(), item.into(), student.into()), small(level));
    Ok(Shown { outcomes: outcomes.into_iter().map(outcome).collect(), levels: levels.into_iter().map(level).collect() })
}

/// The id of the link between an item and an outcome: there is one.
pub(crate) fn link_id(item: GradeItemId, outcome: OutcomeId) -> Uuid {
    natural_id("outcome_item", &[item.as_uuid().as_bytes(), outcome.as_uuid().as_bytes()])
}

/// The levels that stand on a link's sheet.
pub(crate) async fn levels_of(transaction: &mut SchoolTransaction, link: Uuid) -> Result<HashMap<StudentId, u8>, Problem> {
    let query = sqlx::query_as("SELECT student_id, level FROM outcome_results WHERE school_id = $1 AND link_id = $2");
    let query = query.bind(transaction.school_id().as_uuid()).bind(link);
    let rows: Vec<(Uuid, i32)> = query.fetch_all(transaction.connection()?).await.map_err(StoreError::from)?;
    Ok(rows.into_iter().map(|(student, level)| (student.into(), small(level))).collect())
}

/// Who is or was in the class: id and name, by name.
pub(crate) async fn pupils_of(transaction: &mut SchoolTransaction, class: ClassId) -> Result<Vec<(StudentId, String)>, Problem> {
    let query = sqlx::query_as(
        "SELECT s.id, u.full_name FROM students s JOIN users u ON u.id = s.user_id
         WHERE s.school_id = $1 AND EXISTS (SELECT FROM enrollments e WHERE e.school_id = s.school_id AND e.student_id = s.id AND e.class_id = $2
             AND e.status = 'active')
         ORDER BY 2, 1",
    );
    let query = query.bind(transaction.school_id().as_uuid()).bind(class.as_uuid());
    let rows: Vec<(Uuid, String)> = query.fetch_all(transaction.connection()?).await.map_err(StoreError::from)?;
    Ok(rows.into_iter().map(|(student, name)| (student.into(), name)).collect())
}

/// Where levels are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sheet {
    pub(crate) class: ClassId,
    /// The link, which is locked.
    pub(crate) link: Uuid,
    pub(crate) by: UserId,
    pub(crate) now: Timestamp,
}

/// Writes levels, and takes away those that are none; whether anything changed.
pub(crate) async fn write_levels(
    transaction: &mut SchoolTransaction,
    sheet: Sheet,
    levels: &[(StudentId, Option<u8>)],
) -> Result<bool, Problem> {
    let school = transaction.school_id().as_uuid();
    let given: Vec<(Uuid, i32)> = levels.iter().filter_map(|(student, level)| Some((student.as_uuid(), i32::from((*level)?)))).collect();
    let (students, given): (Vec<Uuid>, Vec<i32>) = given.into_iter().unzip();
    let taken: Vec<Uuid> = levels.iter().filter(|(_, level)| level.is_none()).map(|(student, _)| student.as_uuid()).collect();
    let written = sqlx::query(
        "INSERT INTO outcome_results (id, school_id, class_id, link_id, student_id, level, assessed_by, created_at, updated_at)
         SELECT g.id, $1, $2, $3, g.student_id, g.level, $4, $5, $5 FROM unnest($6::uuid[], $7::uuid[], $8::int[]) AS g(id, student_id, level)
         ON CONFLICT (school_id, link_id, student_id) DO UPDATE SET
             level = excluded.level, assessed_by = excluded.assessed_by, version = outcome_results.version + 1, updated_at = excluded.updated_at
         WHERE outcome_results.level <> excluded.level",
    )
    .bind(school)
    .bind(sheet.class.as_uuid())
    .bind(sheet.link)
    .bind(sheet.by.as_uuid())
    .bind(sheet.now)
    .bind(students.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>())
    .bind(&students)
    .bind(&given)
    .execute(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    let gone = sqlx::query("DELETE FROM outcome_results WHERE school_id = $1 AND link_id = $2 AND student_id = ANY ($3)");
    let gone = gone.bind(school).bind(sheet.link).bind(taken).execute(transaction.connection()?).await.map_err(StoreError::from)?;
    Ok(written.rows_affected() + gone.rows_affected() > 0)
}

/// Whether anybody has shown a level of the outcome.
pub(crate) async fn is_assessed(transaction: &mut SchoolTransaction, outcome: OutcomeId) -> Result<bool, Problem> {
    let query = "SELECT EXISTS (SELECT FROM outcome_results r JOIN outcome_items l ON l.school_id = r.school_id AND l.id = r.link_id
        WHERE l.school_id = $1 AND l.outcome_id = $2)";
    let query = sqlx::query_scalar(query).bind(transaction.school_id().as_uuid()).bind(outcome.as_uuid());
    Ok(query.fetch_one(transaction.connection()?).await.map_err(StoreError::from)?)
}

/// How many were assessed on each link of an item.
pub(crate) async fn assessed_on(
    platform: &Platform,
    school: SchoolId,
    item: GradeItemId,
) -> Result<Vec<(OutcomeId, String, i32, i64)>, Problem> {
    let mut transaction = reading(platform, school).await?;
    let query = "SELECT l.outcome_id, o.name, l.version, (SELECT count(*) FROM outcome_results r WHERE r.school_id = l.school_id AND r.link_id = l.id)
        FROM outcome_items l JOIN learning_outcomes o ON o.school_id = l.school_id AND o.id = l.outcome_id
        WHERE l.school_id = $1 AND l.item_id = $2 ORDER BY o.name, o.id";
    let query = sqlx::query_as(query).bind(school.as_uuid()).bind(item.as_uuid());
    let rows: Vec<(Uuid, String, i32, i64)> = query.fetch_all(transaction.connection()?).await.map_err(StoreError::from)?;
    Ok(rows.into_iter().map(|(outcome, name, version, assessed)| (outcome.into(), name, version, assessed)).collect())
}
