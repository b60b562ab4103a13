//! What all figures are made of: the marks of some students between two days, as far as they count (see `model::summary`), day by day.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use directory::Attends;
use domain::{ClassId, SchoolId, StudentId};
use futures_util::future::try_join_all;
use service_kit::Problem;

use super::Rooms;
use crate::model::day_value::Minutes;
use crate::model::leave;
use crate::model::school_day::Calendar;
use crate::model::summary::MarkedDay;
use crate::store::{self, Approved, MarkFilter, MarkRow, Rules};

/// A student, and when they were in which class.
pub(crate) type Enrolled = HashMap<StudentId, Vec<Attends>>;

/// The days of each student, in order. Students without a mark that counts are not in it.
pub(crate) type Days = HashMap<StudentId, Vec<MarkedDay>>;

/// When each class has school.
pub(crate) type Calendars = HashMap<ClassId, Calendar>;

impl Rooms {
    /// The days that count of `students`, in registers of the filter's classes.
    pub(crate) async fn days(&self, school: SchoolId, rules: &Rules, students: &Enrolled, filter: &MarkFilter) -> Result<Days, Problem> {
        let rows = store::marks(&self.platform, school, filter).await?;
        let calendars = self.calendars(school, &filter.classes).await?;
        let ids: Vec<StudentId> = students.keys().copied().collect();
        let leaves = store::approved_leave(&self.platform, school, &ids, filter.from, filter.to).await?;
        Ok(days(&rows, &leaves, &calendars, rules, students))
    }

    /// When `classes` have school.
    pub(crate) async fn calendars(&self, school: SchoolId, classes: &[ClassId]) -> Result<Calendars, Problem> {
        let working_days = self.directory.working_days(school).await?;
        let calendars = classes.iter().map(|class| store::calendar(&self.platform, school, *class, &working_days));
        Ok(try_join_all(calendars).await?.into_iter().flatten().map(|calendar| (calendar.class_id, calendar)).collect())
    }
}

/// The days of `rows` that count, of `students`.
pub(crate) fn days(rows: &[MarkRow], leaves: &[Approved], calendars: &Calendars, rules: &Rules, students: &Enrolled) -> Days {
    let counts = |row: &MarkRow| {
        let calendar = calendars.get(&row.class_id);
        let has_school = calendar.is_some_and(|calendar| calendar.judge(row.held_on, &rules.settings.weekdays).is_ok());
        let attends = students.get(&row.student_id).map(Vec::as_slice).unwrap_or_default();
        has_school && attends.iter().any(|attends| attends.class_id == row.class_id && attends.covers(row.held_on))
    };
    let mut days: HashMap<StudentId, BTreeMap<NaiveDate, Vec<Minutes>>> = HashMap::new();
    for row in rows.iter().filter(|row| counts(row)) {
        let on_leave =
            leaves.iter().any(|(student, from, to)| *student == row.student_id && leave::overlap((*from, *to), (row.held_on, row.held_on)));
        let marks = days.entry(row.student_id).or_default().entry(row.held_on).or_default();
        marks.push(minutes(row, rules, on_leave));
    }
    days.into_iter().map(|(student, days)| (student, days.into_iter().collect())).collect()
}

fn minutes(row: &MarkRow, rules: &Rules, on_leave: bool) -> Minutes {
    let usual = if row.period.is_some() { rules.settings.period_minutes } else { rules.settings.day_minutes };
    Minutes {
        is_daily: row.period.is_none(),
        counts_as: rules.codes.counts_as(&row.code),
        minutes_late: row.minutes_late,
        length: row.minutes.unwrap_or(usual),
        on_leave,
    }
}
