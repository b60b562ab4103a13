//! How the school takes attendance.

use actix_web::web::Data;
use actix_web::{get, patch};
use chrono::{DateTime, Utc};
use domain::{ServiceName, Version};
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, EditProblems, IfMatch, IfNoneMatch, NotModifiedOr, Permit, Problem, Versioned, permits};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::model::settings::Settings;
use crate::store::{announce, change_settings, rules};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show).service(change);
}

/// How the school takes attendance.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettingsView {
    /// A register can be changed by its teachers for so many days after its own.
    lock_after_days: u16,
    /// The days of the week with school, 1 is Monday.
    #[schema(value_type = Vec<i32>)]
    weekdays: Vec<u8>,
    /// Whether every class is to have a register a day.
    daily_registers: bool,
    /// Whether every lesson of the timetable is to have a register.
    period_registers: bool,
    /// Whether students may say themselves that they are there, in a register that a teacher has opened.
    self_registration: bool,
    /// How long a school day is, in minutes.
    day_minutes: u16,
    /// How long a period is whose register does not say, in minutes.
    period_minutes: u16,
    /// From which share of its minutes on a day counts as a whole one.
    full_day_percent: u8,
    /// From which share of its minutes on a day counts as half a one.
    half_day_percent: u8,
    /// The version; the `ETag` is this number as `"v3"`.
    version: Version,
    /// When they were last changed.
    updated_at: DateTime<Utc>,
}

impl From<Settings> for SettingsView {
    fn from(row: Settings) -> Self {
        Self {
            lock_after_days: row.lock_after_days,
            weekdays: row.weekdays,
            daily_registers: row.daily_registers,
            period_registers: row.period_registers,
            self_registration: row.self_registration,
            day_minutes: row.day_minutes,
            period_minutes: row.period_minutes,
            full_day_percent: row.full_day_percent,
            half_day_percent: row.half_day_percent,
            version: row.version,
            updated_at: row.updated_at,
        }
    }
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSettings {
    /// A register can be changed by its teachers for so many days after its own.
    #[schema(minimum = 0, maximum = 366)]
    lock_after_days: Option<u16>,
    /// The days of the week with school, 1 is Monday, each once and in order.
    #[schema(value_type = Option<Vec<i32>>, min_items = 1, max_items = 7, example = json!([1, 2, 3, 4, 5]))]
    weekdays: Option<Vec<u8>>,
    /// Whether every class is to have a register a day.
    daily_registers: Option<bool>,
    /// Whether every lesson of the timetable is to have a register.
    period_registers: Option<bool>,
    /// Whether students may say themselves that they are there, in a register that a teacher has opened.
    self_registration: Option<bool>,
    /// How long a school day is, in minutes.
    #[schema(minimum = 1, maximum = 1440)]
    day_minutes: Option<u16>,
    /// How long a period is whose register does not say, in minutes.
    #[schema(minimum = 1, maximum = 1440)]
    period_minutes: Option<u16>,
    /// From which share of its minutes on a day counts as a whole one.
    #[schema(minimum = 1, maximum = 100)]
    full_day_percent: Option<u8>,
    /// From which share of its minutes on a day counts as half a one; not more than `full_day_percent`.
    #[schema(minimum = 1, maximum = 100)]
    half_day_percent: Option<u8>,
}

impl ChangeSettings {
    fn applied_to(self, row: &Settings, now: DateTime<Utc>) -> Settings {
        Settings {
            lock_after_days: self.lock_after_days.unwrap_or(row.lock_after_days),
            weekdays: self.weekdays.unwrap_or_else(|| row.weekdays.clone()),
            daily_registers: self.daily_registers.unwrap_or(row.daily_registers),
            period_registers: self.period_registers.unwrap_or(row.period_registers),
            self_registration: self.self_registration.unwrap_or(row.self_registration),
            day_minutes: self.day_minutes.unwrap_or(row.day_minutes),
            period_minutes: self.period_minutes.unwrap_or(row.period_minutes),
            full_day_percent: self.full_day_percent.unwrap_or(row.full_day_percent),
            half_day_percent: self.half_day_percent.unwrap_or(row.half_day_percent),
            version: row.version.next(),
            updated_at: now,
            ..row.clone()
        }
    }
}

/// Shows how the school takes attendance.
#[utoipa::path(
    responses((status = 200, body = SettingsView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/attendance/settings")]
async fn show(
    permit: Permit<permits::AttendanceRead>,
    known: IfNoneMatch,
    rooms: Data<Rooms>,
) -> Result<NotModifiedOr<SettingsView>, Problem> {
    let settings = rules(&rooms.platform, permit.school_id).await?.settings;
    let version = settings.version;
    Ok(NotModifiedOr(known, settings.into(), version))
}

/// Changes how the school takes attendance. Figures of the past follow: a day is worth what today's rules say.
#[utoipa::path(
    request_body = ChangeSettings,
    params(("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = SettingsView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/attendance/settings")]
async fn change(
    permit: Permit<permits::AttendanceManage>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<ChangeSettings>,
) -> Result<Versioned<SettingsView>, Problem> {
    let school = permit.school_id;
    let settings = rules(&rooms.platform, school).await?.settings;
    seen.require(settings.version)?;
    let changed = body.into_inner().applied_to(&settings, rooms.platform.clock().now());
    changed.check()?;
    let mut transaction = rooms.platform.postgres(ServiceName::Attendance).school(school).await?;
    if !change_settings(transaction.connection()?, &changed).await? {
        drop(transaction);
        // Somebody was quicker: what they wrote is announced, or will be in a moment.
        announce(&rooms.platform, school).await;
        return Err(Problem::precondition_failed(rules(&rooms.platform, school).await?.settings.version));
    }
    transaction.commit().await?;
    announce(&rooms.platform, school).await;
    let version = changed.version;
    Ok(Versioned(changed.into(), version))
}
