//! The history of what a grade book is made of: items, categories, scales, settings, targets, outcomes, honour rules. Grades have one of their own
//! ([`super::history`]).

use actix_web::get;
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use domain::{ClassId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::{Caller, CommonProblems, IdPath, Limit, Page, Paging, Params, Permit, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Rooms;
use super::access::Viewer;
use crate::model::outline::changed_fields;
use crate::store::{OutlineChange, OutlineFilter, outline_changes};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(of_class).service(of_school);
}

/// What was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutlineKind {
    /// A scale of the school.
    Scale,
    /// How a class is graded.
    Settings,
    /// A category.
    Category,
    /// An item.
    Item,
    /// What a student is to reach.
    Target,
    /// A rule of the honour roll.
    HonourRule,
    /// A learning outcome.
    Outcome,
    /// That an item shows an outcome.
    OutcomeItem,
    /// What a student has shown of an outcome.
    OutcomeResult,
}

impl OutlineKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Scale => "scale",
            Self::Settings => "settings",
            Self::Category => "category",
            Self::Item => "item",
            Self::Target => "target",
            Self::HonourRule => "honour_rule",
            Self::Outcome => "outcome",
            Self::OutcomeItem => "outcome_item",
            Self::OutcomeResult => "outcome_result",
        }
    }
}

/// A change.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutlineChangeView {
    /// Its id.
    id: Uuid,
    /// What was changed: `scale`, `settings`, `category`, `item`, `target`, `honour_rule`, `outcome`, `outcome_item` or `outcome_result`.
    kind: String,
    /// Which one; of settings the class.
    entity_id: Uuid,
    /// The version that the change made, or that went away.
    version: i32,
    /// `created`, `changed` or `removed`.
    action: String,
    /// The fields that are not what they were.
    changed: Vec<String>,
    /// As it was stored before; null if it was not there.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// As it was stored afterwards; null if it is not there any more.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    /// Who did it; null for what came from homework or a quiz.
    changed_by: Option<UserId>,
    /// When.
    changed_at: DateTime<Utc>,
}

impl From<OutlineChange> for OutlineChangeView {
    fn from(row: OutlineChange) -> Self {
        let (before, after) = (row.before.map(|json| json.0), row.after.map(|json| json.0));
        Self {
            id: row.id,
            kind: row.kind,
            entity_id: row.entity_id,
            version: row.entity_version,
            action: row.action,
            changed: changed_fields(before.as_ref(), after.as_ref()),
            before,
            after,
            changed_by: row.changed_by.map(UserId::from_uuid),
            changed_at: row.created_at,
        }
    }
}

/// Which changes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesOf {
    /// Of this kind only.
    #[param(inline)]
    kind: Option<OutlineKind>,
    /// Of this one only: an item, a category, a scale.
    entity_id: Option<Uuid>,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// What became of a class's items, categories, settings, targets and outcomes, the latest first
///
/// Every change is in it, whichever way it came, with what was there before and after. For those who keep the book.
#[utoipa::path(
    params(("id" = ClassId, Path, description = "The class."), ChangesOf),
    responses((status = 200, body = Page<OutlineChangeView>), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/classes/{id}/gradebook/changes")]
async fn of_class(
    permit: Permit<permits::GradesWrite>,
    id: IdPath<ClassId>,
    rooms: Data<Rooms>,
    params: Params<ChangesOf>,
) -> Result<Page<OutlineChangeView>, Problem> {
    Viewer::of(&rooms.platform, permit.caller()).await?.keep(*id).await?;
    page(&rooms, permit.caller(), Some(*id), &params).await
}

/// What became of the school's scales, honour rules and outcomes, the latest first. Every change is in it, with what was there before and after.
#[utoipa::path(params(ChangesOf), responses((status = 200, body = Page<OutlineChangeView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/gradebook/changes")]
async fn of_school(
    permit: Permit<permits::ScalesManage>,
    rooms: Data<Rooms>,
    params: Params<ChangesOf>,
) -> Result<Page<OutlineChangeView>, Problem> {
    page(&rooms, permit.caller(), None, &params).await
}

async fn page(rooms: &Rooms, caller: &Caller, class: Option<ClassId>, params: &ChangesOf) -> Result<Page<OutlineChangeView>, Problem> {
    let paging =
        Paging::asking(&rooms.platform, caller, "outline", (class, params.kind, params.entity_id), params.limit, params.cursor.as_deref());
    let before: Option<i64> = paging.after()?;
    let filter = OutlineFilter { class, kind: params.kind.map(OutlineKind::as_str), entity: params.entity_id, before };
    let rows = outline_changes(&rooms.platform, caller.school_id, &filter, paging.limit()).await?;
    let page = paging.page(rows, |last| last.number);
    Ok(page.map(Into::into))
}
