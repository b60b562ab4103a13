//! Items: what is graded in a class. Those that homework or a quiz feeds make themselves.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{ClassId, Fault, GradeCategoryId, GradeItemId, Patch, Points, SubjectId, Text, Version};
use records::{Listing, References, Table, rows};
use rust_decimal::Decimal;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::GradesWrite;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, Limit, NoContent, NotModifiedOr, Page, Params,
    Problem, Versioned, filters,
};
use store::SchoolTransaction;
use store::entity::grade_items::{ActiveModel, Column, Entity, Model};
use store::entity::{grade_categories, subjects};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::access::Viewer;
use super::categories::weight_fault;
use super::locking::locked;
use crate::desk::Desk;
use crate::model::grade::decimal;
use crate::store::{Grades, RULES, announce, grades_in, is_locked, points};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// Something that is graded.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemView {
    /// Its id.
    id: GradeItemId,
    /// The class.
    class_id: ClassId,
    /// Its category; null: it stands at the top.
    category_id: Option<GradeCategoryId>,
    /// The subject.
    subject_id: Option<SubjectId>,
    /// What it is called.
    name: String,
    /// `manual`, `homework` or `quiz`.
    pub(super) source_kind: String,
    /// The homework or quiz that feeds it.
    pub(super) source_ref: Option<Uuid>,
    /// The marks that it is worth.
    max_points: Option<Points>,
    /// Its weight among its siblings.
    #[serde(with = "super::number")]
    #[schema(value_type = f64)]
    weight: Decimal,
    /// Adds to what is earned and nothing to what is possible.
    is_extra_credit: bool,
    /// Students and parents don't see it, and it is not in their totals.
    is_hidden: bool,
    /// Parents don't see it, and it is not in the totals that they see.
    hides_from_parents: bool,
    /// From when on its grades don't change; null: they may. A time to come locks it by itself.
    locked_at: Option<DateTime<Utc>>,
    /// The day on which it is due.
    due_on: Option<NaiveDate>,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<Model> for ItemView {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            class_id: row.class_id.into(),
            category_id: row.category_id.map(GradeCategoryId::from),
            subject_id: row.subject_id.map(SubjectId::from),
            name: row.name,
            source_kind: row.source_kind,
            source_ref: row.source_ref,
            max_points: points(row.max_points),
            weight: row.weight.normalize(),
            is_extra_credit: row.is_extra_credit,
            is_hidden: row.is_hidden,
            hides_from_parents: row.hides_from_parents,
            locked_at: row.locked_at,
            due_on: row.due_on,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// An item to be, whose marks are typed in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// The class: one that the teacher teaches.
    class_id: ClassId,
    /// Its category, of the same class; left out: it stands at the top.
    category_id: Option<GradeCategoryId>,
    /// The subject.
    subject_id: Option<SubjectId>,
    /// What it is called.
    name: Text<200>,
    /// The marks that it is worth; more than none.
    max_points: Points,
    /// Its weight among its siblings, at most four decimals; 1 unless said otherwise.
    #[serde(default = "one", with = "super::number")]
    #[schema(value_type = f64, minimum = 0, maximum = 99999)]
    weight: Decimal,
    /// Adds to what is earned and nothing to what is possible.
    #[serde(default)]
    is_extra_credit: bool,
    /// Students and parents don't see it, and it is not in their totals.
    #[serde(default)]
    is_hidden: bool,
    /// Parents don't see it, and it is not in the totals that they see.
    #[serde(default)]
    hides_from_parents: bool,
    /// The day on which it is due: an item at the top belongs to the term that this day is in.
    due_on: Option<NaiveDate>,
    /// A time to come, from which on its grades don't change.
    locked_at: Option<DateTime<Utc>>,
}

const fn one() -> Decimal {
    Decimal::ONE
}

/// What changes; what is left out stays as it is. Name, marks and day of an item that is fed follow its source.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeItem {
    /// Its category; null: it stands at the top.
    #[serde(default)]
    #[schema(value_type = Option<GradeCategoryId>)]
    category_id: Patch<GradeCategoryId>,
    /// What it is called.
    name: Option<Text<200>>,
    /// The marks that it is worth.
    max_points: Option<Points>,
    /// Its weight among its siblings, at most four decimals.
    #[serde(default, with = "super::number::option")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 99999)]
    weight: Option<Decimal>,
    /// Adds to what is earned and nothing to what is possible.
    is_extra_credit: Option<bool>,
    /// Students and parents don't see it.
    is_hidden: Option<bool>,
    /// Parents don't see it.
    hides_from_parents: Option<bool>,
    /// The day on which it is due.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    due_on: Patch<NaiveDate>,
    /// A time to come, from which on its grades don't change; null: none. To lock it now there is `/lock`.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    locked_at: Patch<DateTime<Utc>>,
}

