//! What a class's grade book is made of, read in one snapshot: categories, items, the scale and the pupils.

use std::collections::HashSet;

use chrono::NaiveDate;
use domain::{ClassId, GradeItemId, SchoolId, ServiceName, StudentId, TermId, Timestamp};
use rust_decimal::Decimal;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::Deserialize;
use service_kit::{Platform, Problem};
use store::entity::{grade_book_settings, grade_categories, grade_items, grade_scales};
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

use super::sources::{Source, SourceItem, withheld};
use super::{reading, snapshot};
use crate::model::aggregation::Aggregation;
use crate::model::grade::fed_item;
use crate::model::scale::{Scale, Step};
use crate::model::selection::Selection;
use crate::model::total::{Category, Item};

/// Somebody who was ever enrolled in the class.
#[derive(Debug, Clone)]
pub(crate) struct Pupil {
    pub(crate) student_id: StudentId,
    pub(crate) name: String,
    pub(crate) admission_number: String,
}

/// A class's grade book without the grades.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) categories: Vec<grade_categories::Model>,
    pub(crate) items: Vec<grade_items::Model>,
    pub(crate) scale: Option<Scale>,
    pub(crate) shows_totals: bool,
    pub(crate) shows_effort: bool,
    pub(crate) shows_targets: bool,
    /// Effort below this is a concern.
    pub(crate) effort_concern_below: Option<u8>,
    pub(crate) pupils: Vec<Pupil>,
    /// The terms of the class's year, in their order.
    pub(crate) terms: Vec<Term>,
    /// Items that students don't see now, besides those that are hidden.
    withheld: HashSet<Uuid>,
}

/// A term.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub(crate) struct Term {
    pub(crate) id: Uuid,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
}

/// Categories and items, as the rules know them.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) categories: Vec<Category>,
    pub(crate) items: Vec<Item>,
}

/// The class's book; of one term if given: the term's categories, what they are made of, and the items at the top that are due within it.
pub(crate) async fn book(platform: &Platform, school: SchoolId, class: ClassId, term: Option<TermId>) -> Result<Book, Problem> {
    book_for(platform, school, class, term, None).await
}

/// Who looks at a student's grades as the family does, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    pub(crate) student: StudentId,
    pub(crate) is_parent: bool,
    pub(crate) now: Timestamp,
}

/// The same, without what `viewer` is not to see, or not yet.
pub(crate) async fn book_for(
    platform: &Platform,
    school: SchoolId,
    class: ClassId,
    term: Option<TermId>,
    viewer: Option<Family>,
) -> Result<Book, Problem> {
    book_in(&mut snapshot(platform, school).await?, class, term, viewer).await
}

/// The same of a snapshot, which something else is read from too.
pub(crate) async fn book_in(
    transaction: &mut SchoolTransaction,
    class: ClassId,
    term: Option<TermId>,
    viewer: Option<Family>,
) -> Result<Book, Problem> {
    let school = transaction.school_id();
    let categories = grade_categories::Entity::find()
        .filter(grade_categories::Column::SchoolId.eq(school.as_uuid()))
        .filter(grade_categories::Column::ClassId.eq(class.as_uuid()))
        .filter(grade_categories::Column::Status.eq("active"))
        .order_by_asc(grade_categories::Column::Name)
        .all(&*transaction)
        .await?;
    let items = grade_items::Entity::find()
        .filter(grade_items::Column::SchoolId.eq(school.as_uuid()))
        .filter(grade_items::Column::ClassId.eq(class.as_uuid()))
        .filter(grade_items::Column::Status.eq("active"))
        .order_by_asc(grade_items::Column::CreatedAt)
        .order_by_asc(grade_items::Column::Id)
        .all(&*transaction)
        .await?;
    let settings = grade_book_settings::Entity::find_by_id((school.as_uuid(), class.as_uuid())).one(&*transaction).await?;
    let scale = scale(transaction, school, settings.as_ref().and_then(|settings| settings.scale_id)).await?;
    let terms: Vec<Term> = sqlx::query_as(
        "SELECT t.id, t.starts_on, t.ends_on FROM terms t JOIN classes c ON c.school_id = t.school_id AND c.academic_year_id = t.academic_year_id
         WHERE c.school_id = $1 AND c.id = $2 AND t.status = 'active' ORDER BY t.starts_on, t.id",
    )
    .bind(school.as_uuid())
    .bind(class.as_uuid())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    let withheld = match viewer {
        None => HashSet::new(),
        Some(Family { student, is_parent, now }) => {
            let quizzes = withheld(transaction, school, student, class, now).await?;
            let not_yet = |row: &grade_items::Model| row.source_ref.is_some_and(|source| quizzes.contains(&source));
            items.iter().filter(|row| not_yet(row) || (is_parent && row.hides_from_parents)).map(|row| row.id).collect()
        }
    };
    let pupils: Vec<(Uuid, String, String)> = sqlx::query_as(
        "SELECT s.id, u.full_name, s.admission_number FROM students s JOIN users u ON u.id = s.user_id
         WHERE s.school_id = $1 AND EXISTS (SELECT FROM enrollments e WHERE e.school_id = s.school_id AND e.student_id = s.id AND e.class_id = $2
             AND e.status = 'active')
         ORDER BY 2, 1",
    )
    .bind(school.as_uuid())
    .bind(class.as_uuid())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    let pupil = |(id, name, admission_number): (Uuid, String, String)| Pupil { student_id: id.into(), name, admission_number };
    let mut book = Book {
        categories,
        items,
        scale,
        shows_totals: settings.as_ref().is_none_or(|settings| settings.shows_totals),
        shows_effort: settings.as_ref().is_none_or(|settings| settings.shows_effort),
        shows_targets: settings.as_ref().is_none_or(|settings| settings.shows_targets),
        effort_concern_below: settings.and_then(|settings| settings.effort_concern_below).and_then(|level| u8::try_from(level).ok()),
        pupils: pupils.into_iter().map(pupil).collect(),
        terms,
        withheld,
    };
    if let Some(term) = term {
        let term = book.terms.iter().copied().find(|known| known.id == term.as_uuid()).ok_or_else(|| Problem::not_found("term"))?;
        book.narrow(term);
    }
    Ok(book)
}

