//! Runs that make an invoice for everybody whom a fee structure concerns.

use actix_web::{HttpResponse, Responder, get, post};
use chrono::{DateTime, Utc};
use domain::{FeeStructureId, InvoiceRunId};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesManage;
use service_kit::{Accepted, Body, CommonProblems, EditProblems, IdPath, Limit, Page, Params, Problem, filters};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::Desk;
use crate::store::{Book, Input, RunRow, WhichRuns, begin_run, find_run, list_runs, to_bill};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(generate).service(show);
}

/// What is to be invoiced.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvoiceRun {
    /// The structure; an active one.
    fee_structure_id: FeeStructureId,
    /// Which instalment; the first unless said otherwise.
    #[serde(default = "first")]
    #[schema(minimum = 1, maximum = 24)]
    instalment: u8,
    /// Whether the invoices are issued at once, with the drafts that an earlier run made of this instalment; otherwise they are drafts.
    #[serde(default)]
    issue: bool,
}

const fn first() -> u8 {
    1
}

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceRunView {
    /// Its id.
    id: InvoiceRunId,
    /// The structure.
    fee_structure_id: FeeStructureId,
    /// The instalment.
    instalment: i32,
    /// Whether the invoices are issued at once.
    issue: bool,
    /// `queued`, `running`, `succeeded` or `failed`.
    status: String,
    /// How far it is, in percent: a guess as long as it runs.
    progress: i32,
    /// Students who were looked at.
    students: i64,
    /// Invoices that were made.
    created: i64,
    /// Students who had theirs already.
    existing: i64,
    /// Students who were left out: their invoice was cancelled, and not to be made again.
    skipped: i64,
    /// Invoices that were issued: those that were made, and drafts of earlier runs.
    issued: i64,
    /// Why it failed.
    error: Option<String>,
    /// When it was started.
    started_at: Option<DateTime<Utc>>,
    /// When it was done.
    finished_at: Option<DateTime<Utc>>,
    /// When it was asked for.
    created_at: DateTime<Utc>,
}

impl From<RunRow> for InvoiceRunView {
    fn from(row: RunRow) -> Self {
        let tally = row.result.map(|tally| tally.0).unwrap_or_default();
        Self {
            id: row.id.into(),
            fee_structure_id: row.input.fee_structure_id.into(),
            instalment: row.input.instalment,
            issue: row.input.issue,
            status: row.status,
            progress: row.progress,
            students: tally.students,
            created: tally.created,
            existing: tally.existing,
            skipped: tally.skipped,
            issued: tally.issued,
            error: row.error,
            started_at: row.started_at,
            finished_at: row.finished_at,
            created_at: row.created_at,
        }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceRunStatus {
    /// Asked for.
    Queued,
    /// Under way.
    Running,
    /// Done.
    Succeeded,
    /// Given up; asked for again, it goes on from where it was.
    Failed,
}

impl InvoiceRunStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// Which runs.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InvoiceRunFilter {
    /// Of this structure.
    #[param(inline)]
    fee_structure_id: Option<FeeStructureId>,
    /// In this state.
    #[param(inline)]
    status: Option<InvoiceRunStatus>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(InvoiceRunFilter);

/// The runs, the latest first. A structure's instalment has one to make drafts and one to issue, however often they were asked for.
#[utoipa::path(params(InvoiceRunFilter), responses((status = 200, body = Page<InvoiceRunView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/invoices/runs")]
async fn list(desk: Desk<FeesManage>, filter: Params<InvoiceRunFilter>) -> Result<Page<InvoiceRunView>, Problem> {
    let paging = desk.paging("invoice-runs", &filter.0);
    let which = WhichRuns {
        fee_structure_id: filter.fee_structure_id.map(FeeStructureId::as_uuid),
        status: filter.status.map(InvoiceRunStatus::as_str),
        after: paging.after::<(DateTime<Utc>, Uuid)>()?,
        limit: paging.limit().cast_signed(),
    };
    let rows = list_runs(&mut desk.read().await?, which).await?;
    Ok(paging.page(rows, |row| (row.created_at, row.id)).map(InvoiceRunView::from))
}

/// Makes an invoice for everybody whom an instalment of a structure concerns, after the answer. Asked for twice, it is one run; run twice, nobody is billed twice.
#[utoipa::path(
    request_body = NewInvoiceRun,
    responses((status = 202, body = InvoiceRunView, description = "`Location` tells where to ask how it goes."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/invoices/generate")]
async fn generate(desk: Desk<FeesManage>, request: actix_web::HttpRequest, body: Body<NewInvoiceRun>) -> Result<HttpResponse, Problem> {
    let input = Input { fee_structure_id: body.fee_structure_id.as_uuid(), instalment: body.instalment.into(), issue: body.issue };
    let run = desk
        .change(async |transaction| {
            to_bill(transaction, &input).await?;
            let book = Book::open(transaction, Some(desk.caller().actor()), desk.now()).await?;
            begin_run(transaction, &book, input.clone()).await
        })
        .await?;
    let location = format!("/api/v1/invoices/runs/{}", run.id);
    Ok(Accepted { body: InvoiceRunView::from(run), location }.respond_to(&request).map_into_boxed_body())
}

/// How a run goes.
#[utoipa::path(params(("id" = InvoiceRunId, Path)), responses((status = 200, body = InvoiceRunView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/invoices/runs/{id}")]
async fn show(desk: Desk<FeesManage>, id: IdPath<InvoiceRunId>) -> Result<actix_web::web::Json<InvoiceRunView>, Problem> {
    let run = find_run(&mut desk.read().await?, id.as_uuid()).await?;
    Ok(actix_web::web::Json(run.into()))
}
