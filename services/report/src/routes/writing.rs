//! Writing grades: whose they may be, what they may say, and all of a sheet or nothing.

use std::collections::HashMap;
use std::time::Duration;

use domain::{ClassId, Fault, GradeItemId, Points, ServiceName, StudentId, Text, Timestamp};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Deserialize;
use service_kit::{Caller, Platform, Problem};
use store::entity::grade_items;
use utoipa::ToSchema;
use write_behind::{Absence, Operation, ReadError};

use super::locking::locked;
use crate::feed::{TRIES, pause, with_change};
use crate::model::grade::{Figures, Grade, MOST_EFFORT, decimal};
use crate::store::{Book, Grades, Seat, book, grades_to_write, is_locked, items_of, look_for_grade, submit};

/// What is said of one student. What is left out stays as it is; null takes away.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GradeEdit {
    /// Marks; null: not graded. Only for an item whose marks are typed in.
    #[serde(default)]
    #[schema(value_type = Option<Points>)]
    pub(super) points: domain::Patch<Points>,
    /// Marks that stand in for them.
    #[serde(default)]
    #[schema(value_type = Option<Points>)]
    pub(super) override_points: domain::Patch<Points>,
    /// Left out of all totals, and still shown.
    pub(super) is_excluded: Option<bool>,
    /// The student need not do it.
    pub(super) is_exempt: Option<bool>,
    /// Not handed in: counts as zero until there are marks.
    pub(super) is_missing: Option<bool>,
    /// What the teacher says about it.
    #[serde(default)]
    #[schema(value_type = Option<Text<5000>>)]
    pub(super) comment: domain::Patch<Text<5000>>,
    /// What the student put into it, 5 is the most; no part of any total.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 5)]
    pub(super) effort: domain::Patch<u8>,
}

impl GradeEdit {
    /// What a grade that says `before` says after it.
    pub(super) fn applied_to(&self, before: &Figures) -> Figures {
        let comment = match &self.comment {
            domain::Patch::Keep => before.comment.clone(),
            domain::Patch::Clear => None,
            domain::Patch::Set(text) => Some(text.as_str().to_owned()),
        };
        Figures {
            points: self.points.clone().apply(before.points),
            override_points: self.override_points.clone().apply(before.override_points),
            is_excluded: self.is_excluded.unwrap_or(before.is_excluded),
            is_exempt: self.is_exempt.unwrap_or(before.is_exempt),
            is_missing: self.is_missing.unwrap_or(before.is_missing),
            comment,
            effort: self.effort.clone().apply(before.effort),
        }
    }

    /// What is wrong with it for `item`, each at its place below `at`.
    pub(super) fn faults(&self, item: &grade_items::Model, at: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        if item.source_kind != "manual" && !matches!(self.points, domain::Patch::Keep) {
            let detail = format!("come from the {} that feeds this item; use override_points", item.source_kind);
            faults.push(Fault::new(format!("{at}/points"), detail));
        }
        let mut over = |points: &domain::Patch<Points>, name: &str| {
            if let domain::Patch::Set(points) = points
                && !item.is_extra_credit
                && decimal(*points) > item.max_points
            {
                faults.push(Fault::new(format!("{at}/{name}"), format!("must be at most {}", item.max_points.normalize())));
            }
        };
        over(&self.points, "points");
        over(&self.override_points, "override_points");
        if let domain::Patch::Set(effort) = self.effort
            && !(1..=MOST_EFFORT).contains(&effort)
        {
            faults.push(Fault::new(format!("{at}/effort"), format!("must be from 1 to {MOST_EFFORT}")));
        }
        faults
    }
}

/// The item, if its grades may be written at `now`.
pub(super) fn open_item(item: Option<&grade_items::Model>, now: Timestamp) -> Result<&grade_items::Model, Problem> {
    let item = item.ok_or_else(|| Problem::not_found("grade item"))?;
    if is_locked(item, now) { Err(locked()) } else { Ok(item) }
}

/// A grade that is to say `figures`.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) item: GradeItemId,
    pub(super) class: ClassId,
    pub(super) student: StudentId,
    pub(super) figures: Figures,
    /// Whether homework or a quiz says so, rather than the caller.
    pub(super) is_fed: bool,
}

impl Wanted {
    /// Whether it would change anything.
    pub(super) fn differs(&self, grades: &Grades) -> bool {
        grades.get(self.item, self.student).map(Grade::figures).unwrap_or_default() != self.figures
    }
}

