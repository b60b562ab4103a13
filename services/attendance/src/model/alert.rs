//! When a school is told of a student's attendance.
//!
//! A rule is looked at day by day: on each day with marks it is true or not, of that day and the window of days before it. An episode is an unbroken run of such
//! days on which it is true; it is known by its first day, on which the rule came true. What is true depends on the marks alone and not on when or how often
//! somebody looks, so that whoever looks twice, or after a correction was taken back, finds the same episode.
//!
//! What counts is what counts in the figures (see `summary`): holidays, days before the student came and registers that nobody took are no days here.

use chrono::{Days, NaiveDate};
use domain::{AlertId, AlertRuleId, ClassId, Fault, Faults, SchoolId, StudentId, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use write_behind::natural_id;

use super::absence::current;
use super::code::CountsAs;
use super::day_value::{Thresholds, day};
use super::summary::{MarkedDay, tally};

/// The longest window, in days.
pub const LONGEST_WINDOW: u16 = 200;
/// How much further back than its window an episode is looked for, in days. One that began before is found where an alert for it lasts.
pub const FURTHER: u64 = 60;

/// What a rule watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Less than so many percent of the days attended.
    RateBelow,
    /// Away so many days in a row; excused days neither count nor end it.
    AbsentInARow,
    /// Late so many times.
    TimesLate,
}

/// A rule as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRule {
    /// Its id.
    pub id: AlertRuleId,
    /// The school.
    pub school_id: SchoolId,
    /// What it is called.
    pub name: String,
    /// What it watches; that never changes.
    pub kind: AlertKind,
    /// Below which rate it is true, in hundredths of a percent.
    pub rate: Option<u32>,
    /// From how many days or times on it is true.
    pub times: Option<u32>,
    /// How many days back it looks, the day itself included.
    pub window_days: u16,
    /// A rate says nothing before so many days counted.
    pub min_days: u16,
    /// Whether students and guardians see its alerts and are told.
    pub tells_guardians: bool,
    /// Whether it is looked at.
    pub is_active: bool,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl AlertRule {
    /// Every fault, as JSON pointers.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        let is_rate = self.kind == AlertKind::RateBelow;
        faults.require(self.rate.is_some() == is_rate, "/percent", "goes with rate_below, which needs it, and with nothing else");
        faults.require(self.rate.is_none_or(|rate| (1..=10_000).contains(&rate)), "/percent", "must be from 0.01 to 100");
        faults.require(self.times.is_some() != is_rate, "/times", "goes with absent_in_a_row and times_late, which need it");
        faults.require(self.times.is_none_or(|times| (1..=60).contains(&times)), "/times", "must be from 1 to 60");
        let days = 1..=LONGEST_WINDOW;
        faults.require(days.contains(&self.window_days), "/window_days", format!("must be from 1 to {LONGEST_WINDOW}"));
        faults.require(days.contains(&self.min_days), "/min_days", format!("must be from 1 to {LONGEST_WINDOW}"));
        let reach = if self.kind == AlertKind::AbsentInARow { self.times.unwrap_or(1) } else { 1 };
        faults.require(u32::from(self.window_days) >= reach, "/window_days", "must not be less than times");
        faults.into_result()
    }

    /// What there is to tell after the last of `days`, which are in order; none if the rule is not true of it.
    fn figure(&self, days: &[MarkedDay], thresholds: Thresholds) -> Option<u32> {
        let (last, _) = days.last()?;
        let first = last.checked_sub_days(Days::new(u64::from(self.window_days).saturating_sub(1)))?;
        let days = days.get(days.partition_point(|(day, _)| *day < first)..)?;
        match self.kind {
            AlertKind::RateBelow => {
                let tally = tally(days, thresholds);
                // As exact numbers: 89.996 % is below 90 %, and shown as 90.00.
                let is_below = u64::from(tally.halves) * 10_000 < u64::from(self.rate?) * u64::from(tally.days_counted) * 2;
                tally.rate().filter(|_| is_below && tally.days_counted >= u32::from(self.min_days))
            }
            AlertKind::AbsentInARow => {
                let run = current(days.iter().map(|(date, marks)| (*date, day(marks, thresholds))))?;
                (run.days >= self.times?).then_some(run.days)
            }
            AlertKind::TimesLate => {
                let late = days.iter().flat_map(|(_, marks)| marks).filter(|mark| mark.counts_as == CountsAs::Late).count();
                u32::try_from(late).ok().filter(|late| self.times.is_some_and(|times| *late >= times))
            }
        }
    }
}

