//! Writing codes and rules. There is one default and one leave code: whoever names a new one takes it from the old, and the school's settings row is locked
//! meanwhile, so that two who do that wait for each other.

use domain::{AttendanceCodeId, SchoolId};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;

use crate::model::code::Code;
use crate::model::settings::Settings;

/// The code with this id, locked until the transaction ends.
pub(crate) async fn find_code(connection: &mut PgConnection, school: SchoolId, id: AttendanceCodeId) -> Result<Option<Code>, StoreError> {
    queue_up(connection, school).await?;
    let query = sqlx::query_scalar("SELECT to_jsonb(c) FROM attendance_codes c WHERE c.school_id = $1 AND c.id = $2");
    let row: Option<Json<Code>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

async fn queue_up(connection: &mut PgConnection, school: SchoolId) -> Result<(), StoreError> {
    sqlx::query("SELECT FROM attendance_settings WHERE school_id = $1 FOR UPDATE").bind(school.as_uuid()).execute(connection).await?;
    Ok(())
}

/// Takes from all other codes what `code` is now alone.
async fn succeed(connection: &mut PgConnection, code: &Code) -> Result<(), StoreError> {
    let update = "UPDATE attendance_codes SET is_default = is_default AND NOT $3, is_leave = is_leave AND NOT $4, version = version + 1, updated_at = $5
        WHERE school_id = $1 AND id <> $2 AND ((is_default AND $3) OR (is_leave AND $4))";
    sqlx::query(update)
        .bind(code.school_id.as_uuid())
        .bind(code.id.as_uuid())
        .bind(code.is_default)
        .bind(code.is_leave)
        .bind(code.updated_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Inserts a new code.
pub(crate) async fn create_code(connection: &mut PgConnection, code: &Code) -> Result<(), StoreError> {
    queue_up(connection, code.school_id).await?;
    succeed(connection, code).await?;
    let insert = "INSERT INTO attendance_codes SELECT * FROM jsonb_populate_record(NULL::attendance_codes, $1)";
    sqlx::query(insert).bind(Json(code)).execute(connection).await?;
    Ok(())
}

/// Writes a code that [`find_code`] has locked.
pub(crate) async fn change_code(connection: &mut PgConnection, code: &Code) -> Result<(), StoreError> {
    succeed(connection, code).await?;
    let update = "UPDATE attendance_codes SET name = $3, is_default = $4, is_active = $5, office_only = $6, is_leave = $7, version = $8, updated_at = $9
        WHERE school_id = $1 AND id = $2";
    sqlx::query(update)
        .bind(code.school_id.as_uuid())
        .bind(code.id.as_uuid())
        .bind(&code.name)
        .bind(code.is_default)
        .bind(code.is_active)
        .bind(code.office_only)
        .bind(code.is_leave)
        .bind(code.version.get())
        .bind(code.updated_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes the school's rules, if they are still at the version before; whether they were.
pub(crate) async fn change_settings(connection: &mut PgConnection, settings: &Settings) -> Result<bool, StoreError> {
    let update =
        "UPDATE attendance_settings SET lock_after_days = $2, weekdays = $3, daily_registers = $4, period_registers = $5, day_minutes = $6,
        period_minutes = $7, full_day_percent = $8, half_day_percent = $9, version = $10, updated_at = $11, self_registration = $12
        WHERE school_id = $1 AND version = $10 - 1";
    let done = sqlx::query(update)
        .bind(settings.school_id.as_uuid())
        .bind(i32::from(settings.lock_after_days))
        .bind(settings.weekdays.iter().map(|day| i32::from(*day)).collect::<Vec<_>>())
        .bind(settings.daily_registers)
        .bind(settings.period_registers)
        .bind(i32::from(settings.day_minutes))
        .bind(i32::from(settings.period_minutes))
        .bind(i32::from(settings.full_day_percent))
        .bind(i32::from(settings.half_day_percent))
        .bind(settings.version.get())
        .bind(settings.updated_at)
        .bind(settings.self_registration)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}
