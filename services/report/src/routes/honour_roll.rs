//! The honour roll of a class.

use actix_web::get;
use actix_web::web::{Data, Json};
use domain::{ClassId, HonourRuleId, StudentId, TermId};
use records::rows;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, IdPath, Params, Permit, Problem, permits};
use store::entity::honour_rules;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::access::Viewer;
use super::honour_rules::HonourRuleView;
use super::totals::Reckoner;
use crate::model::honour::HonourRule;
use crate::model::rank::places;
use crate::model::total::Viewpoint;
use crate::store::{book, grades_of, reading};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show);
}

/// Somebody on the roll.
#[derive(Debug, Serialize, ToSchema)]
pub struct HonourLine {
    /// The student.
    student_id: StudentId,
    /// The student's name.
    student_name: String,
    /// The average, in percent, as it is in the grade book.
    #[serde(with = "super::number")]
    #[schema(value_type = f64)]
    percent: Decimal,
    /// What the class's scale calls it; null without one.
    letter: Option<String>,
    /// The place on the roll, from 1; who has the same average shares it, and the next is left out.
    rank: usize,
}

/// An honour roll.
#[derive(Debug, Serialize, ToSchema)]
pub struct HonourRoll {
    /// The class.
    class_id: ClassId,
    /// The term that it is of; null: the whole year.
    term_id: Option<TermId>,
    /// What it took.
    rule: HonourRuleView,
    /// How many were looked at.
    students: usize,
    /// Who is on it, by place and name.
    lines: Vec<HonourLine>,
}

/// Which roll.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RollOf {
    /// By this rule.
    #[param(inline)]
    rule_id: HonourRuleId,
    /// Of this term; left out: the whole year.
    #[param(inline)]
    term_id: Option<TermId>,
}

/// The honour roll of a class: who reaches a rule's average with no grade below its least
///
/// Made of the same totals as the grade book when it is asked for, hidden items included. A result counts unless the student is exempt, it was excluded or
/// dropped, or it is extra work.
#[utoipa::path(
    params(("id" = ClassId, Path, description = "The class."), RollOf),
    responses((status = 200, body = HonourRoll), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/classes/{id}/honour-roll")]
async fn show(
    permit: Permit<permits::GradesWrite>,
    id: IdPath<ClassId>,
    rooms: Data<Rooms>,
    params: Params<RollOf>,
) -> Result<Json<HonourRoll>, Problem> {
    let (caller, platform) = (permit.caller(), &rooms.platform);
    Viewer::of(platform, caller).await?.keep(*id).await?;
    let row = rows::find::<honour_rules::Entity>(&reading(platform, caller.school_id).await?, params.rule_id.as_uuid()).await?;
    let rule = HonourRule {
        min_average: row.min_average,
        min_grade: row.min_grade,
        min_results: usize::try_from(row.min_results).map_err(Problem::internal)?,
    };
    let grades = grades_of(platform, caller.school_id, *id).await?;
    let book = book(platform, caller.school_id, *id, params.term_id).await?;
    let reckoner = Reckoner::of(&book);
    let mut honoured = Vec::new();
    for pupil in &book.pupils {
        let totals = reckoner.of_student(&grades, pupil.student_id, Viewpoint::Teacher);
        let results = reckoner.counted(&grades, pupil.student_id, &totals);
        if let Some(percent) = totals.percent().filter(|percent| rule.honours(Some(*percent), &results)) {
            honoured.push((pupil, percent, totals.overall().1));
        }
    }
    let ranks = places(&honoured.iter().map(|(_, percent, _)| Some(*percent)).collect::<Vec<_>>());
    let mut lines: Vec<HonourLine> = honoured
        .into_iter()
        .zip(ranks)
        .filter_map(|((pupil, percent, letter), rank)| {
            let (student_id, student_name) = (pupil.student_id, pupil.name.clone());
            Some(HonourLine { student_id, student_name, percent, letter, rank: rank? })
        })
        .collect();
    // Pupils come by name, and the sort keeps that among those who share a place.
    lines.sort_by_key(|line| line.rank);
    Ok(Json(HonourRoll { class_id: *id, term_id: params.term_id, rule: row.into(), students: book.pupils.len(), lines }))
}