/// The most grades that one request changes: they are written as one step, which others wait for.
pub(super) const MOST: usize = 1_000;

/// How many rows are looked for at once.
const AT_ONCE: usize = 8;

/// Which grades are written, and whose version the caller's `If-Match` is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// Those of one item: its sheet.
    Sheet(GradeItemId),
    /// Those of any item of the class: its book.
    Book,
}

/// Writes all that `wanted` makes of a class's present book and grades, or nothing; how many changed. `wanted` compares the caller's `If-Match` with the grades that
/// it is shown, and is asked again when somebody else got in between, so that nobody is refused for what did not concern them. What it is shown still holds when its
/// answer is written (see [`Seat`]): of those who saw one version of a sheet, or of a book, one writes.
pub(super) async fn write(
    platform: &Platform,
    caller: &Caller,
    class: ClassId,
    part: Part,
    wanted: impl Fn(&Book, &Grades, Timestamp) -> Result<Vec<Wanted>, Problem>,
) -> Result<usize, Problem> {
    let school = caller.school_id;
    for turn in 0..TRIES {
        pause(turn).await;
        let items = match part {
            Part::Sheet(item) => vec![item],
            Part::Book => items_of(platform, school, class).await?,
        };
        let take = |item: GradeItemId| async move { Ok::<_, ReadError>((item, Seat::take(platform, school, item).await?)) };
        let seats: HashMap<GradeItemId, Seat> = stream::iter(items.into_iter().map(take)).buffered(AT_ONCE).try_collect().await?;
        let book = book(platform, school, class, None).await?;
        if !agree(platform, &book, &seats, part).await? {
            continue;
        }
        let (grades, absence) = grades_to_write(platform, school, class).await?;
        let now = platform.clock().now();
        let mut wanted = wanted(&book, &grades, now)?;
        wanted.retain(|wanted| wanted.differs(&grades));
        if wanted.is_empty() {
            return Ok(0);
        }
        let Some(operation) = operation(platform, caller, &grades, &absence, &wanted, now).await? else { continue };
        let operation = seats.values().fold(operation, |operation, seat| seat.moves_with(operation, now));
        if submit(platform, operation).await? {
            return Ok(wanted.len());
        }
    }
    Err(Problem::unavailable(Duration::from_secs(1), "The grades, which are being changed by others,"))
}

/// Whether the items' rules are those that the sheets know of, and no item was added since.
async fn agree(platform: &Platform, book: &Book, seats: &HashMap<GradeItemId, Seat>, part: Part) -> Result<bool, Problem> {
    for item in &book.items {
        let agrees = match (seats.get(&item.id.into()), part) {
            (Some(seat), _) => seat.agrees(platform, item).await?,
            (None, Part::Sheet(_)) => true,
            (None, Part::Book) => false,
        };
        if !agrees {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The operation that makes `grades` say what is wanted; none if they have moved on.
async fn operation(
    platform: &Platform,
    caller: &Caller,
    grades: &Grades,
    absence: &Absence,
    wanted: &[Wanted],
    now: Timestamp,
) -> Result<Option<Operation>, Problem> {
    let school = caller.school_id;
    // Puts what only PostgreSQL has into Redis, where the write looks for its version.
    let known: Vec<&Grade> = wanted.iter().filter_map(|wanted| grades.get(wanted.item, wanted.student)).collect();
    let look = |seen: &Grade| {
        let (id, version) = (seen.id, seen.version);
        async move { Ok::<_, ReadError>(look_for_grade(platform, school, id).await?.row().is_some_and(|row| row.version == version)) }
    };
    let unmoved: Vec<bool> = stream::iter(known.into_iter().map(look)).buffered(AT_ONCE).try_collect().await?;
    if unmoved.contains(&false) {
        return Ok(None);
    }
    let mut operation = Operation::new(school, ServiceName::Report);
    for Wanted { item, class, student, figures, is_fed } in wanted.iter().cloned() {
        let by = (!is_fed).then_some(caller.user_id);
        let (grade, next) = if let Some(row) = grades.get(item, student) {
            let grade = row.next(figures, by, now);
            let next = operation.update(&grade, row.version);
            (grade, next)
        } else {
            let grade = Grade::first(school, class, item, student, figures, by, now);
            let next = operation.create_absent(&grade, absence.clone());
            (grade, next)
        };
        operation = with_change(next, &grade, (!is_fed).then(|| caller.actor()))?;
    }
    Ok(Some(operation))
}
