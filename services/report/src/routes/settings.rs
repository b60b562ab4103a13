//! How a class is graded: its scale, and what students see.

use actix_web::{get, patch};
use domain::{ClassId, Fault, GradeScaleId, Patch, Version};
use records::{References, Table, rows};
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::GradesWrite;
use service_kit::{Body, CommonProblems, EditProblems, IdPath, IfMatch, IfNoneMatch, NotModifiedOr, Problem, Versioned};
use store::entity::grade_book_settings::{ActiveModel, Column, Entity, Model};
use store::entity::grade_scales;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::access::Viewer;
use crate::desk::Desk;
use crate::model::grade::MOST_EFFORT;
use crate::store::RULES;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show).service(edit);
}

/// How a class is graded.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettingsView {
    /// The class.
    class_id: ClassId,
    /// The scale that names its percentages; null: the school's default.
    scale_id: Option<GradeScaleId>,
    /// Whether students and parents see totals, besides the grades themselves.
    shows_totals: bool,
    /// Whether they see what effort was noted.
    shows_effort: bool,
    /// Whether they see targets, and concerns about attainment and effort.
    shows_targets: bool,
    /// Effort below this is a concern; null: none is.
    effort_concern_below: Option<i32>,
    /// One more with each change.
    version: i32,
}

impl From<Model> for SettingsView {
    fn from(row: Model) -> Self {
        Self {
            class_id: row.id.into(),
            scale_id: row.scale_id.map(GradeScaleId::from),
            shows_totals: row.shows_totals,
            shows_effort: row.shows_effort,
            shows_targets: row.shows_targets,
            effort_concern_below: row.effort_concern_below,
            version: row.version,
        }
    }
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSettings {
    /// The scale that names its percentages; null: the school's default.
    #[serde(default)]
    #[schema(value_type = Option<GradeScaleId>)]
    scale_id: Patch<GradeScaleId>,
    /// Whether students and parents see totals.
    shows_totals: Option<bool>,
    /// Whether they see what effort was noted.
    shows_effort: Option<bool>,
    /// Whether they see targets, and concerns about attainment and effort.
    shows_targets: Option<bool>,
    /// Effort below this is a concern; null: none is.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 2, maximum = 5)]
    effort_concern_below: Patch<u8>,
}

/// A class that nobody has changed anything for yet is graded so.
fn default_of(class: ClassId) -> SettingsView {
    SettingsView {
        class_id: class,
        scale_id: None,
        shows_totals: true,
        shows_effort: true,
        shows_targets: true,
        effort_concern_below: None,
        version: Version::FIRST.get(),
    }
}

/// How a class is graded.
#[utoipa::path(params(("id" = ClassId, Path, description = "The class.")), responses((status = 200, body = SettingsView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/classes/{id}/gradebook/settings")]
async fn show(desk: Desk<GradesWrite>, id: IdPath<ClassId>, known: IfNoneMatch) -> Result<NotModifiedOr<SettingsView>, Problem> {
    Viewer::of(desk.platform(), desk.caller()).await?.keep(*id).await?;
    let transaction = desk.read().await?;
    let row = rows::rows::<Entity>(&transaction).filter(Column::Id.eq(id.as_uuid())).one(&transaction).await?;
    let version = row.as_ref().map(Entity::version).transpose()?.unwrap_or(Version::FIRST);
    Ok(NotModifiedOr(known, row.map_or_else(|| default_of(*id), SettingsView::from), version))
}

/// Changes how a class is graded.
#[utoipa::path(
    params(("id" = ClassId, Path, description = "The class."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeSettings,
    responses((status = 200, body = SettingsView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/classes/{id}/gradebook/settings")]
async fn edit(
    desk: Desk<GradesWrite>,
    id: IdPath<ClassId>,
    based_on: IfMatch,
    body: Body<ChangeSettings>,
) -> Result<Versioned<SettingsView>, Problem> {
    Viewer::of(desk.platform(), desk.caller()).await?.keep(*id).await?;
    let change = body.into_inner();
    desk.change(async |transaction| {
        let mut references = References::default();
        if let Patch::Set(scale) = change.scale_id {
            references.get::<grade_scales::Entity>(transaction, "/scale_id", scale.as_uuid()).await?;
        }
        if let Patch::Set(level) = change.effort_concern_below
            && !(2..=MOST_EFFORT).contains(&level)
        {
            references.add([Fault::new("/effort_concern_below", format!("must be from 2 to {MOST_EFFORT}"))]);
        }
        references.settle()?;
        // The row is made when it is first needed: what is version 1 to a reader is version 1 here.
        sqlx::query("INSERT INTO grade_book_settings (id, school_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(id.as_uuid())
            .bind(transaction.school_id().as_uuid())
            .execute(transaction.connection()?)
            .await
            .map_err(store::StoreError::from)?;
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let change = ActiveModel {
            scale_id: rows::patch(change.scale_id),
            shows_totals: rows::patch_required(change.shows_totals),
            shows_effort: rows::patch_required(change.shows_effort),
            shows_targets: rows::patch_required(change.shows_targets),
            effort_concern_below: rows::patch(change.effort_concern_below),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}
