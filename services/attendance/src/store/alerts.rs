//! The tables `attendance_alert_rules` and `attendance_alerts`. That a student is in one episode of a rule at a time, and that an episode has one alert, are
//! constraints of the table.

use chrono::NaiveDate;
use domain::{AlertId, AlertRuleId, ClassId, SchoolId, StudentId, Timestamp, UserId, Version};
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};

use super::{plain, reading, uuids};
use crate::events::alerted;
use crate::model::alert::{Alert, AlertRule, AlertState, Episode};

/// All rules of the school, those that are not looked at included, by name.
pub(crate) async fn alert_rules(platform: &Platform, school: SchoolId) -> Result<Vec<AlertRule>, StoreError> {
    alert_rules_in(&mut reading(platform, school).await?).await
}

/// The same as `transaction` sees them.
pub(crate) async fn alert_rules_in(transaction: &mut SchoolTransaction) -> Result<Vec<AlertRule>, StoreError> {
    let query = sqlx::query_scalar("SELECT to_jsonb(r) FROM attendance_alert_rules r WHERE r.school_id = $1 ORDER BY r.name");
    let query = query.bind(transaction.school_id().as_uuid());
    Ok(plain(query.fetch_all(transaction.connection()?).await?))
}

/// The rule with this id, locked until the transaction ends.
pub(crate) async fn lock_rule(connection: &mut PgConnection, school: SchoolId, id: AlertRuleId) -> Result<Option<AlertRule>, StoreError> {
    let query = sqlx::query_scalar("SELECT to_jsonb(r) FROM attendance_alert_rules r WHERE r.school_id = $1 AND r.id = $2 FOR UPDATE");
    let row: Option<Json<AlertRule>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// Inserts a new rule, unless the school has `most` already; whether it did.
pub(crate) async fn create_rule(connection: &mut PgConnection, rule: &AlertRule, most: i64) -> Result<bool, StoreError> {
    // Who adds one waits for who is adding another, or both would count before. Not in the queue of those who look after alerts, who have other things to do.
    let wait = "SELECT pg_advisory_xact_lock(hashtextextended('attendance alert rules:' || current_school()::text, 24))";
    sqlx::query(wait).execute(&mut *connection).await?;
    let count = sqlx::query_scalar("SELECT count(*) FROM attendance_alert_rules WHERE school_id = $1").bind(rule.school_id.as_uuid());
    let count: i64 = count.fetch_one(&mut *connection).await?;
    if count >= most {
        return Ok(false);
    }
    let insert = "INSERT INTO attendance_alert_rules SELECT * FROM jsonb_populate_record(NULL::attendance_alert_rules, $1)";
    sqlx::query(insert).bind(Json(rule)).execute(connection).await?;
    Ok(true)
}

/// Writes a rule that [`lock_rule`] has locked.
pub(crate) async fn change_rule(connection: &mut PgConnection, rule: &AlertRule) -> Result<(), StoreError> {
    let update = "UPDATE attendance_alert_rules r SET name = n.name, rate = n.rate, times = n.times, window_days = n.window_days, min_days = n.min_days,
            tells_guardians = n.tells_guardians, is_active = n.is_active, version = n.version, updated_at = n.updated_at
        FROM jsonb_populate_record(NULL::attendance_alert_rules, $1) n WHERE r.school_id = n.school_id AND r.id = n.id";
    sqlx::query(update).bind(Json(rule)).execute(connection).await?;
    Ok(())
}

/// Which alerts a list holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct AlertFilter {
    /// Of registers of these classes; none means of all.
    pub(crate) classes: Option<Vec<ClassId>>,
    /// Of these students; none means of all.
    pub(crate) students: Option<Vec<StudentId>>,
    /// Only those that students and guardians are told of.
    pub(crate) told: bool,
    pub(crate) rule: Option<AlertRuleId>,
    pub(crate) state: Option<AlertState>,
    /// Whether the episode lasts.
    pub(crate) lasts: Option<bool>,
    pub(crate) after: Option<(Timestamp, AlertId)>,
}

/// The first `limit` alerts, the latest first.
pub(crate) async fn list_alerts(platform: &Platform, school: SchoolId, filter: &AlertFilter, limit: u64) -> Result<Vec<Alert>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    let query = "SELECT to_jsonb(a) FROM attendance_alerts a
        WHERE a.school_id = $1 AND ($2::uuid[] IS NULL OR a.class_id = ANY ($2)) AND ($3::uuid[] IS NULL OR a.student_id = ANY ($3))
            AND (NOT $4 OR a.tells_guardians) AND ($5::uuid IS NULL OR a.rule_id = $5) AND ($6::text IS NULL OR a.state = $6)
            AND ($7::bool IS NULL OR (a.ended_on IS NULL) = $7) AND ($8::timestamptz IS NULL OR (a.created_at, a.id) < ($8, $9))
        ORDER BY a.created_at DESC, a.id DESC LIMIT $10";
    let rows: Vec<Json<Alert>> = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(filter.classes.as_deref().map(uuids))
        .bind(filter.students.as_deref().map(uuids))
        .bind(filter.told)
        .bind(filter.rule.map(AlertRuleId::as_uuid))
        .bind(filter.state.map(AlertState::as_str))
        .bind(filter.lasts)
        .bind(filter.after.map(|(time, _)| time))
        .bind(filter.after.map(|(_, id)| id.as_uuid()))
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await?;
    Ok(plain(rows))
}

/// The alert with this id.
pub(crate) async fn find_alert(platform: &Platform, school: SchoolId, id: AlertId) -> Result<Option<Alert>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    let query = sqlx::query_scalar("SELECT to_jsonb(a) FROM attendance_alerts a WHERE a.school_id = $1 AND a.id = $2");
    let row: Option<Json<Alert>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(transaction.connection()?).await?;
    Ok(row.map(|Json(row)| row))
}

