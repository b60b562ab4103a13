//! Writing grades: whose they may be, what they may say, and all of a sheet or nothing.

use domain::{ClassId, Fault, Points, SchoolId, ServiceName, StudentId, Text};
use serde::Deserialize;
use service_kit::{Caller, Platform, Problem};
use store::entity::grade_items;
use utoipa::ToSchema;
use write_behind::{Found, Operation, WriteError};

use super::items::locked;
use crate::feed::with_change;
use crate::model::grade::{Figures, Grade, decimal};
use crate::store::{Grades, item, look_for_grade};

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
        faults
    }
}

/// The item, if its grades may be written now. Read from PostgreSQL within the request: whoever begins after a lock was answered finds it.
pub(super) async fn open_item(platform: &Platform, school: SchoolId, id: domain::GradeItemId) -> Result<grade_items::Model, Problem> {
    let item = item(platform, school, id).await?.ok_or_else(|| Problem::not_found("grade item"))?;
    if item.locked_at.is_some() { Err(locked()) } else { Ok(item) }
}

/// A grade that is to say `figures`.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) item: domain::GradeItemId,
    pub(super) class: ClassId,
    pub(super) student: StudentId,
    pub(super) figures: Figures,
}

/// Writes all of `wanted` that says something new, or nothing; `seen` is what the caller's `If-Match` was compared with. Returns how many changed.
pub(super) async fn write(platform: &Platform, caller: &Caller, seen: &Grades, wanted: Vec<Wanted>) -> Result<usize, Problem> {
    let now = platform.clock().now();
    let mut operation = Operation::new(caller.school_id, ServiceName::Report);
    let mut changed = 0;
    for Wanted { item, class, student, figures } in wanted {
        match seen.get(item, student) {
            Some(row) if row.figures() == figures => continue,
            None if figures == Figures::default() => continue,
            Some(row) => {
                // Puts it into Redis, where the write looks for its version.
                let present = look_for_grade(platform, caller.school_id, row.id).await?;
                if present.row().is_none_or(|present| present.version != row.version) {
                    return Err(Problem::precondition_failed(seen.version(|_| true)));
                }
                let grade = row.next(figures, Some(caller.user_id), now);
                operation = with_change(operation.update(&grade, row.version), &grade, Some(caller.actor()))?;
            }
            None => {
                let grade = Grade::first(caller.school_id, class, item, student, figures, Some(caller.user_id), now);
                let Found::Absent(absence) = look_for_grade(platform, caller.school_id, grade.id).await? else {
                    return Err(Problem::precondition_failed(seen.version(|_| true)));
                };
                operation = with_change(operation.create_absent(&grade, absence), &grade, Some(caller.actor()))?;
            }
        }
        changed += 1;
    }
    if changed == 0 {
        return Ok(0);
    }
    match platform.buffer().write(platform.postgres(ServiceName::Report), operation).await {
        Ok(_) => Ok(changed),
        // Somebody else was faster: what was seen is not what is there any more.
        Err(WriteError::Conflict(_) | WriteError::Exists | WriteError::Evicted) => {
            Err(Problem::precondition_failed(seen.version(|_| true)))
        }
        Err(error) => Err(error.into()),
    }
}
