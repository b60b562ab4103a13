//! An item's sheet: the grades of the whole class for one item.

use std::collections::HashSet;

use actix_web::web::Data;
use actix_web::{get, put};
use chrono::{DateTime, Utc};
use domain::{ClassId, Fault, GradeId, GradeItemId, Points, StudentId, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, EditProblems, IdPath, IfMatch, Permit, Problem, Versioned, permits};
use store::entity::grade_items;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::access::Viewer;
use super::writing::{GradeEdit, Part, Wanted, open_item, write};
use crate::model::grade::Grade;
use crate::store::{Book, Grades, book, grades_of, item};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show).service(mark);
}

/// A student's grade for an item.
#[derive(Debug, Serialize, ToSchema)]
pub struct GradeView {
    /// Its id.
    id: GradeId,
    /// What was graded.
    item_id: GradeItemId,
    /// Whose it is.
    student_id: StudentId,
    /// Marks; null: not graded, which is not zero.
    points: Option<Points>,
    /// Marks that stand in for them.
    override_points: Option<Points>,
    /// Left out of all totals.
    is_excluded: bool,
    /// The student need not do it.
    is_exempt: bool,
    /// Not handed in: counts as zero until there are marks.
    is_missing: bool,
    /// What the teacher says about it.
    comment: Option<String>,
    /// What the student put into it, from 1 to 5, the most; null: nothing was said, or it is not shown.
    effort: Option<u8>,
    /// Who graded it; null for what came from homework or a quiz.
    graded_by: Option<UserId>,
    /// When.
    graded_at: Option<DateTime<Utc>>,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
}

impl From<&Grade> for GradeView {
    fn from(row: &Grade) -> Self {
        Self {
            id: row.id,
            item_id: row.item_id,
            student_id: row.student_id,
            points: row.points,
            override_points: row.override_points,
            is_excluded: row.is_excluded,
            is_exempt: row.is_exempt,
            is_missing: row.is_missing,
            comment: row.comment.clone(),
            effort: row.effort,
            graded_by: row.graded_by,
            graded_at: row.graded_at,
            version: row.version,
        }
    }
}

impl GradeView {
    /// The same, without what is said of effort unless that `is_shown`.
    pub(super) fn with_effort(self, is_shown: bool) -> Self {
        Self { effort: self.effort.filter(|_| is_shown), ..self }
    }
}

/// A line of the sheet.
#[derive(Debug, Serialize, ToSchema)]
pub struct SheetLine {
    /// The student.
    student_id: StudentId,
    /// The student's name.
    student_name: String,
    /// The grade; null if nothing was ever said.
    grade: Option<GradeView>,
}

/// The grades of a class for one item.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sheet {
    /// The item.
    item_id: GradeItemId,
    /// Its class.
    class_id: ClassId,
    /// Everybody who is or was in the class, by name.
    lines: Vec<SheetLine>,
    /// One more with each grade that changes; the `ETag` is this number as `"v3"`.
    version: Version,
}

fn sheet(item: &grade_items::Model, book: &Book, grades: &Grades) -> (Sheet, Version) {
    let id = GradeItemId::from_uuid(item.id);
    let line = |pupil: &crate::store::Pupil| SheetLine {
        student_id: pupil.student_id,
        student_name: pupil.name.clone(),
        grade: grades.get(id, pupil.student_id).map(GradeView::from),
    };
    let version = grades.version(|grade| grade.item_id == id);
    (Sheet { item_id: id, class_id: item.class_id.into(), lines: book.pupils.iter().map(line).collect(), version }, version)
}

