//! Classes.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{AcademicYearId, ClassId, Fault, Patch, TeacherId, TermId, Text, Version};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Condition, Query};
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::{AcademicsManage, AcademicsRead};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, Limit, NoContent, NotModifiedOr, Page, Params,
    Problem, Versioned, filters,
};
use store::SchoolTransaction;
use store::entity::classes::{ActiveModel, Column, Entity, Model};
use store::entity::{academic_years, class_subjects, teachers, terms};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::Desk;
use crate::model::capacity::Capacity;
use crate::model::row_status::RowStatus;
use crate::store::occupancy::{Stay, busiest};
use crate::store::reach::Reach;
use crate::store::rules::RULES;
use records::Listing;
use records::References;
use records::{Table, rows};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// A class: the group of students that is taught together.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
// `class_teacher_id` is the noun that schools use.
#[allow(clippy::struct_field_names)]
pub(super) struct Class {
    /// Its id.
    id: ClassId,
    /// Its year.
    academic_year_id: AcademicYearId,
    /// The term in which it is taught; null means the whole year.
    term_id: Option<TermId>,
    /// What it is called.
    name: String,
    /// Its short code.
    code: Option<String>,
    /// The grade level, such as `7`.
    grade_level: Option<String>,
    /// The section, such as `B`.
    section: Option<String>,
    /// The class teacher.
    class_teacher_id: Option<TeacherId>,
    /// Where it meets.
    room: Option<String>,
    /// How many students it takes at a time; null means any number.
    capacity: Option<i32>,
    /// Whether it is in use.
    status: RowStatus,
    /// The id in the system that it was imported from.
    source_id: Option<String>,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<Model> for Class {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            academic_year_id: row.academic_year_id.into(),
            term_id: row.term_id.map(TermId::from),
            name: row.name,
            code: row.code,
            grade_level: row.grade_level,
            section: row.section,
            class_teacher_id: row.class_teacher_id.map(TeacherId::from),
            room: row.room,
            capacity: row.capacity,
            status: RowStatus::of(&row.status),
            source_id: row.source_id,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A class to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewClass {
    /// Its year.
    academic_year_id: AcademicYearId,
    /// The term of that year in which it is taught; left out means the whole year.
    term_id: Option<TermId>,
    /// What it is called.
    name: Text<200>,
    /// Its short code; once in the year.
    code: Option<Text<64>>,
    /// The grade level, such as `7`.
    grade_level: Option<Text<32>>,
    /// The section, such as `B`.
    section: Option<Text<32>>,
    /// The class teacher: a teacher of the school.
    class_teacher_id: Option<TeacherId>,
    /// Where it meets.
    room: Option<Text<64>>,
    /// How many students it takes at a time; left out means any number.
    capacity: Option<Capacity>,
}

/// What changes; what is left out stays as it is, null empties.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeClass {
    /// The term of the class's year in which it is taught; null means the whole year.
    #[serde(default)]
    #[schema(value_type = Option<TermId>)]
    term_id: Patch<TermId>,
    /// What it is called.
    name: Option<Text<200>>,
    /// Its short code; once in the year.
    #[serde(default)]
    #[schema(value_type = Option<Text<64>>)]
    code: Patch<Text<64>>,
    /// The grade level.
    #[serde(default)]
    #[schema(value_type = Option<Text<32>>)]
    grade_level: Patch<Text<32>>,
    /// The section.
    #[serde(default)]
    #[schema(value_type = Option<Text<32>>)]
    section: Patch<Text<32>>,
    /// The class teacher: a teacher of the school.
    #[serde(default)]
    #[schema(value_type = Option<TeacherId>)]
    class_teacher_id: Patch<TeacherId>,
    /// Where it meets.
    #[serde(default)]
    #[schema(value_type = Option<Text<64>>)]
    room: Patch<Text<64>>,
    /// How many students it takes at a time, no fewer than are enrolled today and later; null means any number.
    #[serde(default)]
    #[schema(value_type = Option<Capacity>)]
    capacity: Patch<Capacity>,
    /// Whether it is in use.
    status: Option<RowStatus>,
}

/// Which classes.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ClassFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// Only those of this year.
    #[param(inline)]
    academic_year_id: Option<AcademicYearId>,
    /// Only those that are taught in this term alone.
    #[param(inline)]
    term_id: Option<TermId>,
    /// Only those whose class teacher this is, or in which this teacher teaches a subject.
    #[param(inline)]
    teacher_id: Option<TeacherId>,
    /// Whether they are in use; `active` unless the office asks otherwise.
    #[param(inline)]
    status: Option<RowStatus>,
}
filters!(ClassFilter);

