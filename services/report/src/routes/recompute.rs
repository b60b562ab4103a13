//! Computing a class's grades anew from homework and quizzes.

use actix_web::post;
use actix_web::web::Data;
use domain::{ClassId, GradeItemId, SchoolId, Timestamp, Version};
use serde::Serialize;
use service_kit::{CommonProblems, EditProblems, IdPath, IfMatch, Permit, Platform, Problem, Versioned, permits};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::access::Viewer;
use super::writing::{MOST, Part, Wanted, write};
use crate::feed::fed_item;
use crate::model::feeding::taken_over;
use crate::model::grade::Grade;
use crate::store::{Book, Fed, Grades, fed_by, grades_of, is_locked, sources_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(recompute);
}

/// What computing anew did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recomputed {
    /// Grades that were not what homework and quizzes say.
    changed: usize,
    /// Grades that were.
    unchanged: usize,
    /// The book's version afterwards; the `ETag` is this number as `"v3"`.
    version: Version,
}

/// Takes over everything that homework and quizzes of the class say now.
///
/// Events have done that already: this changes something only where one was missed. Locked items stay as they are. All of it is one step on the version that was
/// read: of two who do this at once, or of this and a teacher who grades, one is told with 412. Where more than 1,000 grades change it takes several steps, each on
/// what the one before left; then a 412 may leave some of them done, and asking again does the rest.
#[utoipa::path(
    params(
        ("id" = ClassId, Path, description = "The class."),
        ("If-Match" = String, Header, description = "The book's `ETag` that was read."),
    ),
    responses((status = 200, body = Recomputed), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/classes/{id}/gradebook/recompute")]
async fn recompute(
    permit: Permit<permits::GradesWrite>,
    id: IdPath<ClassId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<Versioned<Recomputed>, Problem> {
    let (caller, platform) = (permit.caller(), &rooms.platform);
    Viewer::of(platform, caller).await?.keep(*id).await?;
    seen.require(grades_of(platform, caller.school_id, *id).await?.version(|_| true))?;
    let fed = fed_to(platform, caller.school_id, *id).await?;
    let (mut seen, mut changed) = (seen, 0);
    loop {
        // What was read of the sources may be old by the time that it is written. Whoever wrote newer grades meanwhile has moved the version on, which is told.
        let written = write(platform, caller, *id, Part::Book, |book, grades, now| {
            seen.require(grades.version(|_| true))?;
            Ok(due(&fed, book, grades, *id, now))
        })
        .await?;
        changed += written;
        if written < MOST {
            break;
        }
        seen = IfMatch(further(seen.0, written)?);
    }
    let version = grades_of(platform, caller.school_id, *id).await?.version(|_| true);
    Ok(Versioned(Recomputed { changed, unchanged: fed.len().saturating_sub(changed), version }, version))
}

/// What everybody has at the sources of the class, item by item; of those that take nothing now, nothing.
async fn fed_to(platform: &Platform, school: SchoolId, class: ClassId) -> Result<Vec<(GradeItemId, Fed)>, Problem> {
    let mut all = Vec::new();
    for source in sources_of(platform, school, class).await? {
        if let Some(item) = fed_item(platform, school, source).await? {
            let of_item = fed_by(platform, school, source, None).await?;
            all.extend(of_item.into_iter().map(|fed| (GradeItemId::from_uuid(item.id), fed)));
        }
    }
    Ok(all)
}

/// The grades that don't say what their sources do, as many as one step takes.
fn due(fed: &[(GradeItemId, Fed)], book: &Book, grades: &Grades, class: ClassId, now: Timestamp) -> Vec<Wanted> {
    let wanted = |(item, fed): &(GradeItemId, Fed)| {
        book.item(*item).filter(|item| !is_locked(item, now))?;
        let before = grades.get(*item, fed.student_id).map(Grade::figures);
        let figures = taken_over(before.as_ref(), fed.points)?;
        Some(Wanted { item: *item, class, student: fed.student_id, figures, is_fed: true })
    };
    fed.iter().filter_map(wanted).take(MOST).collect()
}

/// The version of a book that `written` more grades have changed in.
fn further(version: Version, written: usize) -> Result<Version, Problem> {
    let by = i32::try_from(written).map_err(Problem::internal)?;
    Version::try_from(version.get().saturating_add(by)).map_err(Problem::internal)
}
