//! Whose grades a caller may see and change: a teacher those of the classes they teach, a student their own, a parent their children's, the office all.

use std::ops::Deref;

use directory::{Directory, Learner};
use domain::{ClassId, Permission, SchoolId, ServiceName, StudentId};
use service_kit::{Caller, Platform, Problem};

/// The caller, and for whom they act.
pub(super) struct Viewer {
    school: SchoolId,
    acts: directory::Viewer,
    directory: Directory,
}

impl Deref for Viewer {
    type Target = directory::Viewer;
    fn deref(&self) -> &directory::Viewer {
        &self.acts
    }
}

impl Viewer {
    pub(super) async fn of(platform: &Platform, caller: &Caller) -> Result<Self, Problem> {
        let directory = Directory::new(platform.redis().clone(), platform.postgres(ServiceName::Report).clone());
        let (school, today) = (caller.school_id, platform.clock().now().date_naive());
        let acts = directory::Viewer::of(&directory, school, caller.user_id, caller.role, today).await?;
        Ok(Self { school, acts, directory })
    }

    /// The class, if the caller keeps its book; what is not for them is not there, what they attend is not theirs to keep.
    pub(super) async fn keep(&self, class: ClassId) -> Result<directory::Class, Problem> {
        let found = self.directory.class(self.school, class).await?.ok_or_else(|| Problem::not_found("class"))?;
        if self.keeps(class) {
            return Ok(found);
        }
        let attends = self.learners().iter().any(|learner| learner.classes().any(|attended| attended == class));
        Err(if attends { Problem::forbidden(Permission::GradesWrite) } else { Problem::not_found("class") })
    }

    /// The student, if the caller may see any of their grades, with the classes whose grades those are.
    pub(super) async fn student(&self, student: StudentId) -> Result<(Learner, Vec<ClassId>), Problem> {
        let missing = || Problem::not_found("student");
        let learner = match self.learner(student) {
            Some(own) => own.clone(),
            None => self.directory.learner(self.school, student).await?.ok_or_else(missing)?,
        };
        let all = self.stands_for(student);
        let mut classes: Vec<ClassId> = learner.classes().filter(|class| all || self.keeps(*class)).collect();
        classes.sort_unstable();
        classes.dedup();
        if all || self.is_office() || !classes.is_empty() { Ok((learner, classes)) } else { Err(missing()) }
    }
}
