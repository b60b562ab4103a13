//! Whose calendar a caller sees, and what they may change in it: a teacher events of classes that they teach, the office all of them.

use std::ops::Deref;

use chrono::NaiveDate;
use directory::{Directory, Learner};
use domain::{ClassId, Fault, Permission, Role, SchoolId, StudentId, UserId};
use service_kit::{Caller, Problem};
use store::StoreError;

use crate::model::audience::{Audience, Reader};
use crate::model::event::{Event, Kind};

/// Somebody at the calendar, and for whom they act.
pub(super) struct Viewer(directory::Viewer);

impl Deref for Viewer {
    type Target = directory::Viewer;
    fn deref(&self) -> &directory::Viewer {
        &self.0
    }
}

impl Viewer {
    /// The caller of a request.
    pub(super) async fn of(directory: &Directory, caller: &Caller, today: NaiveDate) -> Result<Self, StoreError> {
        Self::as_role(directory, caller.school_id, caller.user_id, caller.role, today).await
    }

    /// A user in a role.
    pub(super) async fn as_role(
        directory: &Directory,
        school: SchoolId,
        user: UserId,
        role: Role,
        today: NaiveDate,
    ) -> Result<Self, StoreError> {
        Ok(Self(directory::Viewer::of(directory, school, user, role, today).await?))
    }

    /// The classes that they teach, learn in or have children in these days.
    pub(super) fn classes(&self) -> Vec<ClassId> {
        match self.role() {
            Role::Teacher => self.classes_taught().to_vec(),
            _ => self.learners().iter().flat_map(|learner| self.classes_of(learner)).collect(),
        }
    }

    /// The classes in which there is something for them to do or to see to: each learner's own, or those that a teacher teaches.
    pub(super) fn places(&self) -> Vec<(ClassId, Option<StudentId>)> {
        if self.role() == Role::Teacher {
            return self.classes_taught().iter().map(|class| (*class, None)).collect();
        }
        let of = |learner: &Learner| {
            let student = learner.student_id;
            self.classes_of(learner).into_iter().map(move |class| (class, Some(student)))
        };
        self.learners().iter().flat_map(of).collect()
    }

    /// As whom they read.
    pub(super) fn reader(&self) -> Reader {
        Reader::new(self.role(), self.user(), self.classes())
    }

    /// Whether an event for `audience` is theirs to put in. What is for nobody in particular, or for persons, is for the office to say.
    fn may_address(&self, audience: &Audience) -> bool {
        let own = |classes: &Vec<ClassId>| classes.iter().all(|class| self.teaches(*class));
        self.is_office() || (self.role() == Role::Teacher && audience.user_ids.is_none() && audience.class_ids.as_ref().is_some_and(own))
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
        self.is_office() || (event.created_by == self.user() && event.kind != Kind::Holiday && self.may_address(&event.audience))
    }

    /// The event to be changed: unknown to those who may not see it, forbidden to those who may only see it.
    pub(super) fn change(&self, event: Option<Event>) -> Result<Event, Problem> {
        let event = self.see(event)?;
        if self.may_change(&event) { Ok(event) } else { Err(Problem::forbidden(Permission::CalendarWrite)) }
    }
}
