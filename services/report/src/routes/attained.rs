//! What was learnt: of one student, and of a class at a glance.

use actix_web::get;
use actix_web::web::{Data, Json};
use domain::{ClassId, GradeItemId, OutcomeId, StudentId};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use service_kit::{CommonProblems, IdPath, Params, Permit, Problem, permits};
use store::entity::grade_items;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::access::Viewer;
use crate::model::outcome::Attainment;
use crate::store::{Book, Family, Outcome, Shown, book_in, shown, snapshot};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(of_student).service(of_class);
}

/// What the levels that a student has shown come to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AttainmentView {
    /// By the outcome's calculation, two decimals, half rounded up.
    #[serde(with = "super::number")]
    #[schema(value_type = f64)]
    value: Decimal,
    /// The highest level that it has reached; 1 is the lowest.
    level: u8,
    /// What that is called.
    level_name: Option<String>,
    /// Whether it has reached the level from which on the outcome is mastered.
    is_mastered: bool,
}

fn view(outcome: &Outcome, attained: Attainment) -> AttainmentView {
    AttainmentView {
        value: attained.shown(),
        level: attained.level(),
        level_name: outcome.level_name(attained.level()).map(str::to_owned),
        is_mastered: attained.reaches(outcome.mastery_level),
    }
}

/// The items of `book` that show the outcome and that `counts` lets count, in the order of the days on which they were due.
fn items_of<'b>(book: &'b Book, outcome: &Outcome, counts: impl Fn(&grade_items::Model) -> bool) -> Vec<&'b grade_items::Model> {
    let mut items: Vec<&grade_items::Model> =
        book.items.iter().filter(|item| outcome.items.contains(&item.id.into()) && counts(item)).collect();
    items.sort_by_key(|item| (item.due_on.unwrap_or_else(|| item.created_at.date_naive()), item.created_at, item.id));
    items
}

fn attained(outcome: &Outcome, items: &[&grade_items::Model], shown: &Shown, student: StudentId) -> Option<Attainment> {
    let levels: Vec<u8> = items.iter().filter_map(|item| shown.level(outcome.id, item.id.into(), student)).collect();
    Attainment::from(&levels, outcome.calculation)
}

/// The level that a student has shown in an item.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShownLevel {
    /// The item.
    item_id: GradeItemId,
    /// What that is called.
    item_name: String,
    /// The level; 1 is the lowest.
    level: u8,
    /// What that is called.
    level_name: Option<String>,
}

/// What a student has learnt of an outcome.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StudentOutcome {
    /// The class.
    class_id: ClassId,
    /// The outcome.
    outcome_id: OutcomeId,
    /// What it is called.
    name: String,
    /// What the levels come to; null: not assessed.
    attained: Option<AttainmentView>,
    /// What was shown in which item, in the order of the days on which they were due.
    results: Vec<ShownLevel>,
}

/// Which outcomes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OutcomesOf {
    /// In this class only.
    #[param(inline)]
    class_id: Option<ClassId>,
}

/// What a student has learnt, outcome by outcome: one's own, a child's, or that of a student whom the caller teaches. To students and parents without items that
/// are hidden from them.
#[utoipa::path(
    params(("id" = StudentId, Path, description = "The student."), OutcomesOf),
    responses((status = 200, body = Vec<StudentOutcome>), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/students/{id}/outcomes")]
async fn of_student(
    permit: Permit<permits::GradesRead>,
    id: IdPath<StudentId>,
    rooms: Data<Rooms>,
    params: Params<OutcomesOf>,
) -> Result<Json<Vec<StudentOutcome>>, Problem> {
    let (caller, platform) = (permit.caller(), &rooms.platform);
    let viewer = Viewer::of(platform, caller).await?;
    let (_, classes) = viewer.student(*id).await?;
    if params.class_id.is_some_and(|class| !classes.contains(&class)) {
        return Err(Problem::not_found("class"));
    }
    let family = viewer.stands_for(*id).then(|| Family { student: *id, is_parent: viewer.is_parent(), now: platform.clock().now() });
    let mut all = Vec::new();
    let mut snapshot = snapshot(platform, caller.school_id).await?;
    for class_id in classes.into_iter().filter(|class| params.class_id.is_none_or(|asked| asked == *class)) {
        let shown = shown(&mut snapshot, class_id).await?;
        if shown.outcomes.is_empty() {
            continue;
        }
        let book = book_in(&mut snapshot, class_id, None, family).await?;
        for outcome in &shown.outcomes {
            let items = items_of(&book, outcome, |item| family.is_none() || book.is_shown(item));
            let level = |item: &&grade_items::Model| {
                let level = shown.level(outcome.id, item.id.into(), *id)?;
                let level_name = outcome.level_name(level).map(str::to_owned);
                Some(ShownLevel { item_id: item.id.into(), item_name: item.name.clone(), level, level_name })
            };
            all.push(StudentOutcome {
                class_id,
                outcome_id: outcome.id,
                name: outcome.name.clone(),
                attained: attained(outcome, &items, &shown, *id).map(|attained| view(outcome, attained)),
                results: items.iter().filter_map(level).collect(),
            });
        }
    }
    Ok(Json(all))
}

/// How a class stands with an outcome.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClassOutcome {
    /// The outcome.
    outcome_id: OutcomeId,
    /// What it is called.
    name: String,
    /// The names of its levels, from the lowest, which is 1.
    levels: Vec<String>,
    /// From which level on it is mastered.
    mastery_level: u8,
    /// How many items show it.
    items: usize,
    /// How many students were assessed.
    assessed: usize,
    /// How many of them have mastered it.
    mastered: usize,
    /// How many have reached which level and no higher one, from the lowest.
    distribution: Vec<usize>,
    /// The mean of what they have attained, two decimals, half rounded up; null: nobody was assessed.
    #[serde(with = "super::number::option")]
    #[schema(value_type = Option<f64>)]
    mean: Option<Decimal>,
}

