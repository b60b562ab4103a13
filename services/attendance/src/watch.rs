//! Looking after alerts: when a register was taken or corrected, or leave was decided, the rules are looked at anew for the students whom that concerns.
//!
//! An event only says where to look. What the marks say now decides, so that an event that comes twice, late or out of order changes nothing. Nobody who marks
//! a register waits for this. An episode that is over before anybody could look, because this service was down for days, raises no alert: nobody can do anything
//! about it any more.

use async_trait::async_trait;
use chrono::Days;
use domain::{ClassId, EventEnvelope, EventKind, RegisterId, SchoolId, ServiceName, StudentId};
use events::{HandleError, Handler};
use serde::Deserialize;
use service_kit::{Kind, Platform, Problem};

use crate::model::alert::{AlertRule, FURTHER, episode};
use crate::model::day_value::Thresholds;
use crate::routes::{Enrolled, Rooms};
use crate::store::{Finding, MarkFilter, active_rules, classes_of_learner, find_register, queue_up, rules, settle};

/// What is listened to.
pub(crate) const KINDS: &[EventKind] =
    &[EventKind::AttendanceTaken, EventKind::AttendanceCorrected, EventKind::LeaveApproved, EventKind::LeaveWithdrawn];

/// The consumer.
pub(crate) struct Watch {
    rooms: Rooms,
}

#[derive(Deserialize)]
struct About {
    student_id: Option<StudentId>,
}

#[async_trait]
impl Handler for Watch {
    async fn handle(&self, event: &EventEnvelope) -> Result<(), HandleError> {
        let about: About = serde_json::from_str(&event.data).map_err(|error| HandleError::Failed(error.to_string()))?;
        self.look(event, about.student_id).await.map_err(|problem| match problem.kind() {
            Kind::Unavailable => HandleError::Unavailable(problem.to_string()),
            _ => HandleError::Failed(problem.to_string()),
        })
    }
}

impl Watch {
    pub(crate) fn new(platform: &Platform) -> Self {
        Self { rooms: Rooms::new(platform) }
    }

    async fn look(&self, event: &EventEnvelope, student: Option<StudentId>) -> Result<(), Problem> {
        let (platform, school) = (self.rooms.platform(), event.school_id);
        if active_rules(platform, school).await?.is_empty() {
            return Ok(());
        }
        let (students, class) = if let Some(student) = student {
            (vec![student], None)
        } else {
            let register = find_register(platform, None, school, RegisterId::from_uuid(event.subject)).await?;
            let Some(register) = register else { return Ok(()) };
            (register.marks.iter().map(|mark| mark.student_id).collect(), Some(register.class_id))
        };
        let mut transaction = platform.postgres(ServiceName::Attendance).school(school).await?;
        // The rules and the marks are read behind this: whoever comes later has seen no less.
        queue_up(transaction.connection()?).await?;
        let rules = active_rules(platform, school).await?;
        let findings = self.findings(school, &rules, &students, class).await?;
        settle(&mut transaction, &findings, platform.clock().now()).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What the rules say of the students now.
    async fn findings<'r>(
        &self,
        school: SchoolId,
        watched: &'r [AlertRule],
        students: &[StudentId],
        class: Option<ClassId>,
    ) -> Result<Vec<Finding<'r>>, Problem> {
        let (mut enrolled, mut classes) = (Enrolled::new(), Vec::new());
        for student in students {
            let Some(learner) = self.rooms.directory().learner(school, *student).await? else { continue };
            classes.extend(classes_of_learner(&learner));
            enrolled.insert(*student, learner.attends);
        }
        classes.sort_unstable();
        classes.dedup();
        let of_school = rules(self.rooms.platform(), school).await?;
        let today = of_school.day_at(self.rooms.platform().clock().now());
        let longest = watched.iter().map(|rule| u64::from(rule.window_days)).max().unwrap_or(0);
        let back = |days| today.checked_sub_days(Days::new(days)).unwrap_or(today);
        let (since, from) = (back(FURTHER), back(FURTHER + longest));
        let filter = MarkFilter { classes, student: None, from, to: today };
        let days = self.rooms.days(school, &of_school, &enrolled, &filter).await?;
        let thresholds = Thresholds::from(&of_school.settings);
        let mut findings = Vec::new();
        for (student, attends) in &enrolled {
            let days = days.get(student).map(Vec::as_slice).unwrap_or_default();
            let last_on = days.last().map_or(today, |(day, _)| *day);
            let attended = || attends.iter().find(|attends| attends.covers(last_on)).map(|attends| attends.class_id);
            let Some(class) = class.or_else(attended) else { continue };
            let finding = |rule| Finding { rule, student: *student, class, last_on, episode: episode(rule, days, thresholds, since) };
            findings.extend(watched.iter().map(finding));
        }
        Ok(findings)
    }
}
