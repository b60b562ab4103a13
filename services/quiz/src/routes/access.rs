//! Whose quizzes a caller may see and change: a teacher those of the classes they teach and what they made themselves, a student those of the classes they
//! attend, a parent those of their children, the office all of them.

use std::ops::Deref;
use std::sync::Arc;

use cache::Guard;
use chrono::NaiveDate;
use directory::Glance;
use domain::{AttemptId, Permission, QuizId, StudentId, Timestamp};
use service_kit::{Caller, Kind, Problem};
use store::StoreError;

use super::Rooms;
use crate::model::attempt::Attempt;
use crate::model::quiz::{Quiz, Status};
use crate::model::terms::Terms;
use crate::store::{Sheet, find_attempt};

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
    pub(super) async fn viewer(&self, caller: &Caller) -> Result<Viewer, StoreError> {
        let acts = directory::Viewer::of(&self.directory, caller.school_id, caller.user_id, caller.role, self.today()).await?;
        Ok(Viewer { caller: *caller, acts })
    }

    /// The same from what is remembered, for hot routes: what they read and write confirms it.
    pub(super) async fn viewer_at(&self, glance: &Glance<'_>, caller: &Caller) -> Result<Viewer, StoreError> {
        let acts = directory::Viewer::at(glance, caller.user_id, caller.role, self.today()).await?;
        Ok(Viewer { caller: *caller, acts })
    }

    fn today(&self) -> NaiveDate {
        self.platform.clock().now().date_naive()
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
    /// Teachers of the class, who made it, and the office: they change, mark and see all.
    pub(super) fn may_change(&self, quiz: &Quiz) -> bool {
        self.keeps(quiz.class_id) || self.made(quiz.created_by)
    }

    pub(super) fn may_see(&self, quiz: &Quiz) -> bool {
        let given = quiz.published_at.unwrap_or(quiz.created_at).date_naive();
        self.may_change(quiz) || (quiz.status != Status::Draft && self.was_given(quiz.class_id, given))
    }

    /// The quiz on the caller's own terms, for who sits it or whose only child does.
    pub(super) fn own_terms(&self, sheet: &Sheet) -> Option<Terms> {
        match self.learners() {
            [only] => Some(Terms::of(&sheet.quiz, &sheet.overrides, only.student_id)),
            _ => None,
        }
    }
}
