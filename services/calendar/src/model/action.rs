//! What is to be done, and by when: homework that is due, quizzes that open and close. The rows are homework's and the quizzes' own; the calendar shows them.

use chrono::{DateTime, Utc};
use domain::{ClassId, SchoolId, StudentId, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::event::{Event, Kind as EventKind, Status};
use super::schedule::{Schedule, Time};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ActionKind)]
pub enum Kind {
    /// Homework is due.
    HomeworkDue,
    /// A quiz can be begun.
    QuizOpens,
    /// A quiz must be done.
    QuizCloses,
}

impl Kind {
    /// The name in an answer, and in a feed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HomeworkDue => "homework_due",
            Self::QuizOpens => "quiz_opens",
            Self::QuizCloses => "quiz_closes",
        }
    }

    /// What it stands under in a feed.
    #[must_use]
    pub const fn category(self) -> &'static str {
        match self {
            Self::HomeworkDue => "Homework",
            Self::QuizOpens | Self::QuizCloses => "Quiz",
        }
    }

    /// What it is called in a feed, after the title.
    const fn words(self) -> &'static str {
        match self {
            Self::HomeworkDue => "is due",
            Self::QuizOpens => "opens",
            Self::QuizCloses => "closes",
        }
    }
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Action {
    /// What is to be done.
    pub kind: Kind,
    /// The homework, or the quiz.
    #[schema(value_type = String, format = Uuid)]
    pub subject_id: Uuid,
    /// The class.
    pub class_id: ClassId,
    /// Who is to do it; null for a teacher, who sees it once for the class.
    pub student_id: Option<StudentId>,
    /// What it is called.
    pub title: String,
    /// By when, or from when on.
    pub at: DateTime<Utc>,
    /// Whether the student has done it; null for a teacher.
    pub done: Option<bool>,
    /// How often the homework or the quiz was changed.
    #[serde(skip_serializing)]
    pub sequence: i32,
    /// When it was last changed.
    #[serde(skip_serializing)]
    pub updated_at: DateTime<Utc>,
}

impl Action {
    /// As an event of a feed, which begins and ends at once. Its name stays what it is while the homework or the quiz is moved.
    #[must_use]
    pub fn event(&self, school: SchoolId) -> Event {
        let time = Time::Timed { starts_at: self.at, ends_at: self.at, zone: chrono_tz::UTC };
        let by = UserId::from_uuid(Uuid::nil());
        let row = Event::fresh(self.subject_id.into(), school, (EventKind::Event, Status::Confirmed), by, self.updated_at);
        let row = Event {
            uid: format!("{}-{}", self.kind.as_str().replace('_', "-"), self.subject_id),
            title: format!("{} {}", self.title, self.kind.words()),
            sequence: self.sequence.max(0),
            version: Version::FIRST,
            ..row
        };
        row.scheduled(Schedule { time, rrule: None, exdates: Vec::new(), last_day: time.last_day() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_keeps_its_name_when_it_is_moved() {
        let action = Action {
            kind: Kind::HomeworkDue,
            subject_id: Uuid::from_u128(7),
            class_id: ClassId::generate(),
            student_id: None,
            title: "Fractions".to_owned(),
            at: DateTime::UNIX_EPOCH,
            done: None,
            sequence: 1,
            updated_at: DateTime::UNIX_EPOCH,
        };
        let later = Action { at: DateTime::UNIX_EPOCH + chrono::Duration::days(1), sequence: 2, ..action.clone() };
        let school = SchoolId::generate();
        let (before, after) = (action.event(school), later.event(school));
        assert_eq!((&before.uid, before.title.as_str()), (&after.uid, "Fractions is due"));
        assert_eq!((before.sequence, after.sequence), (1, 2));
        assert_ne!(before.uid, Action { kind: Kind::QuizOpens, ..action }.event(school).uid);
    }
}