/// The sheet of an item: everybody who is or was in the class, whether graded or not.
#[utoipa::path(
    params(("id" = GradeItemId, Path, description = "The item.")),
    responses((status = 200, body = Sheet), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/grade-items/{id}/grades")]
async fn show(permit: Permit<permits::GradesWrite>, id: IdPath<GradeItemId>, rooms: Data<Rooms>) -> Result<Versioned<Sheet>, Problem> {
    let caller = permit.caller();
    let viewer = Viewer::of(&rooms.platform, caller).await?;
    let item = item(&rooms.platform, caller.school_id, *id).await?.filter(|item| viewer.keeps(item.class_id.into()));
    let item = item.ok_or_else(|| Problem::not_found("grade item"))?;
    let grades = grades_of(&rooms.platform, caller.school_id, item.class_id.into()).await?;
    let book = book(&rooms.platform, caller.school_id, item.class_id.into(), None).await?;
    // No conditional GET: the tag counts grades alone, and who is in the class is on the sheet too.
    let (sheet, version) = sheet(&item, &book, &grades);
    Ok(Versioned(sheet, version))
}

/// What is said of one student.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The student: one of the class.
    student_id: StudentId,
    /// What is said.
    grade: GradeEdit,
}

/// Grades of a class for one item.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// At most one for each student; who isn't named stays as they are.
    #[schema(min_items = 1, max_items = 500)]
    grades: Vec<Entry>,
}

/// Grades a class, all of it or nothing; what is wrong is told for every line at once.
///
/// A sheet is changed as a whole: of two teachers who saw the same version of it one is told with 412, and nothing of theirs is written, even if they grade different
/// students.
#[utoipa::path(
    request_body = Marks,
    params(("id" = GradeItemId, Path, description = "The item."), ("If-Match" = String, Header, description = "The sheet's `ETag` that was read.")),
    responses((status = 200, body = Sheet), (status = 409, description = "The item is locked."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[put("/api/v1/grade-items/{id}/grades")]
async fn mark(
    permit: Permit<permits::GradesWrite>,
    id: IdPath<GradeItemId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<Marks>,
) -> Result<Versioned<Sheet>, Problem> {
    let (caller, platform) = (permit.caller(), &rooms.platform);
    let viewer = Viewer::of(platform, caller).await?;
    let item = item(platform, caller.school_id, *id).await?.filter(|item| viewer.keeps(item.class_id.into()));
    let item = item.ok_or_else(|| Problem::not_found("grade item"))?;
    let class = ClassId::from_uuid(item.class_id);
    write(platform, caller, class, Part::Sheet(*id), |book, grades, now| {
        let item = open_item(book.item(*id), now)?;
        seen.require(grades.version(|grade| grade.item_id == *id))?;
        let pupils: HashSet<StudentId> = book.pupils.iter().map(|pupil| pupil.student_id).collect();
        wanted(&body.grades, item, &pupils, grades)
    })
    .await?;
    let book = book(platform, caller.school_id, class, None).await?;
    let grades = grades_of(platform, caller.school_id, class).await?;
    let (sheet, version) = sheet(&item, &book, &grades);
    Ok(Versioned(sheet, version))
}

/// The most lines of one request.
const LINES: usize = 500;

/// What `entries` make of the item's grades, or everything that is wrong with them.
fn wanted(entries: &[Entry], item: &grade_items::Model, pupils: &HashSet<StudentId>, grades: &Grades) -> Result<Vec<Wanted>, Problem> {
    if !(1..=LINES).contains(&entries.len()) {
        return Err(Problem::invalid(vec![Fault::new("/grades", format!("must be from 1 to {LINES} lines"))]));
    }
    let (id, class) = (GradeItemId::from_uuid(item.id), ClassId::from_uuid(item.class_id));
    let (mut faults, mut named, mut wanted) = (Vec::new(), HashSet::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let at = format!("/grades/{index}");
        if !pupils.contains(&entry.student_id) {
            faults.push(Fault::new(format!("{at}/student_id"), "is not in this class"));
        } else if !named.insert(entry.student_id) {
            faults.push(Fault::new(format!("{at}/student_id"), "is named twice"));
        }
        faults.extend(entry.grade.faults(item, &format!("{at}/grade")));
        let before = grades.get(id, entry.student_id).map(Grade::figures).unwrap_or_default();
        wanted.push(Wanted { item: id, class, student: entry.student_id, figures: entry.grade.applied_to(&before), is_fed: false });
    }
    if faults.is_empty() { Ok(wanted) } else { Err(Problem::invalid(faults)) }
}
