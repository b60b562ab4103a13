//! The settings of a quiz as requests give them.

use chrono::{DateTime, Utc};
use domain::{ClassId, Patch, SubjectId, Text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::owned;
use crate::model::admission::{Network, SafeBrowser};
use crate::model::mark::Fraction;
use crate::model::quiz::{Behaviour, GradeMethod, Kind, MarkFloor, OverdueHandling, Section, Settings};
use crate::model::review::ReviewOptions;

/// A quiz to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateQuiz {
    /// The class that it is for: one that the teacher teaches.
    pub(super) class_id: ClassId,
    /// The subject: one that is taught in the class.
    pub(super) subject_id: Option<SubjectId>,
    /// A quiz unless said otherwise.
    #[serde(default = "quiz")]
    kind: Kind,
    /// What it is called.
    title: Text<200>,
    /// What it is about.
    description: Option<Text<20000>>,
    /// When attempts may begin; at once if left out.
    opens_at: Option<DateTime<Utc>>,
    /// When all attempts end.
    closes_at: Option<DateTime<Utc>>,
    /// How long an attempt may take, by the server's clock.
    #[schema(minimum = 1, maximum = 86400)]
    time_limit_seconds: Option<u32>,
    /// What happens when time is up; submitted by itself unless said otherwise.
    #[serde(default = "autosubmit")]
    overdue_handling: OverdueHandling,
    /// With `graceperiod`, for how long an attempt may still be submitted; with `autosubmit`, by how much an answer may come late.
    #[serde(default)]
    grace_seconds: u32,
    /// How many attempts a student has; one unless said otherwise, null for no limit.
    #[serde(default = "once")]
    #[schema(minimum = 1, maximum = 100)]
    max_attempts: Option<u8>,
    /// How long to wait between two attempts.
    #[serde(default)]
    attempt_delay_seconds: u32,
    /// Which attempt counts; the best unless said otherwise.
    #[serde(default = "highest")]
    grade_method: GradeMethod,
    /// Whether each attempt has the questions in an order of its own.
    #[serde(default)]
    shuffle_questions: bool,
    /// Whether options are shuffled where the question allows it.
    #[serde(default = "yes")]
    shuffle_answers: bool,
    /// When answers are marked; when the attempt is submitted unless said otherwise.
    #[serde(default = "deferred")]
    behaviour: Behaviour,
    /// What a wrong answer costs, as a part of the question's marks.
    #[serde(default)]
    negative_fraction: Fraction,
    /// How low marks can go; no question below nothing unless said otherwise, or the attempt not below nothing where certainty counts.
    #[serde(default)]
    #[schema(value_type = MarkFloor)]
    mark_floor: Option<MarkFloor>,
    /// What students and parents are shown when. Unless said otherwise, whoever checks an answer for good is told what came of it.
    #[serde(default)]
    #[schema(value_type = ReviewOptions)]
    review_options: Option<ReviewOptions>,
    /// The parts of the paper; slots name them by their place, from 1.
    #[serde(default)]
    sections: Vec<Section>,
    /// Whether there is a live leaderboard.
    #[serde(default)]
    has_leaderboard: bool,
    /// What students must know to begin.
    pub(super) password: Option<Text<100>>,
    /// From where it may be sat: the networks of the clients' addresses; from anywhere if there are none.
    #[serde(default)]
    #[schema(max_items = 50)]
    allowed_networks: Vec<Network>,
    /// Keys of Safe Exam Browser: with which configurations of it the quiz may be sat. Nobody reads them back.
    #[serde(default)]
    pub(super) safe_browser: SafeBrowser,
}

const fn quiz() -> Kind {
    Kind::Quiz
}
const fn autosubmit() -> OverdueHandling {
    OverdueHandling::Autosubmit
}
#[allow(clippy::unnecessary_wraps, reason = "a default of a field that may be null")]
const fn once() -> Option<u8> {
    Some(1)
}
const fn highest() -> GradeMethod {
    GradeMethod::Highest
}
const fn deferred() -> Behaviour {
    Behaviour::Deferred
}
const fn yes() -> bool {
    true
}

impl CreateQuiz {
    pub(super) fn settings(self) -> Settings {
        let usual_floor = if self.behaviour.asks_certainty() { MarkFloor::Attempt } else { MarkFloor::Question };
        Settings {
            title: owned(self.title),
            description: self.description.map(owned),
            kind: self.kind,
            opens_at: self.opens_at,
            closes_at: self.closes_at,
            time_limit_seconds: self.time_limit_seconds,
            overdue_handling: self.overdue_handling,
            grace_seconds: self.grace_seconds,
            max_attempts: self.max_attempts,
            attempt_delay_seconds: self.attempt_delay_seconds,
            grade_method: self.grade_method,
            shuffle_questions: self.shuffle_questions,
            shuffle_answers: self.shuffle_answers,
            behaviour: self.behaviour,
            negative_fraction: self.negative_fraction,
            mark_floor: self.mark_floor.unwrap_or(usual_floor),
            review_options: self.review_options.unwrap_or(ReviewOptions::of(self.behaviour)),
            sections: self.sections,
            has_leaderboard: self.has_leaderboard,
            allowed_networks: self.allowed_networks,
        }
    }
}

