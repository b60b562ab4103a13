//! Categories: the parts of a class's grade book.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{ClassId, Fault, Faults, GradeCategoryId, Patch, TermId, Text, Version};
use records::{Listing, References, Table, rows};
use rust_decimal::Decimal;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::GradesWrite;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::SchoolTransaction;
use store::entity::grade_categories::{ActiveModel, Column, Entity, Model};
use store::entity::{classes, terms};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::access::Viewer;
use crate::desk::Desk;
use crate::store::RULES;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// How deep categories may lie within each other.
const DEEPEST: usize = 8;

/// How the results of a category become one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AggregationName {
    /// By weight.
    #[default]
    WeightedMean,
    /// All alike.
    Mean,
    /// Marks earned out of marks possible.
    Sum,
    /// The one in the middle.
    Median,
    /// The lowest.
    Lowest,
    /// The highest.
    Highest,
}

impl AggregationName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::WeightedMean => "weighted_mean",
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::Median => "median",
            Self::Lowest => "lowest",
            Self::Highest => "highest",
        }
    }
}

/// A category.
#[derive(Debug, Serialize, ToSchema)]
pub struct CategoryView {
    /// Its id.
    id: GradeCategoryId,
    /// The class.
    class_id: ClassId,
    /// The term that it belongs to; null: the whole year.
    term_id: Option<TermId>,
    /// The category that it is a part of.
    parent_category_id: Option<GradeCategoryId>,
    /// What it is called.
    name: String,
    /// How its results become one: `weighted_mean`, `mean`, `sum`, `median`, `lowest` or `highest`.
    aggregation: String,
    /// Its weight among its siblings.
    #[serde(with = "super::number")]
    #[schema(value_type = f64)]
    weight: Decimal,
    /// So many of the lowest results don't count.
    drop_lowest: i32,
    /// Only so many of the highest count; null: all.
    keep_highest: Option<i32>,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<Model> for CategoryView {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            class_id: row.class_id.into(),
            term_id: row.term_id.map(TermId::from),
            parent_category_id: row.parent_category_id.map(GradeCategoryId::from),
            name: row.name,
            aggregation: row.aggregation,
            weight: row.weight.normalize(),
            drop_lowest: row.drop_lowest,
            keep_highest: row.keep_highest,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A category to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCategory {
    /// The class: one that the teacher teaches.
    class_id: ClassId,
    /// The term that it belongs to; left out: the whole year. Part of a term's category, it is of the same term.
    term_id: Option<TermId>,
    /// The category that it is a part of, of the same class.
    parent_category_id: Option<GradeCategoryId>,
    /// What it is called; once at its place.
    name: Text<100>,
    /// How its results become one; by weight unless said otherwise.
    #[serde(default)]
    aggregation: AggregationName,
    /// Its weight among its siblings, at most four decimals; 1 unless said otherwise.
    #[serde(default = "one", with = "super::number")]
    #[schema(value_type = f64, minimum = 0, maximum = 99999)]
    weight: Decimal,
    /// So many of the lowest results don't count. Not together with `keep_highest`.
    #[serde(default)]
    #[schema(maximum = 1000)]
    drop_lowest: u16,
    /// Only so many of the highest count.
    #[schema(minimum = 1, maximum = 1000)]
    keep_highest: Option<u16>,
}

const fn one() -> Decimal {
    Decimal::ONE
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeCategory {
    /// What it is called; once at its place.
    name: Option<Text<100>>,
    /// How its results become one.
    aggregation: Option<AggregationName>,
    /// Its weight among its siblings, at most four decimals.
    #[serde(default, with = "super::number::option")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 99999)]
    weight: Option<Decimal>,
    /// So many of the lowest results don't count. Not together with `keep_highest`.
    #[schema(maximum = 1000)]
    drop_lowest: Option<u16>,
    /// Only so many of the highest count; null: all.
    #[serde(default)]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    keep_highest: Patch<u16>,
}

/// Which categories.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CategoryFilter {
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
filters!(CategoryFilter);

/// What is wrong with a weight.
pub(super) fn weight_fault(weight: Decimal) -> Option<Fault> {
    let fine = (Decimal::ZERO..=Decimal::from(99_999)).contains(&weight) && weight.normalize().scale() <= 4;
    (!fine).then(|| Fault::new("/weight", "must be a number from 0 to 99999 with at most four decimals"))
}

/// The most results that a category drops or keeps.
const RESULTS: i32 = 1_000;

fn selection_faults(drop_lowest: i32, keep_highest: Option<i32>) -> Vec<Fault> {
    let mut faults = Faults::none();
    faults.require(drop_lowest <= RESULTS, "/drop_lowest", format!("must be at most {RESULTS}"));
    faults.require(
        keep_highest.is_none_or(|number| (1..=RESULTS).contains(&number)),
        "/keep_highest",
        format!("must be from 1 to {RESULTS}"),
    );
    faults.require(drop_lowest == 0 || keep_highest.is_none(), "/keep_highest", "does not go together with drop_lowest");
    faults.into_result().err().unwrap_or_default()
}

/// A class's categories, by name.
#[utoipa::path(params(CategoryFilter, ("limit" = Option<u16>, Query, description = "How many to a page, from 1 to 200; 50 if left out."), ("cursor" = Option<String>, Query, description = "Where to go on: `next_cursor` of the page before.")), responses((status = 200, body = Page<CategoryView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/grade-categories")]
async fn list(desk: Desk<GradesWrite>, filter: Params<CategoryFilter>) -> Result<Page<CategoryView>, Problem> {
    Viewer::of(desk.platform(), desk.caller()).await?.keep(filter.class_id).await?;
    let listing = Listing::<_, String>::open(&desk, "grade-categories", &filter.0)?;
    let transaction = desk.read().await?;
    let select =
        rows::rows::<Entity>(&transaction).filter(Column::Status.eq("active")).filter(Column::ClassId.eq(filter.class_id.as_uuid()));
    let found = listing.slice(select, Column::Name, Column::Id).all(&transaction).await?;
    Ok(listing.page(found, |row| (row.name.clone(), row.id)).map(CategoryView::from))
}

/// Adds a category.
#[utoipa::path(request_body = NewCategory, params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe: the first answer is given again.")), responses((status = 201, body = CategoryView), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/grade-categories")]
async fn create(desk: Desk<GradesWrite>, body: Body<NewCategory>) -> Result<HttpResponse, Problem> {
    Viewer::of(desk.platform(), desk.caller()).await?.keep(body.class_id).await?;
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let (drop_lowest, keep_highest) = (i32::from(new.drop_lowest), new.keep_highest.map(i32::from));
        let mut references = References::default();
        references.add(weight_fault(new.weight));
        references.add(selection_faults(drop_lowest, keep_highest));
        if let Some(term) = new.term_id {
            let class = rows::find::<classes::Entity>(transaction, new.class_id.as_uuid()).await?;
            let term = references.get::<terms::Entity>(transaction, "/term_id", term.as_uuid()).await?;
            if term.is_some_and(|term| term.academic_year_id != class.academic_year_id) {
                references.add([Fault::new("/term_id", "must be of the year of the class")]);
            }
        }
        if let Some(parent) = new.parent_category_id {
            let found = references.get::<Entity>(transaction, "/parent_category_id", parent.as_uuid()).await?;
            if let Some(found) = found {
                if found.class_id != new.class_id.as_uuid() {
                    references.add([Fault::new("/parent_category_id", "must be of the same class")]);
                }
                if found.term_id.is_some_and(|term| new.term_id.map(TermId::as_uuid) != Some(term)) {
                    references.add([Fault::new("/term_id", "must be that of the category that it is a part of")]);
                }
                if depth(transaction, found).await? >= DEEPEST {
                    references.add([Fault::new("/parent_category_id", format!("categories lie at most {DEEPEST} deep"))]);
                }
            }
        }
        references.settle()?;
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(GradeCategoryId::generate().as_uuid()),
            class_id: Set(new.class_id.as_uuid()),
            term_id: Set(new.term_id.map(TermId::as_uuid)),
            parent_category_id: Set(new.parent_category_id.map(GradeCategoryId::as_uuid)),
            name: Set(new.name.into()),
            aggregation: Set(new.aggregation.as_str().to_owned()),
            weight: Set(new.weight),
            drop_lowest: Set(drop_lowest),
            keep_highest: Set(keep_highest),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/grade-categories/{}", row.id), version: Version::FIRST, body: CategoryView::from(row) })
    })
    .await
}

/// How deep a category lies, 1 at the top. A category never gets another parent, so that there can be no circle.
async fn depth(transaction: &SchoolTransaction, category: Model) -> Result<usize, Problem> {
    let (mut depth, mut parent) = (1, category.parent_category_id);
    while let Some(id) = parent.filter(|_| depth < DEEPEST) {
        parent = rows::find::<Entity>(transaction, id).await?.parent_category_id;
        depth += 1;
    }
    Ok(depth)
}

/// The row, if the caller keeps the book that it is in.
async fn kept(desk: &Desk<GradesWrite>, id: Uuid) -> Result<Model, Problem> {
    let row = rows::find::<Entity>(&desk.read().await?, id).await?;
    let viewer = Viewer::of(desk.platform(), desk.caller()).await?;
    if viewer.keeps(row.class_id.into()) { Ok(row) } else { Err(Problem::not_found(Entity::NOUN)) }
}

/// A category.
#[utoipa::path(params(("id" = GradeCategoryId, Path)), responses((status = 200, body = CategoryView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/grade-categories/{id}")]
async fn show(desk: Desk<GradesWrite>, id: IdPath<GradeCategoryId>, known: IfNoneMatch) -> Result<NotModifiedOr<CategoryView>, Problem> {
    let row = kept(&desk, id.as_uuid()).await?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes a category. Totals follow at once: they are computed when they are read.
#[utoipa::path(
    params(("id" = GradeCategoryId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeCategory,
    responses((status = 200, body = CategoryView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/grade-categories/{id}")]
async fn edit(
    desk: Desk<GradesWrite>,
    id: IdPath<GradeCategoryId>,
    based_on: IfMatch,
    body: Body<ChangeCategory>,
) -> Result<Versioned<CategoryView>, Problem> {
    kept(&desk, id.as_uuid()).await?;
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let drop_lowest = change.drop_lowest.map(i32::from);
        let keep_highest = change.keep_highest.clone().apply(row.keep_highest.and_then(|number| u16::try_from(number).ok())).map(i32::from);
        let mut references = References::default();
        references.add(change.weight.and_then(weight_fault));
        references.add(selection_faults(drop_lowest.unwrap_or(row.drop_lowest), keep_highest));
        references.settle()?;
        let change = ActiveModel {
            name: rows::patch_required(change.name),
            aggregation: rows::patch_required(change.aggregation.map(|name| name.as_str().to_owned())),
            weight: rows::patch_required(change.weight),
            drop_lowest: rows::patch_required(drop_lowest),
            keep_highest: Set(keep_highest),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Removes a category that holds nothing.
#[utoipa::path(
    params(("id" = GradeCategoryId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/grade-categories/{id}")]
async fn remove(desk: Desk<GradesWrite>, id: IdPath<GradeCategoryId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    kept(&desk, id.as_uuid()).await?;
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}