/// What somebody has attained of an outcome.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AttainedOutcome {
    /// The outcome.
    outcome_id: OutcomeId,
    /// What the levels come to.
    #[serde(flatten)]
    attained: AttainmentView,
}

/// A line of the overview.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OutcomeLine {
    /// The student.
    student_id: StudentId,
    /// The student's name.
    student_name: String,
    /// What they were assessed for.
    attained: Vec<AttainedOutcome>,
}

/// How a class stands with its outcomes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OutcomeOverview {
    /// The class.
    class_id: ClassId,
    /// The outcomes that its items show, by name.
    outcomes: Vec<ClassOutcome>,
    /// Everybody who is or was in the class, by name.
    lines: Vec<OutcomeLine>,
}

/// How a class stands with its outcomes: for each how many have reached which level, and what every student has attained.
#[utoipa::path(
    params(("id" = ClassId, Path, description = "The class.")),
    responses((status = 200, body = OutcomeOverview), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/classes/{id}/outcomes")]
async fn of_class(permit: Permit<permits::GradesWrite>, id: IdPath<ClassId>, rooms: Data<Rooms>) -> Result<Json<OutcomeOverview>, Problem> {
    let (caller, platform) = (permit.caller(), &rooms.platform);
    Viewer::of(platform, caller).await?.keep(*id).await?;
    // Levels and the items that they were shown in: of one moment.
    let mut snapshot = snapshot(platform, caller.school_id).await?;
    let shown = shown(&mut snapshot, *id).await?;
    let book = book_in(&mut snapshot, *id, None, None).await?;
    let mut lines: Vec<OutcomeLine> = book
        .pupils
        .iter()
        .map(|pupil| OutcomeLine { student_id: pupil.student_id, student_name: pupil.name.clone(), attained: Vec::new() })
        .collect();
    let mut outcomes = Vec::with_capacity(shown.outcomes.len());
    for outcome in &shown.outcomes {
        let items = items_of(&book, outcome, |_| true);
        let mut all = Vec::new();
        for line in &mut lines {
            if let Some(attained) = attained(outcome, &items, &shown, line.student_id) {
                line.attained.push(AttainedOutcome { outcome_id: outcome.id, attained: view(outcome, attained) });
                all.push(attained);
            }
        }
        outcomes.push(overview(outcome, items.len(), &all));
    }
    Ok(Json(OutcomeOverview { class_id: *id, outcomes, lines }))
}

fn overview(outcome: &Outcome, items: usize, all: &[Attainment]) -> ClassOutcome {
    let at = |level: usize| all.iter().filter(|attained| usize::from(attained.level()) == level).count();
    let sum: Decimal = all.iter().map(|attained| attained.exact()).sum();
    let mean = sum.checked_div(Decimal::from(all.len()));
    ClassOutcome {
        outcome_id: outcome.id,
        name: outcome.name.clone(),
        levels: outcome.levels.clone(),
        mastery_level: outcome.mastery_level,
        items,
        assessed: all.len(),
        mastered: all.iter().filter(|attained| attained.reaches(outcome.mastery_level)).count(),
        distribution: (1..=outcome.levels.len()).map(at).collect(),
        mean: mean.map(|mean| mean.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)),
    }
}
