//! A class's grade book: everybody's grades and totals.

use actix_web::get;
use actix_web::web::Data;
use domain::{ClassId, StudentId, TermId, Version};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, IdPath, Params, Permit, Problem, Versioned, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::access::Viewer;
use super::concerns::{Aim, Concern, aim, concerns};
use super::sheets::GradeView;
use super::totals::{Reckoner, TotalsView};
use crate::model::rank::places;
use crate::model::total::Viewpoint;
use crate::store::{book, grades_of, targets};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show);
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
    /// What the student is to reach; null if no target was set.
    target: Option<Aim>,
    /// The grades that fall short of the target, or of effort.
    concerns: Vec<Concern>,
    /// The student's place in the class by the overall percentage, from 1; who has the same shares it. Null without a total.
    rank: Option<usize>,
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
    pub(super) term_id: Option<TermId>,
}

/// A class's grade book: what was acknowledged a moment ago is in it.
///
/// Of the whole year it has the totals of each term too. Nothing is rounded on the way to a total; a percentage is rounded once, to two decimals, half up, and
/// its letter goes by what is shown. Marks of quizzes are kept to a hundredth.
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
) -> Result<Versioned<BookView>, Problem> {
    let caller = permit.caller();
    Viewer::of(&rooms.platform, caller).await?.keep(*id).await?;
    let grades = grades_of(&rooms.platform, caller.school_id, *id).await?;
    let book = book(&rooms.platform, caller.school_id, *id, params.term_id).await?;
    let targets = targets(&rooms.platform, caller.school_id, *id).await?;
    let reckoner = Reckoner::of(&book);
    let totals: Vec<TotalsView> =
        book.pupils.iter().map(|pupil| reckoner.of_student(&grades, pupil.student_id, Viewpoint::Teacher)).collect();
    let places = places(&totals.iter().map(TotalsView::percent).collect::<Vec<_>>());
    let line = |((pupil, totals), rank): ((&crate::store::Pupil, TotalsView), Option<usize>)| BookLine {
        student_id: pupil.student_id,
        student_name: pupil.name.clone(),
        grades: book.items.iter().filter_map(|item| grades.get(item.id.into(), pupil.student_id)).map(GradeView::from).collect(),
        target: aim(targets.get(&pupil.student_id).copied(), Some(&totals)),
        concerns: concerns(&book, book.items.iter(), &grades, pupil.student_id, targets.get(&pupil.student_id).copied()),
        totals,
        rank,
    };
    let version = grades.version(|_| true);
    let lines = book.pupils.iter().zip(totals).zip(places).map(line).collect();
    let view = BookView {
        class_id: *id,
        term_id: params.term_id,
        items: book.items.iter().cloned().map(Into::into).collect(),
        categories: book.categories.iter().cloned().map(Into::into).collect(),
        lines,
        version,
    };
    // The tag counts grades alone, so that it can't answer a conditional GET.
    Ok(Versioned(view, version))
}
