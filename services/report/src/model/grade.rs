//! A student's grade for an item, and what a change leaves behind.

use domain::{ClassId, GradeChangeId, GradeId, GradeItemId, Points, SchoolId, StudentId, Timestamp, UserId, Version};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use write_behind::natural_id;

use super::total::Outcome;

/// A grade as it is stored. There is one for an item and a student, so its id is made of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// Its id.
    pub id: GradeId,
    /// The school.
    pub school_id: SchoolId,
    /// The item's class.
    pub class_id: ClassId,
    /// What was graded.
    pub item_id: GradeItemId,
    /// Whose it is.
    pub student_id: StudentId,
    /// Marks; none is "not graded", which is not zero.
    pub points: Option<Points>,
    /// Marks that stand in for them.
    pub override_points: Option<Points>,
    /// Left out of all totals, and still shown.
    pub is_excluded: bool,
    /// The student need not do it.
    pub is_exempt: bool,
    /// Not handed in: counts as zero until there are marks.
    pub is_missing: bool,
    /// What the teacher says about it.
    pub comment: Option<String>,
    /// Who graded it; none for what came from homework or a quiz.
    pub graded_by: Option<UserId>,
    /// When.
    pub graded_at: Option<Timestamp>,
    /// Its version.
    pub version: Version,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// What the student put into it, from 1 to 5, the most; no part of any total.
    #[serde(default)]
    pub effort: Option<u8>,
}

/// The most effort.
pub const MOST_EFFORT: u8 = 5;

/// What a grade says, apart from whose it is and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// Marks.
    pub points: Option<Points>,
    /// Marks that stand in for them.
    pub override_points: Option<Points>,
    /// Left out of all totals.
    pub is_excluded: bool,
    /// The student need not do it.
    pub is_exempt: bool,
    /// Not handed in.
    pub is_missing: bool,
    /// What the teacher says about it.
    pub comment: Option<String>,
    /// What the student put into it.
    pub effort: Option<u8>,
}

/// The id of the item that a homework or a quiz feeds: there is one for each.
#[must_use]
pub fn fed_item(school: SchoolId, kind: &str, source: Uuid) -> GradeItemId {
    GradeItemId::from_uuid(natural_id("grade_item", &[school.as_uuid().as_bytes(), kind.as_bytes(), source.as_bytes()]))
}

/// Marks as an exact number.
#[must_use]
pub fn decimal(points: Points) -> Decimal {
    Decimal::new(points.hundredths().into(), 2)
}

impl Grade {
    /// The id of the grade of `student` for `item`.
    #[must_use]
    pub fn id_of(item: GradeItemId, student: StudentId) -> GradeId {
        GradeId::from_uuid(natural_id("grade", &[item.as_uuid().as_bytes(), student.as_uuid().as_bytes()]))
    }

    /// The first version of a grade.
    #[must_use]
    pub fn first(
        school_id: SchoolId,
        class_id: ClassId,
        item_id: GradeItemId,
        student_id: StudentId,
        figures: Figures,
        by: Option<UserId>,
        now: Timestamp,
    ) -> Self {
        let blank = Self {
            id: Self::id_of(item_id, student_id),
            school_id,
            class_id,
            item_id,
            student_id,
            points: None,
            override_points: None,
            is_excluded: false,
            is_exempt: false,
            is_missing: false,
            comment: None,
            graded_by: None,
            graded_at: None,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
            effort: None,
        };
        blank.with(figures, by, now)
    }

    /// The next version, which says `figures`.
    #[must_use]
    pub fn next(&self, figures: Figures, by: Option<UserId>, now: Timestamp) -> Self {
        Self { version: self.version.next(), updated_at: now, ..self.clone() }.with(figures, by, now)
    }

    fn with(mut self, figures: Figures, by: Option<UserId>, now: Timestamp) -> Self {
        if self.figures() != figures {
            (self.graded_by, self.graded_at) = (by, Some(now));
        }
        let Figures { points, override_points, is_excluded, is_exempt, is_missing, comment, effort } = figures;
        Self { points, override_points, is_excluded, is_exempt, is_missing, comment, effort, ..self }
    }

