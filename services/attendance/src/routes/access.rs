//! Whose attendance a caller may see and change: a teacher that of the classes they teach, a student their own, a parent their children's, the office all of it.

use chrono::{Days, NaiveDate};
use directory::{Learner, Person};
use domain::{ClassId, Role, StudentId, TeacherId};
use service_kit::{Caller, Problem};
use store::StoreError;

use super::Rooms;

/// The caller, with what the directory knows of them.
pub(super) struct Viewer {
    pub(super) caller: Caller,
    person: Person,
}

impl Rooms {
    pub(super) async fn viewer(&self, caller: &Caller) -> Result<Viewer, StoreError> {
        // The office may see all, so nothing about the person needs to be known.
        let person =
            if caller.role.is_office() { Person::default() } else { self.directory.person(caller.school_id, caller.user_id).await? };
        Ok(Viewer { caller: *caller, person })
    }

    /// The student, if the caller may see their attendance, and the classes whose registers the caller may see of them; all of them if none are named.
    pub(super) async fn student(&self, viewer: &Viewer, student: StudentId) -> Result<(Learner, Option<Vec<ClassId>>), Problem> {
        let missing = || Problem::not_found("student");
        if let Some(learner) = viewer.learner(student) {
            return Ok((learner.clone(), None));
        }
        if !viewer.works_here() {
            return Err(missing());
        }
        let learner = self.directory.learner(viewer.caller.school_id, student).await?.ok_or_else(missing)?;
        if viewer.is_office() {
            return Ok((learner, None));
        }
        let classes: Vec<ClassId> = learner.classes().filter(|class| viewer.teaches(*class)).collect();
        if classes.is_empty() { Err(missing()) } else { Ok((learner, Some(classes))) }
    }
}

impl Viewer {
    pub(super) fn is_office(&self) -> bool {
        self.caller.role.is_office()
    }

    /// Teachers and the office.
    pub(super) fn works_here(&self) -> bool {
        self.is_office() || self.caller.role == Role::Teacher
    }

    /// The role counts, not only the link: a teacher who is a parent too sees their child's attendance as a parent.
    pub(super) fn teaches(&self, class: ClassId) -> bool {
        self.caller.role == Role::Teacher && self.person.teaches(class)
    }

    pub(super) fn classes_taught(&self) -> &[ClassId] {
        if self.caller.role == Role::Teacher { &self.person.teaches } else { &[] }
    }

    pub(super) fn teacher_id(&self) -> Option<TeacherId> {
        self.person.teacher_id.filter(|_| self.caller.role == Role::Teacher)
    }

    /// Whether the registers of `class` are the caller's to take.
    pub(super) fn may_mark(&self, class: ClassId) -> bool {
        self.is_office() || self.teaches(class)
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

    /// Whether the caller teaches the student these days. A school's day is the UTC day or a neighbour of it, hence the day of grace on either side.
    pub(super) fn teaches_now(&self, learner: &Learner, today: NaiveDate) -> bool {
        let days = [today - Days::new(1), today, today + Days::new(1)];
        learner.attends.iter().any(|attends| self.teaches(attends.class_id) && days.iter().any(|day| attends.covers(*day)))
    }
}
