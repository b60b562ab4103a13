//! What is owed, and for how long.

use actix_web::get;
use actix_web::web::Json;
use chrono::NaiveDate;
use domain::{ClassId, InvoiceId, StudentId};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesManage;
use service_kit::{CommonProblems, Limit, Page, Params, Problem, filters};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::Desk;
use crate::model::ageing::Age;
use crate::store::{Book, db};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(dues).service(ageing);
}

/// Which dues.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DuesFilter {
    /// Of students whose home class is this one.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// Of this student.
    #[param(inline)]
    student_id: Option<StudentId>,
    /// Only what is late.
    #[serde(default)]
    overdue: bool,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(DuesFilter);

/// Something that is owed.
#[derive(Debug, Serialize, ToSchema)]
pub struct DueView {
    /// The invoice.
    invoice_id: InvoiceId,
    /// Its number.
    number: Option<String>,
    /// What it is for.
    period: String,
    /// Who owes it.
    student_id: StudentId,
    /// Their name.
    student_name: String,
    /// Their number in the school.
    admission_number: String,
    /// Who pays, where that is neither the student nor a guardian.
    payer: Option<String>,
    /// The currency.
    currency: String,
    /// What is owed, in minor units.
    open_minor: i64,
    /// When it is due.
    due_on: NaiveDate,
    /// Days that it is late; 0 if it is not.
    days_late: i64,
    /// How old it is.
    age: Age,
    /// How often somebody was reminded.
    reminder_count: i32,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    number: Option<String>,
    period: String,
    student_id: Uuid,
    student_name: String,
    admission_number: String,
    payer: Option<String>,
    currency: String,
    open_minor: i64,
    due_on: NaiveDate,
    reminder_count: i32,
}

/// What is owed, the oldest first.
#[utoipa::path(params(DuesFilter), responses((status = 200, body = Page<DueView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fees/dues")]
async fn dues(desk: Desk<FeesManage>, filter: Params<DuesFilter>) -> Result<Page<DueView>, Problem> {
    let paging = desk.paging("dues", &filter.0);
    let (due, id) = paging.after::<(NaiveDate, Uuid)>()?.unzip();
    let mut transaction = desk.read().await?;
    let today = Book::read(&mut transaction, None, desk.now()).await?.today;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT i.id, i.number, i.period, i.student_id, u.full_name AS student_name, s.admission_number, i.payer, i.currency,
             i.total_minor - i.paid_minor - i.waived_minor AS open_minor, i.due_on, i.reminder_count
         FROM invoices i JOIN students s ON s.school_id = i.school_id AND s.id = i.student_id JOIN users u ON u.id = s.user_id
         WHERE i.school_id = $1 AND i.status IN ('issued', 'partly_paid') AND ($2::uuid IS NULL OR s.class_id = $2)
           AND ($3::uuid IS NULL OR i.student_id = $3) AND (NOT $4 OR i.due_on < $5) AND ($6::date IS NULL OR (i.due_on, i.id) > ($6, $7))
         ORDER BY i.due_on, i.id LIMIT $8",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(filter.class_id.map(ClassId::as_uuid))
    .bind(filter.student_id.map(StudentId::as_uuid))
    .bind(filter.overdue)
    .bind(today)
    .bind(due)
    .bind(id)
    .bind(paging.limit().cast_signed())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let page = paging.page(rows, |row| (row.due_on, row.id));
    Ok(page.map(|row| DueView {
        invoice_id: row.id.into(),
        number: row.number,
        period: row.period,
        student_id: row.student_id.into(),
        student_name: row.student_name,
        admission_number: row.admission_number,
        payer: row.payer,
        currency: row.currency,
        open_minor: row.open_minor,
        days_late: (today - row.due_on).num_days().max(0),
        age: Age::of(row.due_on, today),
        due_on: row.due_on,
        reminder_count: row.reminder_count,
    }))
}

/// What is owed by age.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgeingView {
    /// The day on which the ages are reckoned.
    as_of: NaiveDate,
    /// One for each currency and age.
    ages: Vec<AgedSum>,
}

/// What is owed of one age.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgedSum {
    /// The currency.
    currency: String,
    /// The age.
    age: Age,
    /// What is owed, in minor units.
    open_minor: i64,
    /// By how many invoices.
    invoices: i64,
    /// By how many students.
    students: i64,
}

#[derive(FromRow)]
struct Day {
    currency: String,
    due_on: NaiveDate,
    student_id: Uuid,
    open_minor: i64,
}

/// What is owed in all, by age.
#[utoipa::path(responses((status = 200, body = AgeingView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fees/ageing")]
async fn ageing(desk: Desk<FeesManage>) -> Result<Json<AgeingView>, Problem> {
    let mut transaction = desk.read().await?;
    let as_of = Book::read(&mut transaction, None, desk.now()).await?.today;
    let open: Vec<Day> = sqlx::query_as(
        "SELECT currency, due_on, student_id, total_minor - paid_minor - waived_minor AS open_minor FROM invoices
         WHERE school_id = $1 AND status IN ('issued', 'partly_paid')",
    )
    .bind(transaction.school_id().as_uuid())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let mut currencies: Vec<&str> = open.iter().map(|one| one.currency.as_str()).collect();
    currencies.sort_unstable();
    currencies.dedup();
    let mut ages = Vec::new();
    for currency in currencies {
        for age in Age::ALL {
            let of: Vec<&Day> = open.iter().filter(|one| one.currency == currency && Age::of(one.due_on, as_of) == age).collect();
            let mut students: Vec<Uuid> = of.iter().map(|one| one.student_id).collect();
            students.sort_unstable();
            students.dedup();
            let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
            let open_minor = of.iter().map(|one| one.open_minor).sum();
            ages.push(AgedSum {
                currency: currency.to_owned(),
                age,
                open_minor,
                invoices: count(of.len()),
                students: count(students.len()),
            });
        }
    }
    Ok(Json(AgeingView { as_of, ages }))
}
