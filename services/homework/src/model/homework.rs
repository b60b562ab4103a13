//! A piece of homework, and what may be done to it when.

use domain::{ClassId, Fault, Faults, HomeworkId, Points, SchoolId, SubjectId, TeacherId, Text, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::late_policy::LatePolicy;

/// The most attempts that a piece of homework may allow.
pub const MAX_ATTEMPTS: u8 = 100;

/// Where a piece of homework stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Being written; only teachers and the office see it.
    Draft,
    /// Given to the class.
    Published,
    /// Takes no more submissions.
    Closed,
}

impl Status {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Closed => "closed",
        }
    }
}

/// A piece of homework as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Homework {
    /// Its id.
    pub id: HomeworkId,
    /// The school.
    pub school_id: SchoolId,
    /// The class that it is for.
    pub class_id: ClassId,
    /// The subject, if it belongs to one.
    pub subject_id: Option<SubjectId>,
    /// The teacher who set it; none when the office did.
    pub teacher_id: Option<TeacherId>,
    /// The user who set it.
    pub created_by: UserId,
    /// What it is called.
    pub title: String,
    /// What it is about.
    pub description: Option<String>,
    /// How to do it.
    pub instructions: Option<String>,
    /// The marks that it is worth.
    pub max_points: Points,
    /// When it was given to the class.
    pub assigned_at: Option<Timestamp>,
    /// When it is due.
    pub due_at: Timestamp,
    /// After this nothing is taken any more.
    pub cutoff_at: Option<Timestamp>,
    /// Whether anything is taken after the due time.
    pub allow_late: bool,
    /// What being late costs.
    pub late_policy: Option<LatePolicy>,
    /// How often a student may hand in.
    pub max_attempts: u8,
    /// Where it stands.
    pub status: Status,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a teacher decides about a piece of homework.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// What it is called.
    pub title: Text<200>,
    /// What it is about.
    pub description: Option<Text<5000>>,
    /// How to do it.
    pub instructions: Option<Text<20000>>,
    /// The marks that it is worth.
    pub max_points: Points,
    /// When it is due.
    pub due_at: Timestamp,
    /// After this nothing is taken any more.
    pub cutoff_at: Option<Timestamp>,
    /// Whether anything is taken after the due time.
    pub allow_late: bool,
    /// What being late costs.
    pub late_policy: Option<LatePolicy>,
    /// How often a student may hand in.
    pub max_attempts: u8,
}

impl Assignment {
    /// Every fault that fields have among each other, as JSON pointers.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        faults.require(self.max_points > Points::default(), "/max_points", "must be more than 0");
        faults.require(self.cutoff_at.is_none_or(|cutoff| cutoff >= self.due_at), "/cutoff_at", "must not be before due_at");
        faults.require(self.allow_late || self.cutoff_at.is_none(), "/cutoff_at", "has no meaning when allow_late is false");
        faults.require(self.allow_late || self.late_policy.is_none(), "/late_policy", "has no meaning when allow_late is false");
        faults.require(self.late_policy.is_none_or(LatePolicy::is_valid), "/late_policy", "percentages go from 0 to 100");
        faults.require((1..=MAX_ATTEMPTS).contains(&self.max_attempts), "/max_attempts", format!("must be from 1 to {MAX_ATTEMPTS}"));
        faults.into_result()
    }
}

/// Why a piece of homework can't be changed that way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Only a draft can be published.
    AlreadyPublished,
    /// Only published homework can be closed.
    NotPublished,
    /// Closed homework stays as it is.
    Closed,
}

impl Homework {
    /// The same, with what the teacher decides now.
    pub fn changed(&self, assignment: Assignment, now: Timestamp) -> Result<Self, Refused> {
        if self.status == Status::Closed {
            return Err(Refused::Closed);
        }
        Ok(Self {
            title: assignment.title.into(),
            description: assignment.description.map(Into::into),
            instructions: assignment.instructions.map(Into::into),
            max_points: assignment.max_points,
            due_at: assignment.due_at,
            cutoff_at: assignment.cutoff_at,
            allow_late: assignment.allow_late,
            late_policy: assignment.late_policy,
            max_attempts: assignment.max_attempts,
            ..self.next(now)
        })
    }

    /// The same, given to the class.
    pub fn published(&self, now: Timestamp) -> Result<Self, Refused> {
        match self.status {
            Status::Draft => Ok(Self { status: Status::Published, published_at: Some(now), assigned_at: Some(now), ..self.next(now) }),
            Status::Published | Status::Closed => Err(Refused::AlreadyPublished),
        }
    }

    /// The same, taking no more submissions.
    pub fn closed(&self, now: Timestamp) -> Result<Self, Refused> {
        match self.status {
            Status::Published => Ok(Self { status: Status::Closed, ..self.next(now) }),
            Status::Draft => Err(Refused::NotPublished),
            Status::Closed => Err(Refused::Closed),
        }
    }

    fn next(&self, now: Timestamp) -> Self {
        Self { version: self.version.next(), updated_at: now, ..self.clone() }
    }
}
