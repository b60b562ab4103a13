//! For whom somebody acts in a school: the one place that decides it, for every service. What follows from it for a row is the services' to say.
//!
//! The role of the token counts, not only the link: a teacher who is a parent too acts for their child only when they come as a parent.

use std::sync::Arc;

use chrono::{Days, NaiveDate};
use domain::{ClassId, Role, SchoolId, StudentId, TeacherId, UserId};
use store::StoreError;

use crate::{Attends, Directory, Glance, Learner, Person};

impl Attends {
    /// Whether the days about `today`, a day in UTC, are within it. A school's own day is this one or a neighbour of it, hence a day of grace on either side.
    #[must_use]
    pub fn covers_these_days(&self, today: NaiveDate) -> bool {
        [today - Days::new(1), today, today + Days::new(1)].iter().any(|day| self.covers(*day))
    }
}

impl Learner {
    /// Whether the student is in `class` these days; `today` is a day in UTC.
    #[must_use]
    pub fn is_in_these_days(&self, class: ClassId, today: NaiveDate) -> bool {
        self.attends.iter().any(|attends| attends.class_id == class && attends.covers_these_days(today))
    }
}

/// Somebody in a role, with what the directory knows of them.
#[derive(Debug, Clone)]
pub struct Viewer {
    role: Role,
    user: UserId,
    person: Arc<Person>,
    /// In UTC.
    today: NaiveDate,
}

impl Viewer {
    /// A user as the directory holds them now: for what commits in PostgreSQL, where no step into Redis confirms what was remembered. `today` is a day in UTC.
    pub async fn of(directory: &Directory, school: SchoolId, user: UserId, role: Role, today: NaiveDate) -> Result<Self, StoreError> {
        // The office may see all, so nothing about the person needs to be known.
        let person = if role.is_office() { Arc::default() } else { Arc::new(directory.person(school, user).await?) };
        Ok(Self { role, user, person, today })
    }

    /// The same from what is remembered, for hot routes: what they read and write confirms it.
    pub async fn at(glance: &Glance<'_>, user: UserId, role: Role, today: NaiveDate) -> Result<Self, StoreError> {
        let person = if role.is_office() { Arc::default() } else { glance.person(user).await? };
        Ok(Self { role, user, person, today })
    }

    /// The role.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The user.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// Whether they run the school.
    #[must_use]
    pub const fn is_office(&self) -> bool {
        self.role.is_office()
    }

    /// Whether they look as a parent.
    #[must_use]
    pub fn is_parent(&self) -> bool {
        self.role == Role::Parent
    }

    /// Teachers and the office: who works here rather than learns.
    #[must_use]
    pub fn works_here(&self) -> bool {
        works_here(self.role)
    }

    /// As a teacher.
    #[must_use]
    pub fn teacher_id(&self) -> Option<TeacherId> {
        self.person.teacher_id.filter(|_| self.role == Role::Teacher)
    }

    /// The classes that they teach.
    #[must_use]
    pub fn classes_taught(&self) -> &[ClassId] {
        if self.role == Role::Teacher { &self.person.teaches } else { &[] }
    }

    /// Whether they teach `class`.
    #[must_use]
    pub fn teaches(&self, class: ClassId) -> bool {
        self.classes_taught().contains(&class)
    }

    /// Whether they teach the student.
    #[must_use]
    pub fn teaches_now(&self, learner: &Learner, today: NaiveDate) -> bool {
        learner.attends.iter().any(|attends| self.teaches(attends.class_id) && attends.covers_these_days(today))
    }

    /// Whether what is kept of `class` is theirs to keep: its teachers' and the office's.
    #[must_use]
    pub fn keeps(&self, class: ClassId) -> bool {
        self.is_office() || self.teaches(class)
    }

    /// Whether they put something in, and still are a teacher.
    #[must_use]
    pub fn made(&self, created_by: UserId) -> bool {
        self.role == Role::Teacher && created_by == self.user
    }

    /// The students for whom they act: a student for themselves, a parent for their children.
    #[must_use]
    pub fn learners(&self) -> &[Learner] {
        match self.role {
            Role::Student => self.person.student.as_slice(),
            Role::Parent => &self.person.children,
            _ => &[],
        }
    }

    /// The student, if they act for them.
    #[must_use]
    pub fn learner(&self, student: StudentId) -> Option<&Learner> {
        self.learners().iter().find(|learner| learner.student_id == student)
    }

    /// Whether they act for the student.
    #[must_use]
    pub fn stands_for(&self, student: StudentId) -> bool {
        self.learner(student).is_some()
    }

    /// Themselves as the student whom something is asked of.
    #[must_use]
    pub fn as_student(&self) -> Option<&Learner> {
        if self.role == Role::Student { self.person.student.as_ref() } else { None }
    }

    /// Whether the student is in the class these days.
    #[must_use]
    pub fn is_in(&self, learner: &Learner, class: ClassId) -> bool {
        learner.is_in_these_days(class, self.today)
    }

