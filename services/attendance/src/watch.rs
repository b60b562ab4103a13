//! Looking after alerts: when a register was taken or corrected, or leave was decided, the rules are looked at anew for the students whom that concerns.
//!
//! An event only says where to look. What the marks say now decides, so that an event that comes twice, late or out of order changes nothing. Nobody who marks
//! a register waits for this. An episode that is over before anybody could look, because this service was down for days, raises no alert: nobody can do anything
//! about it any more.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{Days, NaiveDate};
use domain::{ClassId, EventEnvelope, EventKind, RegisterId, ServiceName, StudentId};
use events::{HandleError, Handler};
use serde::Deserialize;
use service_kit::{Kind, Platform, Problem};

use crate::model::alert::{AlertRule, FURTHER, episode};
use crate::model::day_value::Thresholds;
use crate::model::summary::MarkedDay;
use crate::routes::{Enrolled, Rooms, days};
use crate::store::{
    Finding, MarkFilter, Rules, alert_rules, alert_rules_in, approved_leave_in, classes_of, find_register, marks_in, queue_up, rules,
    rules_in, settle,
};

/// What is listened to.
pub(crate) const KINDS: &[EventKind] =
    &[EventKind::AttendanceTaken, EventKind::AttendanceCorrected, EventKind::LeaveApproved, EventKind::LeaveWithdrawn];

/// The consumer.
pub(crate) struct Watch {
    rooms: Rooms,
}

/// Whom an event concerns, if it says so.
#[derive(Deserialize)]
struct About {
    student_id: Option<StudentId>,
    student_ids: Option<Vec<StudentId>>,
}

/// The students to look at, and the class in whose register it shows; none means the one that they attend.
struct Concerned {
    students: Enrolled,
    class: Option<ClassId>,
}

#[async_trait]
impl Handler for Watch {
    async fn handle(&self, event: &EventEnvelope) -> Result<(), HandleError> {
        let about: About = serde_json::from_str(&event.data).map_err(|error| HandleError::Failed(error.to_string()))?;
        self.look(event, about).await.map_err(|problem| match problem.kind() {
            Kind::Unavailable => HandleError::Unavailable(problem.to_string()),
            _ => HandleError::Failed(problem.to_string()),
        })
    }
}

impl Watch {
    pub(crate) fn new(platform: &Platform) -> Self {
        Self { rooms: Rooms::new(platform) }
    }

    /// What others may have to be asked for is looked up first: behind the queue, where all of a school's events wait, there are some queries on one connection.
    async fn look(&self, event: &EventEnvelope, about: About) -> Result<(), Problem> {
        let (platform, school) = (self.rooms.platform(), event.school_id);
        if !alert_rules(platform, school).await?.iter().any(|rule| rule.is_active) {
            return Ok(());
        }
        let concerned = self.concerned(event, about).await?;
        if concerned.students.is_empty() {
            return Ok(());
        }
        let classes = classes_of(concerned.students.values().flatten());
        let calendars = self.rooms.calendars(school, &classes).await?;
        let remembered = rules(platform, school).await?;
        let mut transaction = platform.postgres(ServiceName::Attendance).school(school).await?;
        // What decides is read behind this: whoever comes later has seen no less.
        queue_up(transaction.connection()?).await?;
        let watched: Vec<AlertRule> = alert_rules_in(&mut transaction).await?.into_iter().filter(|rule| rule.is_active).collect();
        let rules = rules_in(&mut transaction).await?.unwrap_or(remembered);
        let (today, longest) = (rules.day_at(platform.clock().now()), watched.iter().map(|rule| u64::from(rule.window_days)).max());
        let back = |days| today.checked_sub_days(Days::new(days)).unwrap_or(today);
        let students: Vec<StudentId> = concerned.students.keys().copied().collect();
        let filter = MarkFilter { classes, students: Some(students), from: back(FURTHER + longest.unwrap_or(0)), to: today };
        let rows = marks_in(&mut transaction, platform, &filter).await?;
        let students = filter.students.as_deref().unwrap_or_default();
        let leaves = approved_leave_in(&mut transaction, students, filter.from, filter.to).await?;
        let days = days(&rows, &leaves, &calendars, &rules, &concerned.students);
        let findings = findings(&watched, &rules, &concerned, &days, (back(FURTHER), today));
        settle(&mut transaction, &findings, platform.clock().now()).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Whom the event concerns: whose leave it is about, whose marks were changed, or everybody in the register.
    async fn concerned(&self, event: &EventEnvelope, about: About) -> Result<Concerned, Problem> {
        let (school, directory) = (event.school_id, self.rooms.directory());
        let (mut left, class) = if let Some(student) = about.student_id {
            (vec![student], None)
        } else {
            let register = find_register(self.rooms.platform(), None, school, RegisterId::from_uuid(event.subject)).await?;
            let Some(register) = register else { return Ok(Concerned { students: Enrolled::new(), class: None }) };
            let everybody = || register.marks.iter().map(|mark| mark.student_id).collect();
            (about.student_ids.unwrap_or_else(everybody), Some(register.class_id))
        };
        let mut students = Enrolled::new();
        if let Some(class) = class {
            let seats = directory.roster(school, class).await?;
            students.extend(seats.into_iter().filter(|seat| left.contains(&seat.student_id)).map(|seat| (seat.student_id, seat.attends)));
            left.retain(|student| !students.contains_key(student));
        }
        // One student's leave, and the few of a register who are not in the class any more.
        for student in left {
            students.extend(directory.learner(school, student).await?.map(|learner| (student, learner.attends)));
        }
        Ok(Concerned { students, class })
    }
}

/// What the rules say of the students now. An episode is looked for from `since` on.
fn findings<'r>(
    watched: &'r [AlertRule],
    rules: &Rules,
    concerned: &Concerned,
    days: &HashMap<StudentId, Vec<MarkedDay>>,
    (since, today): (NaiveDate, NaiveDate),
) -> Vec<Finding<'r>> {
    let thresholds = Thresholds::from(&rules.settings);
    let mut findings = Vec::new();
    for (student, attends) in &concerned.students {
        let days = days.get(student).map(Vec::as_slice).unwrap_or_default();
        let last_on = days.last().map_or(today, |(day, _)| *day);
        let attended = || attends.iter().find(|attends| attends.covers(last_on)).map(|attends| attends.class_id);
        let Some(class) = concerned.class.or_else(attended) else { continue };
        let finding = |rule| Finding { rule, student: *student, class, last_on, episode: episode(rule, days, thresholds, since) };
        findings.extend(watched.iter().map(finding));
    }
    findings
}
