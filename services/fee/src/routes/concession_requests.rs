//! Concessions that nobody has decided on yet: they can be changed and removed. Whoever changed one last is who asked for it, and does not grant it.

use actix_web::{delete, patch};
use chrono::NaiveDate;
use domain::{Amount, ClassId, ConcessionId, Currency, Fault, Patch, StudentId, Text, Version};
use serde::Deserialize;
use service_kit::permits::FeesManage;
use service_kit::{Body, CommonProblems, EditProblems, IdPath, IfMatch, Kind, NoContent, Problem, Versioned};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::concessions::{ConcessionKind, ConcessionView, NewConcession, find};
use crate::desk::Desk;
use crate::store::{ConcessionRow, db};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(edit).service(remove);
}

/// What changes; what is left out stays as it is. Whom it is for stays: that is another concession.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeConcession {
    /// What it is called.
    name: Option<Text<100>>,
    /// The one head that it is for; null: all.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    head: Patch<Text<100>>,
    /// How much of what earlier ones leave, in hundredths of a percent. This or an amount.
    #[serde(default)]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 10000)]
    percent_basis_points: Patch<u16>,
    /// How much, in minor units. This or a percentage.
    #[serde(default)]
    #[schema(value_type = Option<Amount>)]
    amount_minor: Patch<Amount>,
    /// The currency of the amount and the cap.
    #[serde(default)]
    #[schema(value_type = Option<Currency>)]
    currency: Patch<Currency>,
    /// The most that it takes off one invoice.
    #[serde(default)]
    #[schema(value_type = Option<Amount>)]
    cap_minor: Patch<Amount>,
    /// Lower ones are taken first.
    #[schema(minimum = 0, maximum = 1000)]
    stacking_order: Option<u16>,
    /// The first day.
    valid_from: Option<NaiveDate>,
    /// The last day; null: open.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    valid_to: Patch<NaiveDate>,
    /// Why.
    reason: Option<Text<1000>>,
}

/// The request as it is with the change.
fn changed(row: ConcessionRow, change: ChangeConcession) -> Option<NewConcession> {
    Some(NewConcession {
        kind: ConcessionKind::named(&row.kind)?,
        student_id: row.student_id.map(StudentId::from),
        class_id: row.class_id.map(ClassId::from),
        category: row.category.and_then(|name| Text::try_from(name).ok()),
        name: change.name.or_else(|| Text::try_from(row.name).ok())?,
        head: change.head.apply(row.head.and_then(|head| Text::try_from(head).ok())),
        percent_basis_points: change.percent_basis_points.apply(row.percent_basis_points.and_then(|points| points.try_into().ok())),
        amount_minor: change.amount_minor.apply(row.amount_minor.and_then(|minor| minor.try_into().ok())),
        currency: change.currency.apply(row.currency.and_then(|code| code.parse().ok())),
        cap_minor: change.cap_minor.apply(row.cap_minor.and_then(|minor| minor.try_into().ok())),
        stacking_order: change.stacking_order.or_else(|| row.stacking_order.try_into().ok())?,
        valid_from: change.valid_from.unwrap_or(row.valid_from),
        valid_to: change.valid_to.apply(row.valid_to),
        reason: change.reason.or_else(|| Text::try_from(row.reason.unwrap_or_default()).ok())?,
    })
}

/// Changes a concession that nobody has decided on yet.
#[utoipa::path(
    params(("id" = ConcessionId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeConcession,
    responses((status = 200, body = ConcessionView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/concessions/{id}")]
async fn edit(
    desk: Desk<FeesManage>,
    id: IdPath<ConcessionId>,
    based_on: IfMatch,
    body: Body<ChangeConcession>,
) -> Result<Versioned<ConcessionView>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let (row, version) = find(transaction, id.as_uuid()).await?;
        based_on.require(version)?;
        if row.status != "pending" {
            return Err(Problem::conflict(Kind::Conflict, format!("It is {}: it doesn't change any more.", row.status)));
        }
        if change.reason.is_none() && row.reason.is_none() {
            return Err(Problem::invalid(vec![Fault::new("/reason", "is required: none was given before")]));
        }
        let unreadable = || Problem::internal(anyhow::anyhow!("a concession holds what no request could"));
        let new = changed(row, change).ok_or_else(unreadable)?;
        let faults = new.faults();
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        let saved: Option<ConcessionRow> = sqlx::query_as(
            "UPDATE concessions SET name = $3, head = $4, percent_basis_points = $5, amount_minor = $6, currency = $7, cap_minor = $8, stacking_order = $9,
                 valid_from = $10, valid_to = $11, reason = $12, requested_by = $13, version = version + 1, updated_at = $14
             WHERE school_id = $1 AND id = $2 AND version = $15 RETURNING *",
        )
        .bind(transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(String::from(new.name))
        .bind(new.head.map(String::from))
        .bind(new.percent_basis_points.map(i32::from))
        .bind(new.amount_minor.map(Amount::minor))
        .bind(new.currency.map(String::from))
        .bind(new.cap_minor.map(Amount::minor))
        .bind(i32::from(new.stacking_order))
        .bind(new.valid_from)
        .bind(new.valid_to)
        .bind(String::from(new.reason))
        .bind(desk.caller().user_id.as_uuid())
        .bind(desk.now())
        .bind(version.get())
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?;
        let row = saved.ok_or_else(|| Problem::precondition_failed(version.next()))?;
        let version = Version::try_from(row.version).map_err(Problem::internal)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Removes a concession that was never granted.
#[utoipa::path(
    params(("id" = ConcessionId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/concessions/{id}")]
async fn remove(desk: Desk<FeesManage>, id: IdPath<ConcessionId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| {
        let (row, version) = find(transaction, id.as_uuid()).await?;
        based_on.require(version)?;
        let gone =
            sqlx::query("DELETE FROM concessions WHERE school_id = $1 AND id = $2 AND version = $3 AND status IN ('pending', 'rejected')")
                .bind(transaction.school_id().as_uuid())
                .bind(id.as_uuid())
                .bind(version.get())
                .execute(transaction.connection()?)
                .await
                .map_err(db)?;
        match gone.rows_affected() {
            0 => Err(Problem::conflict(Kind::Conflict, format!("It is {}: it can be ended.", row.status))),
            _ => Ok(NoContent),
        }
    })
    .await
}