/// The classes that the caller may see, by name.
#[utoipa::path(tag = "auth", params(ClassFilter), responses((status = 200, body = Page<Class>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/classes")]
pub(super) async fn list(desk: Desk<AcademicsRead>, filter: Params<ClassFilter>) -> Result<Page<Class>, Problem> {
    let listing = Listing::<_, String>::open(&desk, "classes", &filter.0)?;
    let reach = Reach::of_caller(&desk).await?;
    let transaction = desk.read().await?;
    let mut select = rows::rows::<Entity>(&transaction)
        .filter(reach.classes().condition(Column::Id))
        .filter(Column::Status.eq(reach.status(filter.status).as_str()));
    if let Some(year) = filter.academic_year_id {
        select = select.filter(Column::AcademicYearId.eq(year.as_uuid()));
    }
    if let Some(term) = filter.term_id {
        select = select.filter(Column::TermId.eq(term.as_uuid()));
    }
    if let Some(teacher) = filter.teacher_id {
        let teaches = Query::select()
            .column(class_subjects::Column::ClassId)
            .from(class_subjects::Entity)
            .cond_where(class_subjects::Column::TeacherId.eq(teacher.as_uuid()))
            .and_where(class_subjects::Column::Status.eq("active"))
            .take();
        select = select.filter(Condition::any().add(Column::ClassTeacherId.eq(teacher.as_uuid())).add(Column::Id.in_subquery(teaches)));
    }
    let found = listing.slice(select, Column::Name, Column::Id).all(&transaction).await?;
    Ok(listing.page(found, |row| (row.name.clone(), row.id)).map(Class::from))
}

/// Adds a class.
#[utoipa::path(tag = "auth", request_body = NewClass, responses((status = 201, body = Class), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/classes")]
pub(super) async fn create(desk: Desk<AcademicsManage>, body: Body<NewClass>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let mut references = References::default();
        references.check::<academic_years::Entity>(transaction, "/academic_year_id", Some(new.academic_year_id)).await?;
        check_term(&mut references, transaction, new.term_id, new.academic_year_id).await?;
        references.check::<teachers::Entity>(transaction, "/class_teacher_id", new.class_teacher_id).await?;
        references.settle()?;
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(ClassId::generate().as_uuid()),
            academic_year_id: Set(new.academic_year_id.as_uuid()),
            term_id: Set(new.term_id.map(TermId::as_uuid)),
            name: Set(new.name.into()),
            code: Set(new.code.map(String::from)),
            grade_level: Set(new.grade_level.map(String::from)),
            section: Set(new.section.map(String::from)),
            class_teacher_id: Set(new.class_teacher_id.map(TeacherId::as_uuid)),
            room: Set(new.room.map(String::from)),
            capacity: Set(new.capacity.map(i32::from)),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/classes/{}", row.id), version: Version::FIRST, body: Class::from(row) })
    })
    .await
}

/// A class that the caller may see.
#[utoipa::path(tag = "auth", params(("id" = ClassId, Path)), responses((status = 200, body = Class), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/classes/{id}")]
pub(super) async fn show(desk: Desk<AcademicsRead>, id: IdPath<ClassId>, known: IfNoneMatch) -> Result<NotModifiedOr<Class>, Problem> {
    let reach = Reach::of_caller(&desk).await?;
    let row = visible(&reach, &desk.read().await?, *id).await?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes a class.
#[utoipa::path(tag = "auth", params(("id" = ClassId, Path)), request_body = ChangeClass, responses((status = 200, body = Class), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/classes/{id}")]
pub(super) async fn edit(
    desk: Desk<AcademicsManage>,
    id: IdPath<ClassId>,
    based_on: IfMatch,
    body: Body<ChangeClass>,
) -> Result<Versioned<Class>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let mut references = References::default();
        if let Patch::Set(term) = change.term_id {
            check_term(&mut references, transaction, Some(term), row.academic_year_id.into()).await?;
        }
        if let Patch::Set(teacher) = change.class_teacher_id {
            references.check::<teachers::Entity>(transaction, "/class_teacher_id", Some(teacher)).await?;
        }
        references.settle()?;
        if let Patch::Set(capacity) = change.capacity {
            let from = desk.today(transaction).await?;
            let enrolled = busiest(transaction, row.id, Stay { begin: from, end: None, except: None }).await?;
            if enrolled > i64::from(i32::from(capacity)) {
                let fault = Fault::new("/capacity", format!("{enrolled} students are enrolled"));
                return Err(Problem::conflict(Kind::Conflict, "The class holds more students already.").with_faults(vec![fault]));
            }
        }
        let change = ActiveModel {
            term_id: rows::patch(change.term_id),
            name: rows::patch_required(change.name),
            code: rows::patch(change.code),
            grade_level: rows::patch(change.grade_level),
            section: rows::patch(change.section),
            class_teacher_id: rows::patch(change.class_teacher_id),
            room: rows::patch(change.room),
            capacity: rows::patch(change.capacity),
            status: rows::patch_required(change.status),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Removes a class that nothing refers to.
#[utoipa::path(tag = "auth", params(("id" = ClassId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/classes/{id}")]
pub(super) async fn remove(desk: Desk<AcademicsManage>, id: IdPath<ClassId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}

/// The class, if it is within reach; else 404.
pub(super) async fn visible(reach: &Reach, transaction: &SchoolTransaction, id: ClassId) -> Result<Model, Problem> {
    let row = rows::find::<Entity>(transaction, id.as_uuid()).await?;
    if reach.is_office() || (reach.classes().has(row.id) && row.status == "active") {
        Ok(row)
    } else {
        Err(Problem::not_found(Entity::NOUN))
    }
}

async fn check_term(
    references: &mut References,
    transaction: &SchoolTransaction,
    term: Option<TermId>,
    year: AcademicYearId,
) -> Result<(), Problem> {
    if let Some(term) = term
        && let Some(term) = references.get::<terms::Entity>(transaction, "/term_id", term.as_uuid()).await?
        && term.academic_year_id != year.as_uuid()
    {
        references.add([Fault::new("/term_id", "must be a term of the class's academic year")]);
    }
    Ok(())
}