/// An unbroken run of days on which a rule is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Episode {
    /// The day on which it came true.
    pub began_on: NaiveDate,
    /// Days, times or hundredths of a percent, after the last day.
    pub figure: u32,
}

/// The episode of `rule` that the last of `days` is in; `days` are in order, and those before `since` are only looked back on.
#[must_use]
pub fn episode(rule: &AlertRule, days: &[MarkedDay], thresholds: Thresholds, since: NaiveDate) -> Option<Episode> {
    let mut episode: Option<Episode> = None;
    for (index, (date, _)) in days.iter().enumerate().filter(|(_, (date, _))| *date >= since) {
        let figure = days.get(..=index).and_then(|days| rule.figure(days, thresholds));
        episode = figure.map(|figure| Episode { began_on: episode.map_or(*date, |episode| episode.began_on), figure });
    }
    episode
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Nobody has looked after it.
    Open,
    /// Somebody looks after it.
    Acknowledged,
    /// It was looked after.
    Closed,
}

impl AlertState {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
        }
    }
}

/// An alert as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id, made of the rule, the student and the episode's first day.
    pub id: AlertId,
    /// The school.
    pub school_id: SchoolId,
    /// The rule.
    pub rule_id: AlertRuleId,
    /// Whom it is about.
    pub student_id: StudentId,
    /// The class in whose register it showed.
    pub class_id: ClassId,
    /// The day on which the rule came true.
    pub began_on: NaiveDate,
    /// The day on which it was true no more; none while it is.
    pub ended_on: Option<NaiveDate>,
    /// Days, times or hundredths of a percent.
    pub figure: u32,
    /// Whether students and guardians see it and are told.
    pub tells_guardians: bool,
    /// Where it stands.
    pub state: AlertState,
    /// What there is to say, among those who work at the school.
    pub note: Option<String>,
    /// Who looks after it.
    pub acknowledged_by: Option<UserId>,
    /// Since when.
    pub acknowledged_at: Option<Timestamp>,
    /// Who closed it.
    pub closed_by: Option<UserId>,
    /// When.
    pub closed_at: Option<Timestamp>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Alert {
    /// The id of the alert of `rule` for the episode of `student` that began on `began_on`: there is one.
    #[must_use]
    pub fn id_of(rule: AlertRuleId, student: StudentId, began_on: NaiveDate) -> AlertId {
        let (rule, student, day) = (rule.as_uuid(), student.as_uuid(), began_on.to_string());
        AlertId::from_uuid(natural_id("attendance_alert", &[rule.as_bytes(), student.as_bytes(), day.as_bytes()]))
    }

    /// The same, looked after by `by`; none if it is already, or was closed.
    #[must_use]
    pub fn acknowledged(&self, by: UserId, note: Option<String>, now: Timestamp) -> Option<Self> {
        (self.state == AlertState::Open).then(|| Self {
            state: AlertState::Acknowledged,
            acknowledged_by: Some(by),
            acknowledged_at: Some(now),
            ..self.noted(note, now)
        })
    }

    /// The same, closed by `by`; none if it is already.
    #[must_use]
    pub fn closed(&self, by: UserId, note: Option<String>, now: Timestamp) -> Option<Self> {
        (self.state != AlertState::Closed).then(|| Self {
            state: AlertState::Closed,
            closed_by: Some(by),
            closed_at: Some(now),
            ..self.noted(note, now)
        })
    }

    fn noted(&self, note: Option<String>, now: Timestamp) -> Self {
        Self { note: note.or_else(|| self.note.clone()), version: self.version.next(), updated_at: now, ..self.clone() }
    }
}

#[cfg(test)]
#[path = "alert_tests.rs"]
mod tests;
