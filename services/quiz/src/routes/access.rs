//! Whose quizzes a caller may see and change: a teacher those of the classes they teach and what they made themselves, a student those of the classes they
//! attend, a parent those of their children, the office all of them.

use std::sync::Arc;

use cache::Guard;
use chrono::{Days, NaiveDate};
use directory::{Glance, Learner, Person};
use domain::{AttemptId, ClassId, Permission, QuizId, Role, StudentId, Timestamp};
use service_kit::{Caller, Kind, Problem};
use store::StoreError;

use super::Rooms;
use crate::model::attempt::Attempt;
use crate::model::quiz::{Quiz, Status};
use crate::model::terms::Terms;
use crate::store::{Sheet, find_attempt};

/// The caller, with what the directory knows of them.
pub(super) struct Viewer {
    pub(super) caller: Caller,
    person: Arc<Person>,
    /// Today in UTC. A school's own day is this one or a neighbour of it, so enrolments are judged with a day of grace on either side.
    today: NaiveDate,
}

impl Rooms {
    pub(super) async fn viewer(&self, caller: &Caller) -> Result<Viewer, StoreError> {
        // The office may see all, so nothing about the person needs to be known.
        let person =
            if caller.role.is_office() { Person::default() } else { self.directory.person(caller.school_id, caller.user_id).await? };
        Ok(Viewer { caller: *caller, person: Arc::new(person), today: self.platform.clock().now().date_naive() })
    }

    /// The same from what is remembered, for hot routes: what they read and write confirms it.
    pub(super) async fn viewer_at(&self, glance: &Glance<'_>, caller: &Caller) -> Result<Viewer, StoreError> {
        let person = if caller.role.is_office() { Arc::default() } else { glance.person(caller.user_id).await? };
        Ok(Viewer { caller: *caller, person, today: self.platform.clock().now().date_naive() })
    }

    /// The quiz, if the caller may know of it.
    pub(super) async fn sheet(&self, viewer: &Viewer, id: QuizId) -> Result<Arc<Sheet>, Problem> {
        let sheet = self.sheets.find(viewer.caller.school_id, id).await?;
        sheet.filter(|sheet| viewer.may_see(&sheet.quiz)).ok_or_else(|| Problem::not_found("quiz"))
    }

    /// The quiz to be changed or marked: unknown to those who may not see it, forbidden to those who may only see it.
    pub(super) async fn own_sheet(&self, viewer: &Viewer, id: QuizId, permission: Permission) -> Result<Arc<Sheet>, Problem> {
        let sheet = self.sheet(viewer, id).await?;
        if viewer.may_change(&sheet.quiz) { Ok(sheet) } else { Err(Problem::forbidden(permission)) }
    }

    /// An attempt and its quiz, if the caller may know of it: their own, their child's, or one of a quiz that they may mark.
    pub(super) async fn attempt(&self, viewer: &Viewer, id: AttemptId) -> Result<(Arc<Sheet>, Attempt), Problem> {
        self.attempt_at(None, viewer, id).await
    }

    /// The same; what `viewer` was taken from is compared on the way.
    pub(super) async fn attempt_at(
        &self,
        guard: Option<&Arc<Guard>>,
        viewer: &Viewer,
        id: AttemptId,
    ) -> Result<(Arc<Sheet>, Attempt), Problem> {
        let missing = || Problem::not_found("attempt");
        let school = viewer.caller.school_id;
        let attempt = find_attempt(&self.platform, guard, school, id).await?.row().ok_or_else(missing)?;
        let sheet = self.sheets.find(school, attempt.quiz_id).await?.ok_or_else(missing)?;
        let may = viewer.may_change(&sheet.quiz) || viewer.learner(attempt.student_id).is_some();
        if may { Ok((sheet, attempt)) } else { Err(missing()) }
    }

    /// The student who calls, if they are in the quiz's class today, by the school's calendar.
    pub(super) async fn enrolled(&self, glance: &Glance<'_>, viewer: &Viewer, quiz: &Quiz, now: Timestamp) -> Result<StudentId, Problem> {
        let class = glance.class(quiz.class_id).await?;
        let zone = class.and_then(|class| class.time_zone.parse::<chrono_tz::Tz>().ok()).unwrap_or(chrono_tz::UTC);
        let today = now.with_timezone(&zone).date_naive();
        let student = viewer.as_student().filter(|learner| learner.is_in(quiz.class_id, today));
        student
            .map(|learner| learner.student_id)
            .ok_or_else(|| Problem::conflict(Kind::Conflict, "You are not enrolled in this class today."))
    }
}

impl Viewer {
    /// The role counts, not only the link: a teacher who is a parent too sees their child's quiz as a parent.
    pub(super) fn teaches(&self, class: ClassId) -> bool {
        self.caller.role == Role::Teacher && self.person.teaches(class)
    }

    pub(super) fn classes_taught(&self) -> &[ClassId] {
        if self.caller.role == Role::Teacher { &self.person.teaches } else { &[] }
    }

    pub(super) fn teacher_id(&self) -> Option<domain::TeacherId> {
        self.person.teacher_id
    }

    /// Whether the caller works here rather than learns.
    pub(super) fn is_staff(&self) -> bool {
        self.caller.role.is_office() || self.caller.role == Role::Teacher
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

    /// The caller as the student who sits the quiz.
    pub(super) fn as_student(&self) -> Option<&Learner> {
        if self.caller.role == Role::Student { self.person.student.as_ref() } else { None }
    }

    /// Teachers of the class, who made it, and the office: they change, mark and see all.
    pub(super) fn may_change(&self, quiz: &Quiz) -> bool {
        let made_it = self.caller.role == Role::Teacher && quiz.created_by == self.caller.user_id;
        self.caller.role.is_office() || self.teaches(quiz.class_id) || made_it
    }

    pub(super) fn may_see(&self, quiz: &Quiz) -> bool {
        self.may_change(quiz) || (quiz.status != Status::Draft && self.learners().iter().any(|learner| self.was_given(learner, quiz)))
    }

    /// Whether `quiz` was given to `learner`: their time in the class has begun, and was not over when it was given.
    fn was_given(&self, learner: &Learner, quiz: &Quiz) -> bool {
        let given = quiz.published_at.unwrap_or(quiz.created_at).date_naive();
        learner.attends.iter().any(|attends| {
            attends.class_id == quiz.class_id
                && attends.begin_date <= self.today + Days::new(1)
                && attends.end_date.is_none_or(|end| given <= end + Days::new(1))
        })
    }

    /// The classes that `learner` is in these days.
    pub(super) fn classes_of(&self, learner: &Learner) -> Vec<ClassId> {
        let days = [self.today - Days::new(1), self.today, self.today + Days::new(1)];
        let now = learner.attends.iter().filter(|attends| days.iter().any(|day| attends.covers(*day)));
        now.map(|attends| attends.class_id).collect()
    }

    /// The quiz on the caller's own terms, for who sits it or whose only child does.
    pub(super) fn own_terms(&self, sheet: &Sheet) -> Option<Terms> {
        match self.learners() {
            [only] => Some(Terms::of(&sheet.quiz, &sheet.overrides, only.student_id)),
            _ => None,
        }
    }
}