impl Book {
    /// Keeps what belongs to the term.
    fn narrow(&mut self, term: Term) {
        let kept = self.categories_of(term);
        self.items.retain(|row| is_of(row, term, &kept));
        self.categories.retain(|row| kept.contains(&row.id));
        self.terms.clear();
    }

    /// The categories of the term, each with what is below it.
    fn categories_of(&self, term: Term) -> HashSet<Uuid> {
        let mut kept = HashSet::new();
        loop {
            let before = kept.len();
            for row in &self.categories {
                if row.term_id == Some(term.id) || row.parent_category_id.is_some_and(|parent| kept.contains(&parent)) {
                    kept.insert(row.id);
                }
            }
            if kept.len() == before {
                return kept;
            }
        }
    }

    /// Everything, as the rules know it.
    pub(crate) fn rules(&self) -> Rules {
        self.rules_of(|_| true, |_| true)
    }

    /// What belongs to the term, as the rules know it.
    pub(crate) fn rules_of_term(&self, term: Term) -> Rules {
        let kept = self.categories_of(term);
        self.rules_of(|row| kept.contains(&row.id), |row| is_of(row, term, &kept))
    }

    /// A category whose parent is not among them stands at the top.
    fn rules_of(&self, category: impl Fn(&grade_categories::Model) -> bool, item: impl Fn(&grade_items::Model) -> bool) -> Rules {
        let rows: Vec<&grade_categories::Model> = self.categories.iter().filter(|row| category(row)).collect();
        let known: HashSet<Uuid> = rows.iter().map(|row| row.id).collect();
        let category = |row: &grade_categories::Model| Category {
            id: row.id,
            parent: row.parent_category_id.filter(|parent| known.contains(parent)),
            aggregation: aggregation(&row.aggregation).unwrap_or(Aggregation::WeightedMean),
            weight: row.weight,
            selection: selection(row.drop_lowest, row.keep_highest),
        };
        let rule = |row: &grade_items::Model| Item {
            id: row.id,
            category: row.category_id,
            max_points: row.max_points,
            weight: row.weight,
            is_extra_credit: row.is_extra_credit,
            is_hidden: !self.is_shown(row),
        };
        Rules { categories: rows.into_iter().map(category).collect(), items: self.items.iter().filter(|row| item(row)).map(rule).collect() }
    }

    /// Whether students see the item now.
    pub(crate) fn is_shown(&self, row: &grade_items::Model) -> bool {
        !row.is_hidden && !self.withheld.contains(&row.id)
    }

    /// The item of this id.
    pub(crate) fn item(&self, id: GradeItemId) -> Option<&grade_items::Model> {
        self.items.iter().find(|row| row.id == id.as_uuid())
    }
}

/// Whether an item is of a term whose categories are `kept`: by its category, or at the top by the day on which it is due.
fn is_of(row: &grade_items::Model, term: Term, kept: &HashSet<Uuid>) -> bool {
    match row.category_id {
        Some(category) => kept.contains(&category),
        None => row.due_on.is_some_and(|due| term.starts_on <= due && due <= term.ends_on),
    }
}

/// Whether the grades of an item don't change any more at `now`.
pub(crate) fn is_locked(row: &grade_items::Model, now: Timestamp) -> bool {
    row.locked_at.is_some_and(|locked| locked <= now)
}

/// The kind of a stored aggregation.
fn aggregation(stored: &str) -> Option<Aggregation> {
    Some(match stored {
        "weighted_mean" => Aggregation::WeightedMean,
        "mean" => Aggregation::Mean,
        "sum" => Aggregation::Sum,
        "median" => Aggregation::Median,
        "lowest" => Aggregation::Lowest,
        "highest" => Aggregation::Highest,
        _ => return None,
    })
}

