//! Whose rows a caller may see: the office everybody's; a teacher those of own classes; a student own; a parent the children's. Other staff see what the
//! school teaches, and no people.

use directory::{Learner, Person};
use domain::{ClassId, Role, StudentId, UserId};
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Condition, Query, SelectStatement};
use service_kit::Problem;
use store::entity::{class_subjects, classes, enrollments, students, teachers};
use uuid::Uuid;

use crate::desk::Desk;
use crate::model::row_status::RowStatus;

/// All of the school, or some of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    All,
    These(Vec<Uuid>),
}

impl Sight {
    /// Whether `id` is within sight.
    pub(crate) fn has(&self, id: Uuid) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.contains(&id),
        }
    }

    /// The rows whose `column` is within sight.
    pub(crate) fn condition(&self, column: impl ColumnTrait) -> Condition {
        match self {
            Self::All => Condition::all(),
            Self::These(ids) => Condition::all().add(column.is_in(ids.iter().copied())),
        }
    }
}

/// What one caller may see.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    office: bool,
    user: Option<UserId>,
    classes: Sight,
    /// Students whom the caller is or is a guardian of.
    own: Vec<Uuid>,
    /// Classes whose students the caller sees.
    taught: Vec<Uuid>,
    staff: bool,
}

impl Reach {
    /// The caller's.
    pub(crate) async fn of_caller<P>(desk: &Desk<P>) -> Result<Self, Problem> {
        let caller = desk.caller();
        if caller.role.is_office() {
            return Ok(Self::of_office());
        }
        Ok(Self::of(caller.role, caller.user_id, &desk.person().await?))
    }

    pub(crate) const fn of_office() -> Self {
        Self { office: true, user: None, classes: Sight::All, own: Vec::new(), taught: Vec::new(), staff: false }
    }