impl ChangeItem {
    /// Whether it touches what may be written in the item's grades.
    const fn touches_rules(&self) -> bool {
        self.max_points.is_some() || self.is_extra_credit.is_some() || !matches!(self.locked_at, Patch::Keep)
    }
}

/// Which items.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ItemFilter {
    /// Of this class.
    #[param(inline)]
    class_id: ClassId,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(ItemFilter);

/// A class's items, in the order in which they were added.
#[utoipa::path(params(ItemFilter, ("limit" = Option<u16>, Query, description = "How many to a page, from 1 to 200; 50 if left out."), ("cursor" = Option<String>, Query, description = "Where to go on: `next_cursor` of the page before.")), responses((status = 200, body = Page<ItemView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/grade-items")]
async fn list(desk: Desk<GradesWrite>, filter: Params<ItemFilter>) -> Result<Page<ItemView>, Problem> {
    Viewer::of(desk.platform(), desk.caller()).await?.keep(filter.class_id).await?;
    let listing = Listing::<_, DateTime<Utc>>::open(&desk, "grade-items", &filter.0)?;
    let transaction = desk.read().await?;
    let select =
        rows::rows::<Entity>(&transaction).filter(Column::Status.eq("active")).filter(Column::ClassId.eq(filter.class_id.as_uuid()));
    let found = listing.slice(select, Column::CreatedAt, Column::Id).all(&transaction).await?;
    Ok(listing.page(found, |row| (row.created_at, row.id)).map(ItemView::from))
}

/// Adds an item whose marks are typed in.
#[utoipa::path(request_body = NewItem, params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe: the first answer is given again.")), responses((status = 201, body = ItemView), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/grade-items")]
async fn create(desk: Desk<GradesWrite>, body: Body<NewItem>) -> Result<HttpResponse, Problem> {
    Viewer::of(desk.platform(), desk.caller()).await?.keep(body.class_id).await?;
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let mut references = References::default();
        references.add(weight_fault(new.weight));
        references.add(marks_fault(new.max_points));
        references.add(new.locked_at.and_then(|at| lock_fault(at, desk.now())));
        category_fits(&mut references, transaction, new.category_id, new.class_id.as_uuid()).await?;
        references.check::<subjects::Entity>(transaction, "/subject_id", new.subject_id).await?;
        references.settle()?;
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(GradeItemId::generate().as_uuid()),
            class_id: Set(new.class_id.as_uuid()),
            category_id: Set(new.category_id.map(GradeCategoryId::as_uuid)),
            subject_id: Set(new.subject_id.map(SubjectId::as_uuid)),
            name: Set(new.name.into()),
            source_kind: Set("manual".to_owned()),
            max_points: Set(decimal(new.max_points)),
            weight: Set(new.weight),
            is_extra_credit: Set(new.is_extra_credit),
            is_hidden: Set(new.is_hidden),
            hides_from_parents: Set(new.hides_from_parents),
            due_on: Set(new.due_on),
            locked_at: Set(new.locked_at),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/grade-items/{}", row.id), version: Version::FIRST, body: ItemView::from(row) })
    })
    .await
}

fn marks_fault(points: Points) -> Option<Fault> {
    (points.hundredths() == 0).then(|| Fault::new("/max_points", "must be more than none"))
}

fn lock_fault(at: DateTime<Utc>, now: DateTime<Utc>) -> Option<Fault> {
    (at <= now).then(|| Fault::new("/locked_at", "must be a time to come"))
}

/// What is wrong with an item's being worth `max_points`, if somebody has more already.
fn reach_fault(row: &Model, change: &ChangeItem, grades: &Grades) -> Option<Fault> {
    let (worth, is_extra) = (change.max_points.map_or(row.max_points, decimal), change.is_extra_credit.unwrap_or(row.is_extra_credit));
    if is_extra || (worth >= row.max_points && is_extra == row.is_extra_credit) {
        return None;
    }
    let of_item = grades.iter().filter(|grade| grade.item_id.as_uuid() == row.id);
    let most = of_item.flat_map(|grade| [grade.points, grade.override_points]).flatten().max().map(decimal)?;
    let pointer = if change.max_points.is_some() { "/max_points" } else { "/is_extra_credit" };
    (most > worth).then(|| Fault::new(pointer, format!("somebody has {} marks", most.normalize())))
}