/// What changes; what is left out stays as it is. How the paper is laid out and marked is fixed once it was given to the class.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeQuiz {
    /// What it is called.
    title: Option<Text<200>>,
    /// What it is about.
    #[serde(default)]
    #[schema(value_type = Option<Text<20000>>)]
    description: Patch<Text<20000>>,
    /// Quiz or exam; of a draft.
    kind: Option<Kind>,
    /// When attempts may begin.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    opens_at: Patch<DateTime<Utc>>,
    /// When all attempts end.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    closes_at: Patch<DateTime<Utc>>,
    /// How long an attempt may take.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 86400)]
    time_limit_seconds: Patch<u32>,
    /// What happens when time is up.
    overdue_handling: Option<OverdueHandling>,
    /// With `graceperiod`, for how long an attempt may still be submitted; with `autosubmit`, by how much an answer may come late.
    grace_seconds: Option<u32>,
    /// How many attempts a student has.
    #[serde(default)]
    #[schema(value_type = Option<u8>, minimum = 1, maximum = 100)]
    max_attempts: Patch<u8>,
    /// How long to wait between two attempts.
    attempt_delay_seconds: Option<u32>,
    /// Which attempt counts.
    grade_method: Option<GradeMethod>,
    /// Whether each attempt has the questions in an order of its own.
    shuffle_questions: Option<bool>,
    /// Whether options are shuffled; of a draft.
    shuffle_answers: Option<bool>,
    /// When answers are marked; of a draft.
    behaviour: Option<Behaviour>,
    /// What a wrong answer costs; a regrade applies it to what was submitted.
    negative_fraction: Option<Fraction>,
    /// How low marks can go; a regrade applies it to what was submitted.
    mark_floor: Option<MarkFloor>,
    /// What students and parents are shown when.
    review_options: Option<ReviewOptions>,
    /// The parts of the paper; of a draft.
    sections: Option<Vec<Section>>,
    /// Whether there is a live leaderboard.
    has_leaderboard: Option<bool>,
    /// What students must know to begin.
    #[serde(default)]
    #[schema(value_type = Option<Text<100>>)]
    pub(super) password: Patch<Text<100>>,
    /// From where it may be sat; from anywhere if there are none.
    #[schema(max_items = 50)]
    allowed_networks: Option<Vec<Network>>,
    /// With which configurations of Safe Exam Browser it may be sat; with any browser if there are no keys.
    pub(super) safe_browser: Option<SafeBrowser>,
}

impl ChangeQuiz {
    /// Whether it touches what attempts were laid out by.
    pub(super) fn touches_paper(&self, now: &Settings) -> bool {
        fn differs<T: PartialEq>(new: Option<&T>, old: &T) -> bool {
            new.is_some_and(|new| new != old)
        }
        differs(self.kind.as_ref(), &now.kind)
            || differs(self.shuffle_answers.as_ref(), &now.shuffle_answers)
            || differs(self.behaviour.as_ref(), &now.behaviour)
            || differs(self.sections.as_ref(), &now.sections)
    }

    pub(super) fn applied_to(self, now: &Settings) -> Settings {
        let now = now.clone();
        Settings {
            title: self.title.map_or(now.title, owned),
            description: match self.description {
                Patch::Keep => now.description,
                Patch::Clear => None,
                Patch::Set(text) => Some(owned(text)),
            },
            kind: self.kind.unwrap_or(now.kind),
            opens_at: self.opens_at.apply(now.opens_at),
            closes_at: self.closes_at.apply(now.closes_at),
            time_limit_seconds: self.time_limit_seconds.apply(now.time_limit_seconds),
            overdue_handling: self.overdue_handling.unwrap_or(now.overdue_handling),
            grace_seconds: self.grace_seconds.unwrap_or(now.grace_seconds),
            max_attempts: self.max_attempts.apply(now.max_attempts),
            attempt_delay_seconds: self.attempt_delay_seconds.unwrap_or(now.attempt_delay_seconds),
            grade_method: self.grade_method.unwrap_or(now.grade_method),
            shuffle_questions: self.shuffle_questions.unwrap_or(now.shuffle_questions),
            shuffle_answers: self.shuffle_answers.unwrap_or(now.shuffle_answers),
            behaviour: self.behaviour.unwrap_or(now.behaviour),
            negative_fraction: self.negative_fraction.unwrap_or(now.negative_fraction),
            mark_floor: self.mark_floor.unwrap_or(now.mark_floor),
            review_options: self.review_options.unwrap_or(now.review_options),
            sections: self.sections.unwrap_or(now.sections),
            has_leaderboard: self.has_leaderboard.unwrap_or(now.has_leaderboard),
            allowed_networks: self.allowed_networks.unwrap_or(now.allowed_networks),
        }
    }
}