    /// What it says.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            points: self.points,
            override_points: self.override_points,
            is_excluded: self.is_excluded,
            is_exempt: self.is_exempt,
            is_missing: self.is_missing,
            comment: self.comment.clone(),
            effort: self.effort,
        }
    }

    /// What it is to the totals.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        Outcome {
            points: self.points.map(decimal),
            override_points: self.override_points.map(decimal),
            is_excluded: self.is_excluded,
            is_exempt: self.is_exempt,
            is_missing: self.is_missing,
        }
    }
}

/// What a grade was after one of its changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its id, made of the grade and its version.
    pub id: GradeChangeId,
    /// The school.
    pub school_id: SchoolId,
    /// The item's class.
    pub class_id: ClassId,
    /// What was graded.
    pub item_id: GradeItemId,
    /// Whose it is.
    pub student_id: StudentId,
    /// The grade.
    pub grade_id: GradeId,
    /// The version that the change made.
    pub grade_version: Version,
    /// Marks.
    pub points: Option<Points>,
    /// Marks that stand in for them.
    pub override_points: Option<Points>,
    /// Left out of all totals.
    pub is_excluded: bool,
    /// The student need not do it.
    pub is_exempt: bool,
    /// Not handed in.
    pub is_missing: bool,
    /// What the teacher says about it.
    pub comment: Option<String>,
    /// Who did it; none for what came from homework or a quiz.
    pub changed_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// What the student put into it.
    #[serde(default)]
    pub effort: Option<u8>,
}

impl Change {
    /// The change that made `grade` what it is.
    #[must_use]
    pub fn to(grade: &Grade, by: Option<UserId>) -> Self {
        let version = grade.version.get().to_be_bytes();
        Self {
            id: GradeChangeId::from_uuid(natural_id("grade_change", &[grade.id.as_uuid().as_bytes(), &version])),
            school_id: grade.school_id,
            class_id: grade.class_id,
            item_id: grade.item_id,
            student_id: grade.student_id,
            grade_id: grade.id,
            grade_version: grade.version,
            points: grade.points,
            override_points: grade.override_points,
            is_excluded: grade.is_excluded,
            is_exempt: grade.is_exempt,
            is_missing: grade.is_missing,
            comment: grade.comment.clone(),
            changed_by: by,
            created_at: grade.updated_at,
            effort: grade.effort,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};

    use super::*;

    #[allow(clippy::unnecessary_wraps, reason = "as the field that it is for")]
    fn points(marks: f64) -> Option<Points> {
        Some(Points::try_from(marks).unwrap())
    }

    #[test]
    fn a_grade_keeps_who_graded_it_when_nothing_is_changed() {
        let (item, student) = (GradeItemId::generate(), StudentId::generate());
        let (teacher, other) = (UserId::generate(), UserId::generate());
        let then = Utc.with_ymd_and_hms(2026, 11, 20, 8, 0, 0).unwrap();
        let now = Utc.with_ymd_and_hms(2026, 11, 21, 8, 0, 0).unwrap();
        let figures = Figures { points: points(7.5), ..Figures::default() };
        let grade = Grade::first(SchoolId::generate(), ClassId::generate(), item, student, figures.clone(), Some(teacher), then);
        assert_eq!((grade.graded_by, grade.graded_at), (Some(teacher), Some(then)));
        let same = grade.next(figures, Some(other), now);
        assert_eq!((same.graded_by, same.version.get()), (Some(teacher), 2));
        let changed = grade.next(Figures { points: points(8.0), ..Figures::default() }, Some(other), now);
        assert_eq!((changed.graded_by, changed.graded_at), (Some(other), Some(now)));
    }

    #[test]
    fn two_changes_of_a_grade_have_ids_of_their_own_and_one_has_always_the_same() {
        let (item, student) = (GradeItemId::generate(), StudentId::generate());
        let now = Utc.with_ymd_and_hms(2026, 11, 21, 8, 0, 0).unwrap();
        let first = Grade::first(SchoolId::generate(), ClassId::generate(), item, student, Figures::default(), None, now);
        let second = first.next(Figures { is_missing: true, ..Figures::default() }, None, now);
        assert_eq!(Change::to(&first, None).id, Change::to(&first, None).id);
        assert_ne!(Change::to(&first, None).id, Change::to(&second, None).id);
    }
}
