//! What a student's grades add up to, with the letters of the class's scale.

use std::collections::{HashMap, HashSet};

use domain::{GradeCategoryId, GradeItemId, StudentId, TermId};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::model::grade::Grade;
use crate::model::honour::counted;
use crate::model::share::percent;
use crate::model::total::{Outcome, Totals, Viewpoint, totals};
use crate::store::{Book, Grades, Rules};

/// A percentage and what the class's scale calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Figure {
    /// Percent of what was possible, two decimals, half rounded up. Above 100 with extra credit.
    #[serde(with = "super::number")]
    #[schema(value_type = f64)]
    percent: Decimal,
    /// The letter; null without a scale.
    letter: Option<String>,
    /// What it counts in a grade point average; null without one.
    #[serde(with = "super::number::option")]
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

/// The total of a term: of its categories, and of the items at the top that are due within it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TermTotal {
    /// The term.
    term_id: TermId,
    /// Its total; null while nothing counts.
    total: Option<Figure>,
}

/// What a student's grades add up to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TotalsView {
    /// Of all that counts; null while nothing does.
    overall: Option<Figure>,
    /// Of each category in which something counts.
    categories: Vec<CategoryTotal>,
    /// Of each term of the class's year, in their order; empty where only a term was asked for.
    terms: Vec<TermTotal>,
    /// Items and categories that drop-lowest or keep-highest left out.
    dropped: Vec<Uuid>,
}

impl TotalsView {
    /// The overall percentage.
    pub(super) fn percent(&self) -> Option<Decimal> {
        self.overall.as_ref().map(|figure| figure.percent)
    }

    /// The overall percentage and its letter, as they stand in a file.
    pub(super) fn overall(&self) -> (Option<String>, Option<String>) {
        let overall = self.overall.as_ref();
        (overall.map(|figure| figure.percent.to_string()), overall.and_then(|figure| figure.letter.clone()))
    }
}

/// Adds up a book's grades, one student after the other.
pub(super) struct Reckoner<'b> {
    book: &'b Book,
    whole: Rules,
    terms: Vec<(TermId, Rules)>,
}

impl<'b> Reckoner<'b> {
    pub(super) fn of(book: &'b Book) -> Self {
        let terms = book.terms.iter().map(|term| (TermId::from_uuid(term.id), book.rules_of_term(*term))).collect();
        Self { book, whole: book.rules(), terms }
    }

    /// The totals of one student, from one point of view.
    pub(super) fn of_student(&self, grades: &Grades, student: StudentId, viewpoint: Viewpoint) -> TotalsView {
        let outcome =
            |row: &store::entity::grade_items::Model| Some((row.id, grades.get(GradeItemId::from_uuid(row.id), student)?.outcome()));
        let results: HashMap<Uuid, Outcome> = self.book.items.iter().filter_map(outcome).collect();
        let of = |rules: &Rules| -> Totals { totals(&rules.categories, &rules.items, &results, viewpoint) };
        let Totals { categories, overall, dropped } = of(&self.whole);
        let category = |row: &store::entity::grade_categories::Model| {
            Some(CategoryTotal { category_id: row.id.into(), total: self.figure(*categories.get(&row.id)?) })
        };
        let term = |(term_id, rules): &(TermId, Rules)| TermTotal {
            term_id: *term_id,
            total: of(rules).overall.map(|fraction| self.figure(fraction)),
        };
        let mut dropped: Vec<Uuid> = dropped.into_iter().collect();
        dropped.sort_unstable();
        TotalsView {
            overall: overall.map(|fraction| self.figure(fraction)),
            categories: self.book.categories.iter().filter_map(category).collect(),
            terms: self.terms.iter().map(term).collect(),
            dropped,
        }
    }

    /// The results of one student that `totals` are made of, as percentages.
    pub(super) fn counted(&self, grades: &Grades, student: StudentId, totals: &TotalsView) -> Vec<Decimal> {
        let outcome = |item: Uuid| grades.get(GradeItemId::from_uuid(item), student).map(Grade::outcome);
        counted(&self.whole.categories, &self.whole.items, outcome, &totals.dropped.iter().copied().collect::<HashSet<Uuid>>())
    }

    fn figure(&self, fraction: Decimal) -> Figure {
        let percent = percent(fraction);
        let step = self.book.scale.as_ref().and_then(|scale| scale.step(percent));
        Figure { percent, letter: step.map(|step| step.letter.clone()), grade_points: step.and_then(|step| step.grade_points) }
    }
}