/// What the two columns of a category say; a constraint sees to it that only one of them says something.
fn selection(drop_lowest: i32, keep_highest: Option<i32>) -> Selection {
    match (u32::try_from(drop_lowest), keep_highest.and_then(|number| u32::try_from(number).ok())) {
        (_, Some(number)) => Selection::KeepHighest(number),
        (Ok(0) | Err(_), None) => Selection::All,
        (Ok(number), None) => Selection::DropLowest(number),
    }
}

#[derive(Deserialize)]
struct StoredStep {
    letter: String,
    from_percent: Decimal,
    #[serde(default)]
    grade_points: Option<Decimal>,
}

/// The steps of a stored scale; its numbers are texts there, so that they are exact.
pub(crate) fn steps(stored: &serde_json::Value) -> Result<Vec<Step>, serde_json::Error> {
    let steps: Vec<StoredStep> = serde_json::from_value(stored.clone())?;
    let step = |step: StoredStep| Step { letter: step.letter, from_percent: step.from_percent, grade_points: step.grade_points };
    Ok(steps.into_iter().map(step).collect())
}

/// The scale `id`, else the school's default, else none.
async fn scale(transaction: &SchoolTransaction, school: SchoolId, id: Option<Uuid>) -> Result<Option<Scale>, Problem> {
    let scales = grade_scales::Entity::find().filter(grade_scales::Column::SchoolId.eq(school.as_uuid()));
    let scales = match id {
        Some(id) => scales.filter(grade_scales::Column::Id.eq(id)),
        None => scales.filter(grade_scales::Column::IsDefault.eq(true)),
    };
    let row = scales.filter(grade_scales::Column::Status.eq("active")).one(transaction).await?;
    // One that can't be read must not pass for none: letters would be missing without a word.
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Scale::new(steps(&row.steps)?).map_err(Problem::internal)?))
}

/// The item with this id.
pub(crate) async fn item(platform: &Platform, school: SchoolId, id: GradeItemId) -> Result<Option<grade_items::Model>, Problem> {
    let transaction = reading(platform, school).await?;
    let row = grade_items::Entity::find_by_id((school.as_uuid(), id.as_uuid())).one(&transaction).await?;
    Ok(row.filter(|row| row.status == "active"))
}

/// Whether students and parents of the class see what effort was noted.
pub(crate) async fn shows_effort(platform: &Platform, school: SchoolId, class: ClassId) -> Result<bool, Problem> {
    let transaction = reading(platform, school).await?;
    let settings = grade_book_settings::Entity::find_by_id((school.as_uuid(), class.as_uuid())).one(&transaction).await?;
    Ok(settings.is_none_or(|settings| settings.shows_effort))
}

/// The ids of a class's items.
pub(crate) async fn items_of(platform: &Platform, school: SchoolId, class: ClassId) -> Result<Vec<GradeItemId>, Problem> {
    let mut transaction = reading(platform, school).await?;
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM grade_items WHERE school_id = $1 AND class_id = $2 AND status = 'active'")
        .bind(school.as_uuid())
        .bind(class.as_uuid())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    Ok(ids.into_iter().map(GradeItemId::from_uuid).collect())
}

/// The item that a piece of homework or a quiz feeds; made if it is new. Its name and marks follow the source, its place and weight are the teacher's.
pub(crate) async fn ensure_item(
    platform: &Platform,
    school: SchoolId,
    source: Source,
    about: &SourceItem,
    now: Timestamp,
) -> Result<grade_items::Model, StoreError> {
    let id = fed_item(school, source.kind(), source.id());
    let mut transaction = platform.postgres(ServiceName::Report).school(school).await?;
    sqlx::query(
        "INSERT INTO grade_items (id, school_id, class_id, subject_id, name, source_kind, source_ref, max_points, due_on, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
         ON CONFLICT (school_id, source_kind, source_ref) DO UPDATE SET
             name = excluded.name, max_points = excluded.max_points, due_on = excluded.due_on, version = grade_items.version + 1, updated_at = excluded.updated_at
         WHERE (grade_items.name, grade_items.max_points, grade_items.due_on) IS DISTINCT FROM (excluded.name, excluded.max_points, excluded.due_on)
             AND (grade_items.locked_at IS NULL OR grade_items.locked_at > excluded.updated_at)",
    )
    .bind(id.as_uuid())
    .bind(school.as_uuid())
    .bind(about.class_id)
    .bind(about.subject_id)
    .bind(&about.name)
    .bind(source.kind())
    .bind(source.id())
    .bind(about.max_points)
    .bind(about.due_on)
    .bind(now)
    .execute(transaction.connection()?)
    .await?;
    let row = grade_items::Entity::find()
        .filter(grade_items::Column::SchoolId.eq(school.as_uuid()))
        .filter(grade_items::Column::SourceKind.eq(source.kind()))
        .filter(grade_items::Column::SourceRef.eq(source.id()))
        .one(&transaction)
        .await?;
    transaction.commit().await?;
    row.ok_or_else(|| sqlx::Error::RowNotFound.into())
}
