//! Whose attendance a caller may see and change: a teacher that of the classes they teach, a student their own, a parent their children's, the office all of it.

use std::ops::Deref;

use chrono::NaiveDate;
use directory::{Glance, Learner};
use domain::{ClassId, StudentId};
use service_kit::{Caller, Problem};
use store::StoreError;

use super::Rooms;
use crate::store::{all_classes, classes_of_learner};

pub(super) use directory::works_here;

/// The caller, and for whom they act.
pub(super) struct Viewer {
    pub(super) caller: Caller,
    acts: directory::Viewer,
}

impl Deref for Viewer {
    type Target = directory::Viewer;
    fn deref(&self) -> &directory::Viewer {
        &self.acts
    }
}

impl Rooms {
    /// The caller as the directory holds them now: for what commits in PostgreSQL, where no step into Redis confirms what was remembered.
    pub(super) async fn viewer(&self, caller: &Caller) -> Result<Viewer, StoreError> {
        let acts = directory::Viewer::of(&self.directory, caller.school_id, caller.user_id, caller.role, self.today()).await?;
        Ok(Viewer { caller: *caller, acts })
    }

    /// The caller at a glance.
    pub(super) async fn viewer_at(&self, glance: &Glance<'_>, caller: &Caller) -> Result<Viewer, StoreError> {
        let acts = directory::Viewer::at(glance, caller.user_id, caller.role, self.today()).await?;
        Ok(Viewer { caller: *caller, acts })
    }

    fn today(&self) -> NaiveDate {
        self.platform.clock().now().date_naive()
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
    /// Whether the registers of `class` are the caller's to take.
    pub(super) fn may_mark(&self, class: ClassId) -> bool {
        self.keeps(class)
    }
}
