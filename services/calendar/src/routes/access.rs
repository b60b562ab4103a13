//! Whose calendar a caller sees, and what they may change in it: a teacher events of classes that they teach, the office all of them.

use chrono::{Days, NaiveDate};
use directory::{Directory, Learner, Person};
use domain::{ClassId, Fault, Permission, Role, SchoolId, StudentId, TeacherId, UserId};
use service_kit::{Caller, Problem};
use store::StoreError;

use crate::model::audience::{Audience, Reader};
use crate::model::event::{Event, Kind};

/// Somebody at the calendar, with what the directory knows of them.
pub(super) struct Viewer {
    pub(super) role: Role,
    pub(super) user: UserId,
    person: Person,
    today: NaiveDate,
}

impl Viewer {
    /// The caller of a request.
    pub(super) async fn of(directory: &Directory, caller: &Caller, today: NaiveDate) -> Result<Self, StoreError> {
        Self::as_role(directory, caller.school_id, caller.user_id, caller.role, today).await
    }

    /// A user in a role. The role counts, not only the link: a teacher who is a parent too sees their child's classes as a parent.
    pub(super) async fn as_role(
        directory: &Directory,
        school: SchoolId,
        user: UserId,
        role: Role,
        today: NaiveDate,
    ) -> Result<Self, StoreError> {
        // The office may see all, so nothing about the person needs to be known.
        let person = if role.is_office() { Person::default() } else { directory.person(school, user).await? };
        Ok(Self { role, user, person, today })
    }

    pub(super) fn is_office(&self) -> bool {
        self.role.is_office()
    }

    /// Teachers and the office.
    pub(super) fn works_here(&self) -> bool {
        self.is_office() || self.role == Role::Teacher
    }

    pub(super) fn teacher_id(&self) -> Option<TeacherId> {
        self.person.teacher_id.filter(|_| self.role == Role::Teacher)
    }

    /// The students in whose stead the caller looks: a student's own, a parent's children.
    pub(super) fn learners(&self) -> &[Learner] {
        match self.role {
            Role::Student => self.person.student.as_slice(),
            Role::Parent => &self.person.children,
            _ => &[],
        }
    }

    pub(super) fn learner(&self, student: StudentId) -> Option<&Learner> {
        self.learners().iter().find(|learner| learner.student_id == student)
    }

    /// Whether the student is in the class these days. A school's day is the UTC day or a neighbour of it, hence the day of grace on either side.
    pub(super) fn is_in(&self, learner: &Learner, class: ClassId) -> bool {
        [self.today - Days::new(1), self.today, self.today + Days::new(1)].iter().any(|day| learner.is_in(class, *day))
    }

    /// The classes that they teach, learn in or have children in these days.
    pub(super) fn classes(&self) -> Vec<ClassId> {
        match self.role {
            Role::Teacher => self.person.teaches.clone(),
            _ => self.learners().iter().flat_map(|learner| learner.classes().filter(|class| self.is_in(learner, *class))).collect(),
        }
    }

    /// The classes in which there is something for them to do or to see to: each learner's own, or those that a teacher teaches.
    pub(super) fn places(&self) -> Vec<(ClassId, Option<StudentId>)> {
        if self.role == Role::Teacher {
            return self.person.teaches.iter().map(|class| (*class, None)).collect();
        }
        let of = |learner: &Learner| {
            let mut classes: Vec<ClassId> = learner.classes().filter(|class| self.is_in(learner, *class)).collect();
            classes.sort_unstable();
            classes.dedup();
            let student = learner.student_id;
            classes.into_iter().map(move |class| (class, Some(student)))
        };
        self.learners().iter().flat_map(of).collect()
    }

    /// As whom they read.
    pub(super) fn reader(&self) -> Reader {
        Reader::new(self.role, self.user, self.classes())
    }

    /// Whether an event for `audience` is theirs to put in. What is for nobody in particular, or for persons, is for the office to say.
    fn may_address(&self, audience: &Audience) -> bool {
        let own = |classes: &Vec<ClassId>| classes.iter().all(|class| self.person.teaches(*class));
        self.is_office() || (self.role == Role::Teacher && audience.user_ids.is_none() && audience.class_ids.as_ref().is_some_and(own))
    }

    /// Faults of an event that they may not put in like this.
    pub(super) fn authority(&self, kind: Kind, audience: &Audience) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !self.is_office() && kind == Kind::Holiday {
            faults.push(Fault::new("/kind", "holidays are the office's to declare"));
        }
        if !self.may_address(audience) {
            faults.push(Fault::new("/audience", "must be class_ids of classes that you teach"));
        }
        faults
    }

    /// The event, if they may see it: what is not for their eyes does not exist for them.
    pub(super) fn see(&self, event: Option<Event>) -> Result<Event, Problem> {
        let visible = |event: &Event| event.audience.includes(&self.reader()) || self.may_change(event);
        event.filter(|event| event.master_event_id.is_none() && visible(event)).ok_or_else(|| Problem::not_found("event"))
    }

    fn may_change(&self, event: &Event) -> bool {
        self.is_office() || (event.created_by == self.user && event.kind != Kind::Holiday && self.may_address(&event.audience))
    }

    /// The event to be changed: unknown to those who may not see it, forbidden to those who may only see it.
    pub(super) fn change(&self, event: Option<Event>) -> Result<Event, Problem> {
        let event = self.see(event)?;
        if self.may_change(&event) { Ok(event) } else { Err(Problem::forbidden(Permission::CalendarWrite)) }
    }
}