async fn category_fits(
    references: &mut References,
    transaction: &SchoolTransaction,
    category: Option<GradeCategoryId>,
    class: Uuid,
) -> Result<(), Problem> {
    let Some(id) = category else { return Ok(()) };
    let found = references.get::<grade_categories::Entity>(transaction, "/category_id", id.as_uuid()).await?;
    if found.is_some_and(|found| found.class_id != class) {
        references.add([Fault::new("/category_id", "must be of the same class")]);
    }
    Ok(())
}

/// The row, if the caller keeps the book that it is in.
pub(super) async fn kept(desk: &Desk<GradesWrite>, id: Uuid) -> Result<Model, Problem> {
    let row = rows::find::<Entity>(&desk.read().await?, id).await?;
    let viewer = Viewer::of(desk.platform(), desk.caller()).await?;
    if row.status == "active" && viewer.keeps(row.class_id.into()) { Ok(row) } else { Err(Problem::not_found(Entity::NOUN)) }
}

/// An item.
#[utoipa::path(params(("id" = GradeItemId, Path)), responses((status = 200, body = ItemView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/grade-items/{id}")]
async fn show(desk: Desk<GradesWrite>, id: IdPath<GradeItemId>, known: IfNoneMatch) -> Result<NotModifiedOr<ItemView>, Problem> {
    let row = kept(&desk, id.as_uuid()).await?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes an item that is not locked. It can't be worth less than somebody already has for it.
#[utoipa::path(
    params(("id" = GradeItemId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeItem,
    responses((status = 200, body = ItemView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/grade-items/{id}")]
async fn edit(
    desk: Desk<GradesWrite>,
    id: IdPath<GradeItemId>,
    based_on: IfMatch,
    body: Body<ChangeItem>,
) -> Result<Versioned<ItemView>, Problem> {
    kept(&desk, id.as_uuid()).await?;
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        if is_locked(&row, desk.now()) {
            return Err(locked());
        }
        let mut references = References::default();
        references.add(change.weight.and_then(weight_fault));
        references.add(change.max_points.and_then(marks_fault));
        if change.touches_rules() {
            announce(desk.platform(), transaction, &row).await?;
            references.add(reach_fault(&row, &change, &grades_in(desk.platform(), transaction, row.class_id.into()).await?));
        }
        if let Patch::Set(at) = change.locked_at {
            references.add(lock_fault(at, desk.now()));
        }
        if row.source_kind != "manual" {
            let fed =
                |given: bool, pointer| given.then(|| Fault::new(pointer, format!("follows the {} that feeds this item", row.source_kind)));
            references.add(fed(change.name.is_some(), "/name"));
            references.add(fed(change.max_points.is_some(), "/max_points"));
            references.add(fed(!matches!(change.due_on, Patch::Keep), "/due_on"));
        }
        if let Patch::Set(category) = change.category_id {
            category_fits(&mut references, transaction, Some(category), row.class_id).await?;
        }
        references.settle()?;
        let change = ActiveModel {
            category_id: rows::patch(change.category_id),
            name: rows::patch_required(change.name),
            max_points: rows::patch_required(change.max_points.map(decimal)),
            weight: rows::patch_required(change.weight),
            is_extra_credit: rows::patch_required(change.is_extra_credit),
            is_hidden: rows::patch_required(change.is_hidden),
            hides_from_parents: rows::patch_required(change.hides_from_parents),
            due_on: rows::patch(change.due_on),
            locked_at: rows::patch(change.locked_at),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Removes an item that nobody was graded for.
#[utoipa::path(
    params(("id" = GradeItemId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/grade-items/{id}")]
async fn remove(desk: Desk<GradesWrite>, id: IdPath<GradeItemId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    kept(&desk, id.as_uuid()).await?;
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        announce(desk.platform(), transaction, &row).await?;
        // A grade that only Redis has refers to it as well.
        if grades_in(desk.platform(), transaction, row.class_id.into()).await?.iter().any(|grade| grade.item_id == *id) {
            return Err(Problem::conflict(Kind::StillInUse, "There are grades for this item."));
        }
        // The row stays, because its sheet points at it. Its category is let go of.
        let change = ActiveModel { status: Set("tobedeleted".to_owned()), category_id: Set(None), ..Default::default() };
        rows::save(transaction, RULES, &row, change, desk.now()).await.map(drop)
    })
    .await?;
    Ok(NoContent)
}