    /// The reach of `user` in `role`: a teacher who is a parent too sees the children only when logged in as a parent.
    pub(crate) fn of(role: Role, user: UserId, person: &Person) -> Self {
        let attended = |learners: &[&Learner]| {
            let mut ids: Vec<Uuid> = learners.iter().flat_map(|learner| learner.classes()).map(ClassId::as_uuid).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let learners: Vec<&Learner> = match role {
            Role::Student => person.student.iter().collect(),
            Role::Parent => person.children.iter().collect(),
            _ => Vec::new(),
        };
        let taught: Vec<Uuid> =
            if role == Role::Teacher { person.teaches.iter().copied().map(ClassId::as_uuid).collect() } else { Vec::new() };
        let classes = match role {
            Role::Staff => Sight::All,
            Role::Teacher => Sight::These(taught.clone()),
            _ => Sight::These(attended(&learners)),
        };
        let own = learners.iter().map(|learner| learner.student_id).map(StudentId::as_uuid).collect();
        Self { office: role.is_office(), user: Some(user), classes, own, taught, staff: role == Role::Staff }
    }

    /// Whether the caller sees the whole school.
    pub(crate) const fn is_office(&self) -> bool {
        self.office
    }

    /// Which rows of a list to show: only the office may ask for those that are not in use.
    pub(crate) fn status(&self, asked: Option<RowStatus>) -> RowStatus {
        asked.filter(|_| self.office).unwrap_or(RowStatus::Active)
    }

    /// Whether `user` is the caller.
    pub(crate) fn is_self(&self, user: Uuid) -> bool {
        self.user.is_some_and(|own| own.as_uuid() == user)
    }

    /// Whether the caller teaches: sees students of own classes as the office does.
    pub(crate) const fn teaches(&self) -> bool {
        !self.taught.is_empty()
    }

    /// The classes within sight.
    pub(crate) const fn classes(&self) -> &Sight {
        &self.classes
    }

    /// The students within sight, as a condition on `students`.
    pub(crate) fn students(&self) -> Condition {
        if self.office {
            return Condition::all();
        }
        let mut seen = Condition::any().add(students::Column::Id.is_in(self.own.iter().copied()));
        if self.teaches() {
            let taught = || self.taught.iter().copied();
            seen = seen
                .add(students::Column::ClassId.is_in(taught()))
                .add(students::Column::Id.in_subquery(enrolled(Condition::all().add(enrollments::Column::ClassId.is_in(taught())))));
        }
        seen
    }

    /// The enrolments within sight, as a condition on `enrollments`.
    pub(crate) fn enrollments(&self) -> Condition {
        if self.office || self.staff {
            return Condition::all();
        }
        Condition::any()
            .add(enrollments::Column::StudentId.is_in(self.own.iter().copied()))
            .add(enrollments::Column::ClassId.is_in(self.taught.iter().copied()))
    }

    /// The teachers within sight, as a condition on `teachers`: those of the classes within sight, and oneself.
    pub(crate) fn teachers(&self) -> Condition {
        let (Sight::These(ids), Some(user)) = (&self.classes, self.user) else { return Condition::all() };
        let mut seen = Condition::any().add(teachers::Column::UserId.eq(user.as_uuid()));
        if !ids.is_empty() {
            let ids = || ids.iter().copied();
            let by_subject = Query::select()
                .column(class_subjects::Column::TeacherId)
                .from(class_subjects::Entity)
                .cond_where(class_subjects::Column::ClassId.is_in(ids()))
                .and_where(class_subjects::Column::TeacherId.is_not_null())
                .take();
            let by_class = Query::select()
                .column(classes::Column::ClassTeacherId)
                .from(classes::Entity)
                .cond_where(classes::Column::Id.is_in(ids()))
                .and_where(classes::Column::ClassTeacherId.is_not_null())
                .take();
            seen = seen.add(teachers::Column::Id.in_subquery(by_subject)).add(teachers::Column::Id.in_subquery(by_class));
        }
        seen
    }

    /// The rows that belong to the caller, or all for the office; `column` holds a user.
    pub(crate) fn only_self(&self, column: impl ColumnTrait) -> Condition {
        match self.user {
            Some(user) if !self.office => Condition::all().add(column.eq(user.as_uuid())),
            _ => Condition::all(),
        }
    }
}

/// The ids of the students who have an enrolment under `condition`.
pub(crate) fn enrolled(condition: Condition) -> SelectStatement {
    Query::select()
        .column(enrollments::Column::StudentId)
        .from(enrollments::Entity)
        .cond_where(condition)
        .and_where(enrollments::Column::Status.eq("active"))
        .take()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learner(class: ClassId) -> Learner {
        let begin_date = "2026-06-01".parse().unwrap();
        Learner { student_id: StudentId::generate(), attends: vec![directory::Attends { class_id: class, begin_date, end_date: None }] }
    }

    #[test]
    fn a_person_of_many_parts_reaches_only_as_far_as_the_role_of_the_token() {
        let [taught, attended, of_child] = [ClassId::generate(), ClassId::generate(), ClassId::generate()];
        let person =
            Person { student: Some(learner(attended)), teacher_id: None, teaches: vec![taught], children: vec![learner(of_child)] };
        let user = UserId::generate();
        let classes = |role| Reach::of(role, user, &person).classes;
        assert_eq!(classes(Role::Teacher), Sight::These(vec![taught.as_uuid()]));
        assert_eq!(classes(Role::Student), Sight::These(vec![attended.as_uuid()]));
        assert_eq!(classes(Role::Parent), Sight::These(vec![of_child.as_uuid()]));
        assert_eq!(classes(Role::Staff), Sight::All);
        for role in Role::ALL.iter().filter(|role| !role.is_office()) {
            assert!(!Reach::of(*role, user, &person).is_office(), "{role}");
        }
        assert_eq!(Reach::of(Role::Parent, user, &person).own, vec![person.children[0].student_id.as_uuid()]);
    }
}
