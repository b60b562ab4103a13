//! When the school wants to be told of a student's attendance.

use actix_web::web::{Data, Json};
use actix_web::{get, patch, post};
use chrono::{DateTime, Utc};
use domain::{AlertRuleId, Fault, ServiceName, Text, Version};
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, NotModifiedOr, Permit, Problem, Versioned, permits,
};
use store::StoreError;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::model::alert::{AlertKind, AlertRule};
use crate::store::{alert_rules, change_rule, create_rule, lock_rule};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change);
}

/// The most rules of a school: each is looked at for every student of every register.
const MOST: i64 = 20;

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertRuleView {
    /// Its id.
    id: AlertRuleId,
    /// What it is called.
    name: String,
    /// What it watches.
    kind: AlertKind,
    /// `rate_below`: below how many percent of attended days it is true.
    #[schema(example = 90.0)]
    percent: Option<f64>,
    /// `absent_in_a_row` and `times_late`: from how many days or times on it is true.
    times: Option<u32>,
    /// How many days back it looks, the day itself included.
    window_days: u16,
    /// `rate_below`: it says nothing before so many days counted.
    min_days: u16,
    /// Whether students and guardians see its alerts, and guardians are told.
    tells_guardians: bool,
    /// Whether it is looked at.
    is_active: bool,
    /// The version; the `ETag` is this number as `"v3"`.
    version: Version,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<AlertRule> for AlertRuleView {
    fn from(row: AlertRule) -> Self {
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            percent: row.rate.map(percent),
            times: row.times,
            window_days: row.window_days,
            min_days: row.min_days,
            tells_guardians: row.tells_guardians,
            is_active: row.is_active,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Hundredths of a percent as a percentage.
pub(super) fn percent(hundredths: u32) -> f64 {
    f64::from(hundredths) / 100.0
}

/// The other way round: a number with at most two decimals.
// In range and whole by the check before it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn hundredths(percent: f64) -> Result<u32, Vec<Fault>> {
    let hundredths = (percent * 100.0).round();
    let is_fine = (1.0..=10_000.0).contains(&hundredths) && (percent * 100.0 - hundredths).abs() < 1e-6;
    if is_fine { Ok(hundredths as u32) } else { Err(vec![Fault::new("/percent", "must be from 0.01 to 100, with at most two decimals")]) }
}

/// A rule to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Three days away", "kind": "absent_in_a_row", "times": 3}))]
pub struct CreateAlertRule {
    /// What it is called; once in the school.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    name: Text<100>,
    /// What it watches; that never changes.
    kind: AlertKind,
    /// `rate_below` needs it: below how many percent of attended days it is true; two decimals at most.
    #[schema(minimum = 0.01, maximum = 100)]
    percent: Option<f64>,
    /// `absent_in_a_row` and `times_late` need it: from how many days or times on it is true.
    #[schema(minimum = 1, maximum = 60)]
    times: Option<u32>,
    /// How many days back it looks, the day itself included; 60 unless said otherwise.
    #[serde(default = "sixty")]
    #[schema(minimum = 1, maximum = 200, default = 60)]
    window_days: u16,
    /// `rate_below`: it says nothing before so many days counted; 1 unless said otherwise.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 200, default = 1)]
    min_days: u16,
    /// Whether students and guardians see its alerts, and guardians are told.
    #[serde(default = "yes")]
    #[schema(default = true)]
    tells_guardians: bool,
}

const fn sixty() -> u16 {
    60
}

const fn one() -> u16 {
    1
}

const fn yes() -> bool {
    true
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAlertRule {
    /// What it is called; once in the school.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    name: Option<Text<100>>,
    /// Below how many percent of attended days it is true.
    #[schema(minimum = 0.01, maximum = 100)]
    percent: Option<f64>,
    /// From how many days or times on it is true.
    #[schema(minimum = 1, maximum = 60)]
    times: Option<u32>,
    /// How many days back it looks, the day itself included.
    #[schema(minimum = 1, maximum = 200)]
    window_days: Option<u16>,
    /// It says nothing before so many days counted.
    #[schema(minimum = 1, maximum = 200)]
    min_days: Option<u16>,
    /// Whether students and guardians see its alerts, and guardians are told.
    tells_guardians: Option<bool>,
    /// Whether it is looked at. Alerts that there are stay.
    is_active: Option<bool>,
}

/// Lists the school's rules, those that are not looked at included, by name.
#[utoipa::path(responses((status = 200, body = Vec<AlertRuleView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/attendance/alert-rules")]
async fn list(permit: Permit<permits::AttendanceMark>, rooms: Data<Rooms>) -> Result<Json<Vec<AlertRuleView>>, Problem> {
    let rules = alert_rules(&rooms.platform, permit.school_id).await?;
    Ok(Json(rules.into_iter().map(Into::into).collect()))
}

/// Makes a rule
///
/// It is looked at for the students of each register that is taken or corrected from now on.
#[utoipa::path(
    request_body = CreateAlertRule,
    responses((status = 201, body = AlertRuleView), (status = 409, description = "There is a rule of this name, or there are too many."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/attendance/alert-rules")]
async fn create(
    permit: Permit<permits::AttendanceManage>,
    rooms: Data<Rooms>,
    body: Body<CreateAlertRule>,
) -> Result<Created<AlertRuleView>, Problem> {
    let (school, now, body) = (permit.school_id, rooms.platform.clock().now(), body.into_inner());
    let rule = AlertRule {
        id: AlertRuleId::generate(),
        school_id: school,
        name: body.name.into(),
        kind: body.kind,
        rate: body.percent.map(hundredths).transpose()?,
        times: body.times,
        window_days: body.window_days,
        min_days: body.min_days,
        tells_guardians: body.tells_guardians,
        is_active: true,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    };
    rule.check()?;
    let mut transaction = rooms.platform.postgres(ServiceName::Attendance).school(school).await?;
    if !create_rule(transaction.connection()?, &rule, MOST).await.map_err(named_twice)? {
        return Err(Problem::conflict(Kind::Conflict, format!("A school has at most {MOST} rules.")));
    }
    transaction.commit().await?;
    let location = format!("/api/v1/attendance/alert-rules/{}", rule.id);
    Ok(Created { version: rule.version, body: rule.into(), location })
}

fn named_twice(error: StoreError) -> Problem {
    match error {
        StoreError::UniqueViolation { .. } => Problem::conflict(Kind::AlreadyExists, "The school has a rule of this name already."),
        error => error.into(),
    }
}

/// Shows a rule.
#[utoipa::path(
    params(("id" = AlertRuleId, Path, description = "The rule.")),
    responses((status = 200, body = AlertRuleView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/attendance/alert-rules/{id}")]
async fn show(
    permit: Permit<permits::AttendanceMark>,
    id: IdPath<AlertRuleId>,
    known: IfNoneMatch,
    rooms: Data<Rooms>,
) -> Result<NotModifiedOr<AlertRuleView>, Problem> {
    let rules = alert_rules(&rooms.platform, permit.school_id).await?;
    let rule = rules.into_iter().find(|rule| rule.id == *id).ok_or_else(|| Problem::not_found("alert rule"))?;
    let version = rule.version;
    Ok(NotModifiedOr(known, rule.into(), version))
}

/// Changes a rule, or takes it out of use. What it watches never changes, and alerts that there are follow when their students are next marked.
#[utoipa::path(
    request_body = ChangeAlertRule,
    params(("id" = AlertRuleId, Path, description = "The rule."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = AlertRuleView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/attendance/alert-rules/{id}")]
async fn change(
    permit: Permit<permits::AttendanceManage>,
    id: IdPath<AlertRuleId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<ChangeAlertRule>,
) -> Result<Versioned<AlertRuleView>, Problem> {
    let (school, now, body) = (permit.school_id, rooms.platform.clock().now(), body.into_inner());
    let rate = body.percent.map(hundredths).transpose()?;
    let mut transaction = rooms.platform.postgres(ServiceName::Attendance).school(school).await?;
    let found = lock_rule(transaction.connection()?, school, *id).await?;
    let rule = found.ok_or_else(|| Problem::not_found("alert rule"))?;
    seen.require(rule.version)?;
    let changed = AlertRule {
        name: body.name.map_or_else(|| rule.name.clone(), Into::into),
        rate: rate.or(rule.rate),
        times: body.times.or(rule.times),
        window_days: body.window_days.unwrap_or(rule.window_days),
        min_days: body.min_days.unwrap_or(rule.min_days),
        tells_guardians: body.tells_guardians.unwrap_or(rule.tells_guardians),
        is_active: body.is_active.unwrap_or(rule.is_active),
        version: rule.version.next(),
        updated_at: now,
        ..rule
    };
    changed.check()?;
    change_rule(transaction.connection()?, &changed).await.map_err(named_twice)?;
    transaction.commit().await?;
    let version = changed.version;
    Ok(Versioned(changed.into(), version))
}
