//! How the school keeps its books.

use actix_web::{get, patch};
use chrono::{DateTime, Utc};
use domain::{Text, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesManage;
use service_kit::{Body, CommonProblems, EditProblems, IfMatch, Problem, Versioned};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::Desk;
use crate::store::{Book, SettingsRow, db, lock_settings, settings_row};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show).service(change);
}

/// How the school keeps its books.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeeSettingsView {
    /// The month with which the fiscal year begins, 1 to 12. Receipts are numbered from 1 in each.
    fiscal_year_starts_in: i32,
    /// What stands in front of an invoice's number.
    invoice_prefix: String,
    /// What stands in front of a receipt's number.
    receipt_prefix: String,
    /// What tax is called on invoices, such as GST.
    tax_name: String,
    /// Whether a student's credit is set against an invoice as it is issued.
    applies_credit: bool,
    /// One more with each change.
    version: i32,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeFeeSettings {
    /// The month with which the fiscal year begins. Refused if the books would move to another year in which numbers were given or entries made already.
    #[schema(minimum = 1, maximum = 12)]
    fiscal_year_starts_in: Option<u8>,
    /// Letters, digits, slashes and hyphens.
    #[schema(pattern = "^[A-Za-z0-9/-]{1,16}$")]
    invoice_prefix: Option<Prefix>,
    /// Letters, digits, slashes and hyphens. Receipts that were given keep theirs.
    #[schema(pattern = "^[A-Za-z0-9/-]{1,16}$")]
    receipt_prefix: Option<Prefix>,
    /// What tax is called on invoices.
    tax_name: Option<Text<50>>,
    /// Whether a student's credit is set against an invoice as it is issued.
    applies_credit: Option<bool>,
}

/// What stands in front of a number.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String)]
struct Prefix(String);

impl TryFrom<String> for Prefix {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-'));
        if fits { Ok(Self(text)) } else { Err("must be 1 to 16 letters, digits, slashes and hyphens") }
    }
}

fn view(row: SettingsRow) -> Result<Versioned<FeeSettingsView>, Problem> {
    let version = Version::try_from(row.version).map_err(Problem::internal)?;
    let view = FeeSettingsView {
        fiscal_year_starts_in: row.fiscal_year_starts_in,
        invoice_prefix: row.invoice_prefix,
        receipt_prefix: row.receipt_prefix,
        tax_name: row.tax_name,
        applies_credit: row.applies_credit,
        version: row.version,
        updated_at: row.updated_at,
    };
    Ok(Versioned(view, version))
}

/// How the school keeps its books.
#[utoipa::path(responses((status = 200, body = FeeSettingsView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fees/settings")]
async fn show(desk: Desk<FeesManage>) -> Result<Versioned<FeeSettingsView>, Problem> {
    view(settings_row(&mut desk.read().await?).await?)
}

/// Changes how the school keeps its books.
#[utoipa::path(
    params(("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeFeeSettings,
    responses((status = 200, body = FeeSettingsView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/fees/settings")]
async fn change(desk: Desk<FeesManage>, based_on: IfMatch, body: Body<ChangeFeeSettings>) -> Result<Versioned<FeeSettingsView>, Problem> {
    let change = body.into_inner();
    let month = change.fiscal_year_starts_in;
    if month.is_some_and(|month| !(1..=12).contains(&month)) {
        return Err(Problem::invalid(vec![domain::Fault::new("/fiscal_year_starts_in", "must be a month, 1 to 12")]));
    }
    desk.change(async |transaction| {
        // Alone: whoever numbers something now does it by the settings that they read.
        let book = Book::open_alone(transaction, Some(desk.caller().actor()), desk.now()).await?;
        let row = lock_settings(transaction).await?;
        based_on.require(Version::try_from(row.version).map_err(Problem::internal)?)?;
        if let Some(month) = month {
            book.may_start_in(transaction, month.into()).await?;
        }
        let row: SettingsRow = sqlx::query_as(
            "UPDATE fee_settings SET fiscal_year_starts_in = coalesce($2, fiscal_year_starts_in), invoice_prefix = coalesce($3, invoice_prefix),
                 receipt_prefix = coalesce($4, receipt_prefix), tax_name = coalesce($5, tax_name), applies_credit = coalesce($6, applies_credit),
                 version = version + 1, updated_at = $7
             WHERE school_id = $1 RETURNING *",
        )
        .bind(transaction.school_id().as_uuid())
        .bind(month.map(i32::from))
        .bind(change.invoice_prefix.map(|prefix| prefix.0))
        .bind(change.receipt_prefix.map(|prefix| prefix.0))
        .bind(change.tax_name.map(String::from))
        .bind(change.applies_credit)
        .bind(desk.now())
        .fetch_one(transaction.connection()?)
        .await
        .map_err(db)?;
        view(row)
    })
    .await
}
