//! The timetable on its days: which lessons are given when and by whom, and which days the school works although they are none of its weekdays.
//!
//! The tables are the calendar's; whoever wants to know asks here, so that a rotation, a day's bell and cover mean the same everywhere. Holidays are not looked
//! at: who has one is for the asker to say.

use chrono::NaiveDate;
use domain::{ClassId, RoomId, SubjectId, TeacherId, TimetableEntryId};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

/// How a lesson is on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As on its other days.
    AsUsual,
    /// It is called off.
    Cancelled,
    /// It is at another time, in another period or in another room.
    Moved,
}

/// A lesson on a day, as the tables have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The lesson.
    pub entry_id: TimetableEntryId,
    /// The day.
    pub day: NaiveDate,
    /// When it begins that day, in minutes since midnight.
    pub start_minute: u16,
    /// When it is over.
    pub end_minute: u16,
    /// The class.
    pub class_id: ClassId,
    /// The subject.
    pub subject_id: Option<SubjectId>,
    /// The number of its period that day.
    pub period: Option<u8>,
    /// Where it is that day.
    pub room_id: Option<RoomId>,
    /// Whose lesson it is.
    pub teacher_id: Option<TeacherId>,
    /// The cover, if somebody stands in.
    pub cover_id: Option<TimetableEntryId>,
    /// Who stands in.
    pub cover_teacher_id: Option<TeacherId>,
    /// What to know about it: the cover's words, or the lesson's.
    pub note: Option<String>,
    /// Whether it was called off or moved that day.
    pub state: State,
    /// Why.
    pub reason: Option<String>,
}

impl Given {
    /// Who is there: whoever stands in, or else the teacher.
    #[must_use]
    pub fn given_by(&self) -> Option<TeacherId> {
        self.cover_teacher_id.or(self.teacher_id)
    }
}

/// Which lessons of some days.
#[derive(Debug, Clone, Default)]
pub struct GivenFilter {
    /// Of these classes; none means of all.
    pub classes: Option<Vec<ClassId>>,
    /// That this teacher gives, or is stood in for.
    pub teacher: Option<TeacherId>,
    /// In this room.
    pub room: Option<RoomId>,
    /// Also those that are called off, which are not given.
    pub called_off: bool,
}

const GIVEN: &str = "
SELECT jsonb_build_object('entry_id', t.id, 'day', g.on_day, 'start_minute', g.starts, 'end_minute', g.ends, 'class_id', t.class_id,
    'subject_id', t.subject_id, 'period', g.period, 'room_id', g.room_id, 'teacher_id', t.teacher_id, 'cover_id', c.id,
    'cover_teacher_id', c.teacher_id, 'note', coalesce(c.note, t.note), 'state', g.state, 'reason', g.reason)
FROM timetable_lessons($1, $2, $3) g
JOIN timetable_entries t ON t.school_id = $1 AND t.id = g.entry_id
LEFT JOIN timetable_entries c ON c.school_id = $1 AND c.covers_entry_id = t.id AND c.status = 'active' AND g.on_day BETWEEN c.valid_from AND c.valid_to
WHERE ($4::uuid[] IS NULL OR t.class_id = ANY ($4)) AND ($5::uuid IS NULL OR t.teacher_id = $5 OR c.teacher_id = $5)
    AND ($6::uuid IS NULL OR g.room_id = $6) AND ($7 OR g.state <> 'cancelled')
ORDER BY g.on_day, g.starts, t.id";

/// The lessons of each day from `first` to `last`, both inclusive, in order of time: by the day's number in the rotation, at the minutes of the day's bell, or where
/// they were moved on that day.
pub async fn lessons_given(
    transaction: &mut SchoolTransaction,
    (first, last): (NaiveDate, NaiveDate),
    filter: &GivenFilter,
) -> Result<Vec<Given>, StoreError> {
    let classes = filter.classes.as_deref().map(|classes| classes.iter().map(|class| class.as_uuid()).collect::<Vec<Uuid>>());
    let query = sqlx::query_scalar(GIVEN)
        .bind(transaction.school_id().as_uuid())
        .bind(first)
        .bind(last)
        .bind(classes)
        .bind(filter.teacher.map(TeacherId::as_uuid))
        .bind(filter.room.map(RoomId::as_uuid))
        .bind(filter.called_off);
    let rows: Vec<Json<Given>> = query.fetch_all(transaction.connection()?).await?;
    Ok(store::plain(rows))
}

/// The days to which the school's timetable gives a number of its rotation: it works on them, whatever day of the week they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkingDays(
    // First and last day of each run, in order: a school whose rotation is laid out has a run a week.
    Vec<(NaiveDate, NaiveDate)>,
);

impl WorkingDays {
    /// Whether `day` is one of them.
    #[must_use]
    pub fn has(&self, day: NaiveDate) -> bool {
        let begun = self.0.partition_point(|(first, _)| *first <= day);
        begun.checked_sub(1).and_then(|run| self.0.get(run)).is_some_and(|(_, last)| day <= *last)
    }
}

impl FromIterator<NaiveDate> for WorkingDays {
    fn from_iter<T: IntoIterator<Item = NaiveDate>>(days: T) -> Self {
        let mut days: Vec<NaiveDate> = days.into_iter().collect();
        days.sort_unstable();
        let mut runs: Vec<(NaiveDate, NaiveDate)> = Vec::new();
        for day in days {
            match runs.last_mut() {
                Some((_, last)) if *last == day || last.succ_opt() == Some(day) => *last = day,
                _ => runs.push((day, day)),
            }
        }
        Self(runs)
    }
}

#[cfg(test)]
mod tests {
    use chrono::Days;

    use super::*;

    #[test]
    fn a_day_is_one_of_the_working_days_if_it_was_named_as_one() {
        let day = |number: u64| NaiveDate::from_ymd_opt(2026, 11, 1).unwrap() + Days::new(number);
        let named = [3, 1, 2, 2, 7, 9, 10];
        let days: WorkingDays = named.iter().map(|number| day(*number)).collect();
        for number in 0..12 {
            assert_eq!(days.has(day(number)), named.contains(&number), "{number}");
        }
        assert_eq!(serde_json::to_value(&days).unwrap()[0], serde_json::json!(["2026-11-02", "2026-11-04"]));
        assert!(!WorkingDays::default().has(day(0)));
    }
}
