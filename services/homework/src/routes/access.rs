//! Whose homework a caller may see and change: a teacher that of the classes they teach and what they set themselves, a student that of the classes they
//! attend and what was given to them before they left, a parent that of their children's, the office all of it.

use std::sync::Arc;

use chrono::{Days, NaiveDate};
use directory::{Glance, Learner, Person};
use domain::{ClassId, Role, StudentId};
use service_kit::{Caller, Problem};
use store::StoreError;

use super::Rooms;
use crate::model::homework::{Homework, Status};

/// The caller, with what the directory knows of them.
pub(super) struct Viewer {
    caller: Caller,
    person: Arc<Person>,
    /// Today in UTC. A school's own day is this one or a neighbour of it, so enrolments are judged with a day of grace on either side.
    today: NaiveDate,
}

impl Rooms {
    pub(super) async fn viewer(&self, glance: &Glance<'_>, caller: &Caller) -> Result<Viewer, StoreError> {
        // The office may see all, so nothing about the person needs to be known.
        let person = if caller.role.is_office() { Arc::default() } else { glance.person(caller.user_id).await? };
        Ok(Viewer { caller: *caller, person, today: self.platform.clock().now().date_naive() })
    }
}

impl Viewer {
    /// The role counts, not only the link: a teacher who is a parent too sees their child's homework as a parent.
    pub(super) fn teaches(&self, class: ClassId) -> bool {
        self.caller.role == Role::Teacher && self.person.teaches(class)
    }

    pub(super) fn classes_taught(&self) -> &[ClassId] {
        if self.caller.role == Role::Teacher { &self.person.teaches } else { &[] }
    }

    pub(super) fn teacher_id(&self) -> Option<domain::TeacherId> {
        self.person.teacher_id
    }

    /// The students in whose stead the caller looks: a student's own, a parent's children.
    pub(super) fn learners(&self) -> &[Learner] {
        match self.caller.role {
            Role::Student => self.person.student.as_slice(),
            Role::Parent => &self.person.children,
            _ => &[],
        }
    }

    pub(super) fn learner(&self, student: StudentId) -> Option<&Learner> {
        self.learners().iter().find(|learner| learner.student_id == student)
    }

    /// The caller as the student who hands in.
    pub(super) fn as_student(&self) -> Option<&Learner> {
        if self.caller.role == Role::Student { self.person.student.as_ref() } else { None }
    }

    /// Teachers and the office: they set, change and grade.
    pub(super) fn may_change(&self, homework: &Homework) -> bool {
        self.caller.role.is_office() || self.teaches(homework.class_id) || self.set_it(homework)
    }

    /// Set it and still is a teacher.
    fn set_it(&self, homework: &Homework) -> bool {
        self.caller.role == Role::Teacher && homework.created_by == self.caller.user_id
    }

    pub(super) fn may_see(&self, homework: &Homework) -> bool {
        self.may_change(homework)
            || (homework.status != Status::Draft && self.learners().iter().any(|learner| self.was_given(learner, homework)))
    }

    /// Whether `homework` was given to `learner`: their time in the class has begun, and was not over when it was given. What was given to them stays in their
    /// sight after they have left.
    fn was_given(&self, learner: &Learner, homework: &Homework) -> bool {
        let given = homework.assigned_at.unwrap_or(homework.created_at).date_naive();
        learner.attends.iter().any(|attends| {
            attends.class_id == homework.class_id
                && attends.begin_date <= self.today + Days::new(1)
                && attends.end_date.is_none_or(|end| given <= end + Days::new(1))
        })
    }

    /// The classes that `learner` is in these days.
    pub(super) fn classes_of(&self, learner: &Learner) -> Vec<ClassId> {
        let days = [self.today - Days::new(1), self.today, self.today + Days::new(1)];
        let now = learner.attends.iter().filter(|attends| days.iter().any(|day| attends.covers(*day)));
        now.map(|attends| attends.class_id).collect()
    }

    /// What is not for the caller's eyes does not exist for them.
    pub(super) fn see(&self, homework: Option<Homework>) -> Result<Homework, Problem> {
        homework.filter(|homework| self.may_see(homework)).ok_or_else(|| Problem::not_found("homework"))
    }

    /// The homework to be changed: unknown to those who may not see it, forbidden to those who may only see it.
    pub(super) fn change(&self, homework: Option<Homework>) -> Result<Homework, Problem> {
        let homework = self.see(homework)?;
        if self.may_change(&homework) { Ok(homework) } else { Err(Problem::forbidden(domain::Permission::HomeworkWrite)) }
    }
}