/// The same, locked until the transaction ends.
pub(crate) async fn lock_alert(connection: &mut PgConnection, school: SchoolId, id: AlertId) -> Result<Option<Alert>, StoreError> {
    let query = sqlx::query_scalar("SELECT to_jsonb(a) FROM attendance_alerts a WHERE a.school_id = $1 AND a.id = $2 FOR UPDATE");
    let row: Option<Json<Alert>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// Writes what somebody did about an alert that [`lock_alert`] has locked.
pub(crate) async fn change_alert(connection: &mut PgConnection, alert: &Alert) -> Result<(), StoreError> {
    let update =
        "UPDATE attendance_alerts SET state = $3, note = $4, acknowledged_by = $5, acknowledged_at = $6, closed_by = $7, closed_at = $8,
            version = $9, updated_at = $10
        WHERE school_id = $1 AND id = $2";
    sqlx::query(update)
        .bind(alert.school_id.as_uuid())
        .bind(alert.id.as_uuid())
        .bind(alert.state.as_str())
        .bind(&alert.note)
        .bind(alert.acknowledged_by.map(UserId::as_uuid))
        .bind(alert.acknowledged_at)
        .bind(alert.closed_by.map(UserId::as_uuid))
        .bind(alert.closed_at)
        .bind(alert.version.get())
        .bind(alert.updated_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Lets one look after a school's alerts at a time, until the transaction ends: what was seen earlier must not be written after what was seen later.
pub(crate) async fn queue_up(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('attendance alerts:' || current_school()::text, 24))")
        .execute(connection)
        .await?;
    Ok(())
}

/// What a rule says of a student now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finding<'r> {
    pub(crate) rule: &'r AlertRule,
    pub(crate) student: StudentId,
    /// The class in whose register it shows.
    pub(crate) class: ClassId,
    /// The last day of which there is a mark.
    pub(crate) last_on: NaiveDate,
    pub(crate) episode: Option<Episode>,
}

/// Makes the alerts say what was found: an episode that is new gets its alert and is told, one that goes on keeps it, one that is over ends. An episode that
/// ended and began on the same day, because a correction was taken back, is the same one, and not told again.
pub(crate) async fn settle(transaction: &mut SchoolTransaction, findings: &[Finding<'_>], now: Timestamp) -> Result<(), Problem> {
    let school = transaction.school_id();
    let students: Vec<StudentId> = findings.iter().map(|finding| finding.student).collect();
    let lasting =
        "SELECT to_jsonb(a) FROM attendance_alerts a WHERE a.school_id = $1 AND a.student_id = ANY ($2) AND a.ended_on IS NULL FOR UPDATE";
    let query = sqlx::query_scalar(lasting).bind(school.as_uuid()).bind(uuids(&students));
    let lasting: Vec<Alert> = plain(query.fetch_all(transaction.connection()?).await.map_err(StoreError::from)?);
    for finding in findings {
        let present = lasting.iter().find(|alert| alert.rule_id == finding.rule.id && alert.student_id == finding.student);
        match (finding.episode, present) {
            (None, None) => {}
            (Some(episode), Some(alert)) if alert.figure == episode.figure => {}
            (Some(episode), Some(alert)) => go_on(transaction, alert, episode.figure, None, now).await?,
            (None, Some(alert)) => go_on(transaction, alert, alert.figure, Some(finding.last_on.max(alert.began_on)), now).await?,
            (Some(episode), None) => begin(transaction, finding, episode, now).await?,
        }
    }
    Ok(())
}

async fn go_on(
    transaction: &mut SchoolTransaction,
    alert: &Alert,
    figure: u32,
    ended_on: Option<NaiveDate>,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE attendance_alerts SET figure = $3, ended_on = $4, version = version + 1, updated_at = $5 WHERE school_id = $1 AND id = $2",
    )
    .bind(alert.school_id.as_uuid())
    .bind(alert.id.as_uuid())
    .bind(i32::try_from(figure).unwrap_or(i32::MAX))
    .bind(ended_on)
    .bind(now)
    .execute(transaction.connection()?)
    .await?;
    Ok(())
}

async fn begin(transaction: &mut SchoolTransaction, finding: &Finding<'_>, episode: Episode, now: Timestamp) -> Result<(), Problem> {
    let alert = Alert {
        id: Alert::id_of(finding.rule.id, finding.student, episode.began_on),
        school_id: transaction.school_id(),
        rule_id: finding.rule.id,
        student_id: finding.student,
        class_id: finding.class,
        began_on: episode.began_on,
        ended_on: None,
        figure: episode.figure,
        tells_guardians: finding.rule.tells_guardians,
        state: AlertState::Open,
        note: None,
        acknowledged_by: None,
        acknowledged_at: None,
        closed_by: None,
        closed_at: None,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    };
    let insert = "INSERT INTO attendance_alerts SELECT * FROM jsonb_populate_record(NULL::attendance_alerts, $1)
        ON CONFLICT (school_id, rule_id, student_id, began_on) DO UPDATE SET
            ended_on = NULL, figure = excluded.figure, version = attendance_alerts.version + 1, updated_at = excluded.updated_at
        RETURNING version";
    let version: i32 =
        sqlx::query_scalar(insert).bind(Json(&alert)).fetch_one(transaction.connection()?).await.map_err(StoreError::from)?;
    if version == Version::FIRST.get() {
        let event = alerted(&alert, finding.rule).map_err(Problem::internal)?;
        ::events::outbox::enqueue(&*transaction, &event).await.map_err(Problem::internal)?;
    }
    Ok(())
}
