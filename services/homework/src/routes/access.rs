//! Whose homework a caller may see and change: a teacher that of the classes they teach and what they set themselves, a student that of the classes they
//! attend and what was given to them before they left, a parent that of their children's, the office all of it.

use std::ops::Deref;

use directory::Glance;
use domain::Permission;
use service_kit::{Caller, Problem};
use store::StoreError;

use super::Rooms;
use crate::model::homework::{Homework, Status};

/// The caller, and for whom they act.
pub(super) struct Viewer(directory::Viewer);

impl Deref for Viewer {
    type Target = directory::Viewer;
    fn deref(&self) -> &directory::Viewer {
        &self.0
    }
}

impl Rooms {
    pub(super) async fn viewer(&self, glance: &Glance<'_>, caller: &Caller) -> Result<Viewer, StoreError> {
        let today = self.platform.clock().now().date_naive();
        Ok(Viewer(directory::Viewer::at(glance, caller.user_id, caller.role, today).await?))
    }
}

impl Viewer {
    /// Teachers of the class, who set it, and the office: they set, change and grade.
    pub(super) fn may_change(&self, homework: &Homework) -> bool {
        self.keeps(homework.class_id) || self.made(homework.created_by)
    }

    pub(super) fn may_see(&self, homework: &Homework) -> bool {
        let given = homework.assigned_at.unwrap_or(homework.created_at).date_naive();
        self.may_change(homework) || (homework.status != Status::Draft && self.was_given(homework.class_id, given))
    }

    /// What is not for the caller's eyes does not exist for them.
    pub(super) fn see(&self, homework: Option<Homework>) -> Result<Homework, Problem> {
        homework.filter(|homework| self.may_see(homework)).ok_or_else(|| Problem::not_found("homework"))
    }

    /// The homework to be changed: unknown to those who may not see it, forbidden to those who may only see it.
    pub(super) fn change(&self, homework: Option<Homework>) -> Result<Homework, Problem> {
        let homework = self.see(homework)?;
        if self.may_change(&homework) { Ok(homework) } else { Err(Problem::forbidden(Permission::HomeworkWrite)) }
    }
}
