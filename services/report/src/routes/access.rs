//! Whose grades a caller may see and change: a teacher those of the classes they teach, a student their own, a parent their children's, the office all.

use directory::{Directory, Learner, Person};
use domain::{ClassId, Permission, Role, ServiceName, StudentId};
use service_kit::{Caller, Platform, Problem};

/// The caller, with what the directory knows of them.
pub(super) struct Viewer {
    caller: Caller,
    person: Person,
    directory: Directory,
}

impl Viewer {
    pub(super) async fn of(platform: &Platform, caller: &Caller) -> Result<Self, Problem> {
        let directory = Directory::new(platform.redis().clone(), platform.postgres(ServiceName::Report).clone());
        // The office may see all, so nothing about the person needs to be known.
        let person = if caller.role.is_office() { Person::default() } else { directory.person(caller.school_id, caller.user_id).await? };
        Ok(Self { caller: *caller, person, directory })
    }

    /// Whether the caller keeps the book of `class`.
    pub(super) fn keeps(&self, class: ClassId) -> bool {
        self.caller.role.is_office() || (self.caller.role == Role::Teacher && self.person.teaches(class))
    }

    /// The class, if the caller keeps its book; what is not for them is not there, what they attend is not theirs to keep.
    pub(super) async fn keep(&self, class: ClassId) -> Result<directory::Class, Problem> {
        let found = self.directory.class(self.caller.school_id, class).await?.ok_or_else(|| Problem::not_found("class"))?;
        if self.keeps(class) {
            return Ok(found);
        }
        let attends = self.learners().iter().any(|learner| learner.classes().any(|attended| attended == class));
        Err(if attends { Problem::forbidden(Permission::GradesWrite) } else { Problem::not_found("class") })
    }

    /// The students in whose stead the caller looks: a student's own, a parent's children. The role counts, not only the link.
    fn learners(&self) -> &[Learner] {
        match self.caller.role {
            Role::Student => self.person.student.as_slice(),
            Role::Parent => &self.person.children,
            _ => &[],
        }
    }

    /// Whether the caller sees the student's grades as the student does.
    pub(super) fn stands_for(&self, student: StudentId) -> bool {
        self.learners().iter().any(|learner| learner.student_id == student)
    }

    /// Whether the caller looks as a parent.
    pub(super) fn is_parent(&self) -> bool {
        self.caller.role == Role::Parent
    }

    /// The student, if the caller may see any of their grades, with the classes whose grades those are.
    pub(super) async fn student(&self, student: StudentId) -> Result<(Learner, Vec<ClassId>), Problem> {
        let missing = || Problem::not_found("student");
        let learner = match self.learners().iter().find(|learner| learner.student_id == student) {
            Some(own) => own.clone(),
            None => self.directory.learner(self.caller.school_id, student).await?.ok_or_else(missing)?,
        };
        let all = self.stands_for(student);
        let mut classes: Vec<ClassId> = learner.classes().filter(|class| all || self.keeps(*class)).collect();
        classes.sort_unstable();
        classes.dedup();
        if all || self.caller.role.is_office() || !classes.is_empty() { Ok((learner, classes)) } else { Err(missing()) }
    }
}
