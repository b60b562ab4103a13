//! Targets and concerns, as they stand in a line of the book and in a student's view.

use domain::{GradeItemId, StudentId};
use rust_decimal::Decimal;
use serde::Serialize;
use store::entity::grade_items;
use utoipa::ToSchema;

use super::totals::TotalsView;
use crate::model::concern::{attained, below_target, little_effort};
use crate::store::{Book, Grades};

/// What a student is to reach, and whether the total does.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Aim {
    /// Percent.
    #[serde(with = "super::number")]
    #[schema(value_type = f64)]
    percent: Decimal,
    /// Whether the overall percentage is below it; null where totals are not shown.
    is_concern: Option<bool>,
}

/// A grade that falls short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Concern {
    /// The item.
    item_id: GradeItemId,
    /// Its percentage is below the target.
    attainment: bool,
    /// The effort is below what the class's settings expect.
    effort: bool,
}

impl Concern {
    /// The same, without what is said of effort unless that `is_shown`; none if nothing is left.
    pub(super) fn told(self, is_shown: bool) -> Option<Self> {
        let told = Self { effort: self.effort && is_shown, ..self };
        (told.attainment || told.effort).then_some(told)
    }
}

/// The target of a student with these totals, if they are shown.
pub(super) fn aim(target: Option<Decimal>, totals: Option<&TotalsView>) -> Option<Aim> {
    let is_concern = |target| totals.map(|totals| below_target(totals.percent(), Some(target)));
    target.map(|target| Aim { percent: target.normalize(), is_concern: is_concern(target) })
}

/// Those of the student's grades for `items` that fall short.
pub(super) fn concerns<'i>(
    book: &Book,
    items: impl Iterator<Item = &'i grade_items::Model>,
    grades: &Grades,
    student: StudentId,
    target: Option<Decimal>,
) -> Vec<Concern> {
    let concern = |item: &grade_items::Model| {
        let grade = grades.get(item.id.into(), student)?;
        // More than is asked for can't fall short.
        let of_attainment = !item.is_extra_credit && below_target(attained(grade.outcome(), item.max_points), target);
        let of_effort = little_effort(grade.effort, book.effort_concern_below);
        (of_attainment || of_effort).then_some(Concern { item_id: item.id.into(), attainment: of_attainment, effort: of_effort })
    };
    items.filter_map(concern).collect()
}
