//! A class's grade book: everybody's grades and totals, and the step that computes all of it anew from homework and quizzes.

use std::collections::HashMap;

use actix_web::web::Data;
use actix_web::{get, post};
use domain::{ClassId, GradeCategoryId, GradeItemId, StudentId, TermId, Version};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, IdPath, IfNoneMatch, NotModifiedOr, Params, Permit, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Rooms;
use super::access::Viewer;
use super::sheets::GradeView;
use crate::feed;
use crate::model::share::percent;
use crate::model::total::{Outcome, Totals, Viewpoint, totals};
use crate::store::{Book, Grades, book, grades_of, sources_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show).service(recompute);
}

/// A percentage and what the class's scale calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Figure {
    /// Percent of what was possible, two decimals, half rounded up. Above 100 with extra credit.
    #[serde(with = "rust_decimal::serde::float")]
    #[schema(value_type = f64)]
    percent: Decimal,
    /// The letter; null without a scale.
    letter: Option<String>,
    /// What it counts in a grade point average; null without one.
    #[serde(with = "rust_decimal::serde::float_option")]
    #[schema(value_type = Option<f64>)]
    grade_points: Option<Decimal>,
}

/// The total of a category.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CategoryTotal {
    /// The category.
    category_id: GradeCategoryId,
    /// Its total.
    #[serde(flatten)]
    total: Figure,
}

/// What a student's grades add up to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TotalsView {
    /// Of all that counts; null while nothing does.
    overall: Option<Figure>,
    /// Of each category in which something counts.
    categories: Vec<CategoryTotal>,
    /// Items and categories that drop-lowest or keep-highest left out.
    dropped: Vec<Uuid>,
}

impl TotalsView {
    /// The overall percentage and its letter, as they stand in a file.
    pub(super) fn overall(&self) -> (Option<String>, Option<String>) {
        let overall = self.overall.as_ref();
        (overall.map(|figure| figure.percent.to_string()), overall.and_then(|figure| figure.letter.clone()))
    }

    fn of(book: &Book, totals: &Totals) -> Self {
        let figure = |fraction: Decimal| {
            let percent = percent(fraction);
            let step = book.scale.as_ref().and_then(|scale| scale.step(percent));
            Figure { percent, letter: step.map(|step| step.letter.clone()), grade_points: step.and_then(|step| step.grade_points) }
        };
        let category = |row: &store::entity::grade_categories::Model| {
            let total = totals.categories.get(&row.id)?;
            Some(CategoryTotal { category_id: row.id.into(), total: figure(*total) })
        };
        let mut dropped: Vec<Uuid> = totals.dropped.iter().copied().collect();
        dropped.sort_unstable();
        Self { overall: totals.overall.map(figure), categories: book.categories.iter().filter_map(category).collect(), dropped }
    }
}

/// The totals of one student, from one point of view.
pub(super) fn totals_of(book: &Book, grades: &Grades, student: StudentId, viewpoint: Viewpoint) -> TotalsView {
    let outcome = |row: &store::entity::grade_items::Model| Some((row.id, grades.get(GradeItemId::from_uuid(row.id), student)?.outcome()));
    let results: HashMap<Uuid, Outcome> = book.items.iter().filter_map(outcome).collect();
    TotalsView::of(book, &totals(&book.rules_of_categories(), &book.rules_of_items(), &results, viewpoint))
}

/// A line of the grade book.
#[derive(Debug, Serialize, ToSchema)]
pub struct BookLine {
    /// The student.
    student_id: StudentId,
    /// The student's name.
    student_name: String,
    /// What was said for the items.
    grades: Vec<GradeView>,
    /// What it adds up to.
    totals: TotalsView,
}

/// A class's grade book.
#[derive(Debug, Serialize, ToSchema)]
pub struct BookView {
    /// The class.
    class_id: ClassId,
    /// The term that it is of; null: the whole year.
    term_id: Option<TermId>,
    /// Its items, in the order in which they were added.
    items: Vec<super::items::ItemView>,
    /// Its categories, by name.
    categories: Vec<super::categories::CategoryView>,
    /// Everybody who is or was in the class, by name.
    lines: Vec<BookLine>,
    /// One more with each grade of the class that changes; the `ETag` is this number as `"v3"`. It doesn't move with items, categories or scales.
    version: Version,
}

/// Which part of the book.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BookOf {
    /// Of this term: its categories, and the items at the top that are due within it. Left out: the whole year.
    #[param(inline)]
    term_id: Option<TermId>,
}

/// A class's grade book: what was acknowledged a moment ago is in it.
#[utoipa::path(
    params(("id" = ClassId, Path, description = "The class."), BookOf),
    responses((status = 200, body = BookView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/classes/{id}/gradebook")]
async fn show(
    permit: Permit<permits::GradesWrite>,
    id: IdPath<ClassId>,
    rooms: Data<Rooms>,
    params: Params<BookOf>,
) -> Result<NotModifiedOr<BookView>, Problem> {
    let caller = permit.caller();
    Viewer::of(&rooms.platform, caller).await?.keep(*id).await?;
    let grades = grades_of(&rooms.platform, caller.school_id, *id).await?;
    let book = book(&rooms.platform, caller.school_id, *id, params.term_id).await?;
    let line = |pupil: &crate::store::Pupil| BookLine {
        student_id: pupil.student_id,
        student_name: pupil.name.clone(),
        grades: book.items.iter().filter_map(|item| grades.get(item.id.into(), pupil.student_id)).map(GradeView::from).collect(),
        totals: totals_of(&book, &grades, pupil.student_id, Viewpoint::Teacher),
    };
    let version = grades.version(|_| true);
    let lines = book.pupils.iter().map(line).collect();
    let view = BookView {
        class_id: *id,
        term_id: params.term_id,
        items: book.items.iter().cloned().map(Into::into).collect(),
        categories: book.categories.iter().cloned().map(Into::into).collect(),
        lines,
        version,
    };
    // The tag counts grades alone, so that it can't answer a conditional GET.
    Ok(NotModifiedOr(IfNoneMatch::default(), view, version))
}

/// What computing anew did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recomputed {
    /// Grades that were not what homework and quizzes say.
    changed: usize,
    /// Grades that were.
    unchanged: usize,
}

/// Takes over everything that homework and quizzes of the class say now. Events have done that already: this changes something only where one was missed.
/// Locked items stay as they are.
#[utoipa::path(
    params(("id" = ClassId, Path, description = "The class.")),
    responses((status = 200, body = Recomputed), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/classes/{id}/gradebook/recompute")]
async fn recompute(
    permit: Permit<permits::GradesWrite>,
    id: IdPath<ClassId>,
    rooms: Data<Rooms>,
) -> Result<actix_web::web::Json<Recomputed>, Problem> {
    let caller = permit.caller();
    Viewer::of(&rooms.platform, caller).await?.keep(*id).await?;
    let mut done = Recomputed { changed: 0, unchanged: 0 };
    for source in sources_of(&rooms.platform, caller.school_id, *id).await? {
        let synced = feed::sync(&rooms.platform, caller.school_id, source, None).await?;
        done.changed += synced.changed;
        done.unchanged += synced.unchanged;
    }
    Ok(actix_web::web::Json(done))
}
