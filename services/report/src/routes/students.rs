//! A student's grades: as the student and the parents see them, or as a teacher or the office does.

use actix_web::get;
use actix_web::web::Data;
use chrono::NaiveDate;
use domain::{ClassId, GradeItemId, Points, StudentId, TermId};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, IdPath, Params, Permit, Problem, permits};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::access::Viewer;
use super::concerns::{Aim, Concern, aim, concerns};
use super::sheets::GradeView;
use super::totals::{Reckoner, TotalsView};
use crate::model::total::Viewpoint;
use crate::store::{Family, book_for, grades_of, points, target};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show);
}

/// An item and what the student got for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct StudentGrade {
    /// The item.
    item_id: GradeItemId,
    /// What it is called.
    name: String,
    /// The marks that it is worth.
    max_points: Option<Points>,
    /// The day on which it is due.
    due_on: Option<NaiveDate>,
    /// Whether it only adds.
    is_extra_credit: bool,
    /// The grade; null if nothing was said yet.
    grade: Option<GradeView>,
}

/// A student's grades in a class.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClassGrades {
    /// The class.
    class_id: ClassId,
    /// Its items, in the order in which they were added.
    grades: Vec<StudentGrade>,
    /// What the student is to reach; null if no target was set, and to students and parents where the class doesn't show it.
    target: Option<Aim>,
    /// The grades that fall short of the target, or of effort; empty to students and parents where the class doesn't show it.
    concerns: Vec<Concern>,
    /// What they add up to; null to students and parents where the class doesn't show it. Without what is hidden from them.
    totals: Option<TotalsView>,
}

/// A student's grades.
#[derive(Debug, Serialize, ToSchema)]
pub struct StudentGrades {
    /// The student.
    student_id: StudentId,
    /// By class.
    classes: Vec<ClassGrades>,
}

/// Which of a student's grades.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GradesOf {
    /// In this class only.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// Of this term only.
    #[param(inline)]
    term_id: Option<TermId>,
}

/// A student's grades: one's own, a child's, or those of a student whom the caller teaches, in the classes that they teach.
///
/// To students and parents without what is hidden, and without the marks of quizzes that are not shown to them yet, in grades as in totals.
#[utoipa::path(
    params(("id" = StudentId, Path, description = "The student."), GradesOf),
    responses((status = 200, body = StudentGrades), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/students/{id}/grades")]
async fn show(
    permit: Permit<permits::GradesRead>,
    id: IdPath<StudentId>,
    rooms: Data<Rooms>,
    params: Params<GradesOf>,
) -> Result<actix_web::web::Json<StudentGrades>, Problem> {
    let (caller, platform) = (permit.caller(), &rooms.platform);
    let viewer = Viewer::of(platform, caller).await?;
    let (_, mut classes) = viewer.student(*id).await?;
    if let Some(class) = params.class_id {
        if !classes.contains(&class) {
            return Err(Problem::not_found("class"));
        }
        classes = vec![class];
    }
    let viewpoint = if viewer.stands_for(*id) { Viewpoint::Student } else { Viewpoint::Teacher };
    let family = viewer.stands_for(*id).then(|| Family { student: *id, is_parent: viewer.is_parent(), now: platform.clock().now() });
    let mut shown = Vec::with_capacity(classes.len());
    for class in classes {
        let grades = grades_of(platform, caller.school_id, class).await?;
        let book = book_for(platform, caller.school_id, class, params.term_id, family).await?;
        let target = target(platform, caller.school_id, class, *id).await?;
        let items = || book.items.iter().filter(|item| viewpoint == Viewpoint::Teacher || book.is_shown(item));
        let (shows_effort, shows_targets) =
            (viewpoint == Viewpoint::Teacher || book.shows_effort, viewpoint == Viewpoint::Teacher || book.shows_targets);
        let grade = |item: &store::entity::grade_items::Model| StudentGrade {
            item_id: item.id.into(),
            name: item.name.clone(),
            max_points: points(item.max_points),
            due_on: item.due_on,
            is_extra_credit: item.is_extra_credit,
            grade: grades.get(item.id.into(), *id).map(|grade| GradeView::from(grade).with_effort(shows_effort)),
        };
        let totals =
            (viewpoint == Viewpoint::Teacher || book.shows_totals).then(|| Reckoner::of(&book).of_student(&grades, *id, viewpoint));
        let concerns = if shows_targets { concerns(&book, items(), &grades, *id, target) } else { Vec::new() };
        shown.push(ClassGrades {
            class_id: class,
            grades: items().map(grade).collect(),
            target: aim(target, totals.as_ref()).filter(|_| shows_targets),
            // Whether effort is little tells what it was.
            concerns: concerns.into_iter().filter_map(|concern| concern.told(shows_effort)).collect(),
            totals,
        });
    }
    Ok(actix_web::web::Json(StudentGrades { student_id: *id, classes: shown }))
}
