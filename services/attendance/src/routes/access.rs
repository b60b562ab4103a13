//! Whose attendance a caller may see and change: a teacher that of the classes they teach, a student their own, a parent their children's, the office all of it.

use std::sync::Arc;

use chrono::{Days, NaiveDate};
use directory::{Glance, Learner, Person};
use domain::{ClassId, Role, StudentId, TeacherId};
use service_kit::{Caller, Problem};
use store::StoreError;

use super::Rooms;
use crate::store::{all_classes, classes_of_learner};

/// The caller, with what the directory knows of them.
pub(super) struct Viewer {
    pub(super) caller: Caller,
    person: Arc<Person>,
}

impl Rooms {
    /// The caller as the directory holds them now: for what commits in PostgreSQL, where no step into Redis confirms what was remembered.
    pub(super) async fn viewer(&self, caller: &Caller) -> Result<Viewer, StoreError> {
        // The office may see all, so nothing about the person needs to be known.
        let person =
            if caller.role.is_office() { Arc::default() } else { Arc::new(self.directory.person(caller.school_id, caller.user_id).await?) };
        Ok(Viewer { caller: *caller, person })
    }

    /// The caller at a glance.
    pub(super) async fn viewer_at(&self, glance: &Glance<'_>, caller: &Caller) -> Result<Viewer, StoreError> {
        let person = if caller.role.is_office() { Arc::default() } else { glance.person(caller.user_id).await? };
        Ok(Viewer { caller: *caller, person })
    }

    /// The classes that a report is about: `class` alone, else all that the caller may mark.
    pub(super) async fn classes(&self, viewer: &Viewer, class: Option<ClassId>) -> Result<Vec<ClassId>, Problem> {
        match class {
            Some(class) if viewer.may_mark(class) => Ok(vec![class]),
            Some(_) => Err(Problem::not_found("class")),
            None if viewer.is_office() => Ok(all_classes(&self.platform, viewer.caller.school_id).await?),
            None => Ok(viewer.classes_taught().to_vec()),
        }
    }

    /// The student, if the caller may see their attendance, and the classes whose registers the caller may see of them.
    pub(super) async fn student(&self, caller: &Caller, student: StudentId) -> Result<(Learner, Vec<ClassId>), Problem> {
        let look = async |glance: &Glance<'_>| {
            let missing = || Problem::not_found("student");
            let viewer = self.viewer_at(glance, caller).await?;
            if let Some(learner) = viewer.learner(student) {
                return Ok((learner.clone(), classes_of_learner(learner)));
            }
            if !viewer.works_here() {
                return Err(missing());
            }
            let learner = glance.learner(student).await?.ok_or_else(missing)?;
            let mut classes = classes_of_learner(&learner);
            if !viewer.is_office() {
                classes.retain(|class| viewer.teaches(*class));
                if classes.is_empty() {
                    return Err(missing());
                }
            }
            Ok((Learner::clone(&learner), classes))
        };
        self.directory.consult(caller.school_id, look).await
    }
}

impl Viewer {
    pub(super) fn is_office(&self) -> bool {
        self.caller.role.is_office()
    }

    /// Teachers and the office.
    fn works_here(&self) -> bool {
        works_here(self.caller.role)
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

/// Teachers and the office.
pub(super) fn works_here(role: Role) -> bool {
    role.is_office() || role == Role::Teacher
}