    /// The classes that the student is in these days, each once.
    #[must_use]
    pub fn classes_of(&self, learner: &Learner) -> Vec<ClassId> {
        let now = learner.attends.iter().filter(|attends| attends.covers_these_days(self.today));
        let mut classes: Vec<ClassId> = now.map(|attends| attends.class_id).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// Whether something of `class` that was given on the day `given`, in UTC, was given to one of those for whom they act: their time in the class has begun, and was
    /// not over when it was given. What was given to them stays in their sight after they have left.
    #[must_use]
    pub fn was_given(&self, class: ClassId, given: NaiveDate) -> bool {
        let had = |attends: &Attends| {
            attends.class_id == class
                && attends.begin_date <= self.today + Days::new(1)
                && attends.end_date.is_none_or(|end| given <= end + Days::new(1))
        };
        self.learners().iter().any(|learner| learner.attends.iter().any(had))
    }
}

/// Teachers and the office: who works in a school rather than learns there.
#[must_use]
pub fn works_here(role: Role) -> bool {
    role.is_office() || role == Role::Teacher
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn learner(class: ClassId, begin: &str, end: Option<&str>) -> Learner {
        Learner {
            student_id: StudentId::generate(),
            attends: vec![Attends { class_id: class, begin_date: day(begin), end_date: end.map(day) }],
        }
    }

    /// Somebody who has every part at once, in a role.
    fn everything(role: Role) -> (Viewer, Person, ClassId) {
        let class = ClassId::generate();
        let person = Person {
            student: Some(learner(ClassId::generate(), "2026-01-01", None)),
            teacher_id: Some(TeacherId::generate()),
            teaches: vec![class],
            children: vec![learner(ClassId::generate(), "2026-01-01", None), learner(ClassId::generate(), "2026-01-01", None)],
        };
        let viewer = Viewer { role, user: UserId::generate(), person: Arc::new(person.clone()), today: day("2026-07-01") };
        (viewer, person, class)
    }

    #[test]
    fn the_role_decides_for_whom_somebody_acts_who_has_every_part_at_once() {
        for role in Role::ALL {
            let (viewer, person, class) = everything(*role);
            let (is_teacher, is_office) = (*role == Role::Teacher, role.is_office());
            assert_eq!(viewer.teaches(class), is_teacher, "{role:?}");
            assert_eq!(viewer.classes_taught().is_empty(), !is_teacher, "{role:?}");
            assert_eq!(viewer.teacher_id(), person.teacher_id.filter(|_| is_teacher), "{role:?}");
            assert_eq!(viewer.made(viewer.user()), is_teacher, "{role:?}");
            assert_eq!(viewer.keeps(class), is_teacher || is_office, "{role:?}");
            assert_eq!(viewer.keeps(ClassId::generate()), is_office, "{role:?}");
            assert_eq!(viewer.works_here(), is_teacher || is_office, "{role:?}");
            let stands_for: &[Learner] = match role {
                Role::Student => person.student.as_slice(),
                Role::Parent => &person.children,
                _ => &[],
            };
            assert_eq!(viewer.learners(), stands_for, "{role:?}");
            assert_eq!(viewer.as_student(), person.student.as_ref().filter(|_| *role == Role::Student), "{role:?}");
            for student in person.student.iter().chain(&person.children) {
                let acts = stands_for.contains(student);
                assert_eq!(viewer.stands_for(student.student_id), acts, "{role:?}");
                assert_eq!(viewer.learner(student.student_id), Some(student).filter(|_| acts), "{role:?}");
                let class = student.attends[0].class_id;
                assert_eq!(viewer.was_given(class, day("2026-06-01")), acts, "{role:?}");
            }
        }
    }

    #[test]
    fn a_teacher_did_not_make_what_another_made() {
        let (viewer, _, _) = everything(Role::Teacher);
        assert!(!viewer.made(UserId::generate()));
    }

    #[test]
    fn these_days_are_today_and_its_neighbours() {
        let (viewer, _, _) = everything(Role::Parent);
        let class = ClassId::generate();
        for (begin, end, is_in) in [
            ("2026-07-01", Some("2026-07-01"), true),
            ("2026-06-01", None, true),
            ("2026-06-01", Some("2026-06-30"), true),
            ("2026-06-01", Some("2026-06-29"), false),
            ("2026-07-02", None, true),
            ("2026-07-03", None, false),
        ] {
            let learner = learner(class, begin, end);
            assert_eq!(viewer.is_in(&learner, class), is_in, "{begin} to {end:?}");
            assert_eq!(viewer.classes_of(&learner), if is_in { vec![class] } else { Vec::new() }, "{begin} to {end:?}");
            assert!(!viewer.is_in(&learner, ClassId::generate()));
        }
    }

    #[test]
    fn whoever_teaches_a_student_does_so_only_while_the_student_is_in_the_class() {
        let (viewer, _, class) = everything(Role::Teacher);
        let was_there = learner(class, "2026-01-01", Some("2026-06-30"));
        assert!(viewer.teaches_now(&was_there, day("2026-07-01")));
        assert!(!viewer.teaches_now(&was_there, day("2026-07-02")));
        assert!(!viewer.teaches_now(&learner(ClassId::generate(), "2026-01-01", None), day("2026-07-01")));
        assert!(!everything(Role::Parent).0.teaches_now(&was_there, day("2026-06-01")));
    }

    #[test]
    fn what_was_given_before_somebody_left_stays_in_sight_and_what_came_later_does_not() {
        let class = ClassId::generate();
        let seen = |begin: &str, end: Option<&str>, given: &str| {
            let person = Person { student: Some(learner(class, begin, end)), ..Person::default() };
            let viewer = Viewer { role: Role::Student, user: UserId::generate(), person: Arc::new(person), today: day("2026-07-01") };
            assert!(!viewer.was_given(ClassId::generate(), day(given)));
            viewer.was_given(class, day(given))
        };
        assert!(seen("2026-01-01", None, "2026-06-01"));
        assert!(seen("2026-05-01", None, "2026-04-01"), "what was there when they came");
        assert!(seen("2026-01-01", Some("2026-05-31"), "2026-06-01"), "a day of grace");
        assert!(!seen("2026-01-01", Some("2026-05-31"), "2026-06-02"));
        assert!(seen("2026-07-02", None, "2026-06-01"), "whoever comes tomorrow may have come elsewhere already");
        assert!(!seen("2026-07-03", None, "2026-06-01"));
    }
}
