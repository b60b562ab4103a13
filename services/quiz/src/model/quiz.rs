//! A quiz or an exam: its settings, its paper, and what may be done to it when.

use domain::{ClassId, Fault, Faults, QuizId, SchoolId, SubjectId, TeacherId, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::admission::{MAX_ENTRIES, Network, SafeBrowser};
use super::certainty;
use super::mark::{Fraction, Mark};
use super::review::ReviewOptions;

/// The most attempts that a quiz may allow, and that a student may make where there is no limit.
pub const MAX_ATTEMPTS: u8 = 100;
/// The longest time limit: a day.
const MAX_SECONDS: u32 = 86_400;
/// The longest delay between attempts: thirty days.
const MAX_DELAY: u32 = 30 * 86_400;

// The names are `tt`: a `literal` reaches a derive wrapped up, and utoipa then doesn't see `rename`.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $text:tt),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        pub enum $name { $($(#[$about])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// The name in the table.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text,)+ } }
        }
    };
}

named! {
    /// What it counts as.
    Kind {
        /// A quiz: results show as the review options say.
        Quiz = "quiz",
        /// An exam: results show when they are released.
        Exam = "exam",
    }
}
named! {
    /// Where a quiz stands.
    Status {
        /// Being put together; only teachers and the office see it.
        Draft = "draft",
        /// Given to the class.
        Published = "published",
        /// Takes no more attempts.
        Closed = "closed",
    }
}
named! {
    /// What happens when an attempt's time is up.
    OverdueHandling {
        /// What was answered in time is submitted.
        Autosubmit = "autosubmit",
        /// It may still be submitted for a while, but not answered.
        GracePeriod = "graceperiod",
        /// What was not submitted in time does not count.
        AutoAbandon = "autoabandon",
    }
}
named! {
    /// Which attempt counts.
    GradeMethod {
        /// The best.
        Highest = "highest",
        /// The mean of all.
        Average = "average",
        /// The first.
        First = "first",
        /// The last.
        Last = "last",
    }
}
named! {
    /// When answers are marked.
    Behaviour {
        /// When the attempt is submitted.
        Deferred = "deferred",
        /// Students may check an answer and try again; each wrong try costs the question's penalty.
        Adaptive = "adaptive",
        /// Students may check an answer once: it is marked and stays what it is.
        Immediate = "immediate",
        /// Students may check an answer and try again, with a hint after each wrong try, until it is right or no try is left; each wrong try costs the penalty.
        Interactive = "interactive",
        /// When the attempt is submitted, by how sure the student was of each answer.
        DeferredCertainty = "deferred_certainty",
        /// As with `immediate`, by how sure the student was of each answer.
        ImmediateCertainty = "immediate_certainty",
        /// By a person, whatever the type.
        Manual = "manual",
    }
}
named! {
    /// How low marks can go.
    MarkFloor {
        /// No question earns less than nothing.
        Question = "question",
        /// A question may, the whole attempt does not.
        Attempt = "attempt",
        /// Also the whole attempt may.
        None = "none",
    }
}

impl Behaviour {
    /// Whether students say how sure they are.
    #[must_use]
    pub const fn asks_certainty(self) -> bool {
        matches!(self, Self::DeferredCertainty | Self::ImmediateCertainty)
    }

    /// Whether an answer that was checked may come to stay what it is: then it can do no harm to tell what is right.
    #[must_use]
    pub const fn makes_final(self) -> bool {
        matches!(self, Self::Immediate | Self::ImmediateCertainty | Self::Interactive)
    }
}

/// What a teacher decides about a quiz.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What it is called.
    pub title: String,
    /// What it is about.
    pub description: Option<String>,
    /// Whether it is a quiz or an exam.
    pub kind: Kind,
    /// When attempts may begin.
    pub opens_at: Option<Timestamp>,
    /// When all attempts end.
    pub closes_at: Option<Timestamp>,
    /// How long an attempt may take.
    pub time_limit_seconds: Option<u32>,
    /// What happens when time is up.
    pub overdue_handling: OverdueHandling,
    /// With `graceperiod`, for how long an attempt may still be submitted. With `autosubmit`, by how much an answer may come late: networks are slow.
    pub grace_seconds: u32,
    /// How many attempts a student has; none means no limit.
    pub max_attempts: Option<u8>,
    /// How long to wait between two attempts.
    pub attempt_delay_seconds: u32,
    /// Which attempt counts.
    pub grade_method: GradeMethod,
    /// Whether each attempt has the questions in an order of its own.
    pub shuffle_questions: bool,
    /// Whether options are shuffled where the question allows it.
    pub shuffle_answers: bool,
    /// When answers are marked.
    pub behaviour: Behaviour,
    /// What a wrong answer to a question that is marked by rule costs, as a part of its marks.
    pub negative_fraction: Fraction,
    /// How low marks can go.
    pub mark_floor: MarkFloor,
    /// What is shown when.
    pub review_options: ReviewOptions,
    /// The parts of the paper.
    pub sections: Vec<Section>,
    /// Whether there is a live leaderboard.
    pub has_leaderboard: bool,
    /// From where it may be sat; from anywhere if there are none.
    #[serde(default)]
    pub allowed_networks: Vec<Network>,
}

/// A part of the paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// What it is called.
    pub title: String,
    /// Whether its questions are shuffled among themselves.
    #[serde(default)]
    pub shuffle: bool,
}

/// A quiz as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiz {
    /// Its id.
    pub id: QuizId,
    /// The school.
    pub school_id: SchoolId,
    /// The class that it is for.
    pub class_id: ClassId,
    /// The subject, if it belongs to one.
    pub subject_id: Option<SubjectId>,
    /// The teacher who made it; none when the office did.
    pub teacher_id: Option<TeacherId>,
    /// The user who made it.
    pub created_by: UserId,
    /// What its teacher decided.
    #[serde(flatten)]
    pub settings: Settings,
    /// What students must know to begin, as [`super::password`] keeps it.
    pub password_hash: Option<String>,
    /// With which browsers it may be sat.
    #[serde(default)]
    pub safe_browser: SafeBrowser,
    /// Where it stands.
    pub status: Status,
    /// What it is worth: the sum of its slots.
    pub max_points: Mark,
    /// When it was given to the class.
    pub published_at: Option<Timestamp>,
    /// When an exam's results were released.
    pub released_at: Option<Timestamp>,
    /// Its version, and that of its slots and overrides.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Why a quiz can't be changed that way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Only a draft can be published.
    AlreadyPublished,
    /// It is still a draft.
    NotPublished,
    /// Closed quizzes stay as they are.
    Closed,
    /// It has no question.
    Empty,
    /// There is nothing to release: it is no exam.
    NoExam,
    /// The paper is fixed once it was given to the class.
    PaperFixed,
}

impl Settings {
    /// Every fault that fields have among each other, as JSON pointers.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        let ordered = self.opens_at.zip(self.closes_at).is_none_or(|(opens, closes)| closes > opens);
        faults.require(ordered, "/closes_at", "must be after opens_at");
        let limit = self.time_limit_seconds.is_none_or(|limit| (1..=MAX_SECONDS).contains(&limit));
        faults.require(limit, "/time_limit_seconds", format!("must be from 1 to {MAX_SECONDS}"));
        faults.require(self.grace_seconds <= MAX_SECONDS, "/grace_seconds", format!("must be at most {MAX_SECONDS}"));
        let needs_grace = self.overdue_handling != OverdueHandling::GracePeriod || self.grace_seconds > 0;
        faults.require(needs_grace, "/grace_seconds", "must be more than 0 when overdue_handling is graceperiod");
        let attempts = self.max_attempts.is_none_or(|most| (1..=MAX_ATTEMPTS).contains(&most));
        faults.require(attempts, "/max_attempts", format!("must be from 1 to {MAX_ATTEMPTS}"));
        faults.require(self.attempt_delay_seconds <= MAX_DELAY, "/attempt_delay_seconds", format!("must be at most {MAX_DELAY}"));
        faults.require(!self.negative_fraction.is_negative(), "/negative_fraction", "must not be negative");
        faults.require(self.sections.len() <= 50, "/sections", "must be at most 50");
        for (at, section) in self.sections.iter().enumerate() {
            let fit = (1..=200).contains(&section.title.trim().chars().count()) && !section.title.chars().any(char::is_control);
            faults.require(fit, &format!("/sections/{at}/title"), "must be 1 to 200 characters");
        }
        let networks = self.allowed_networks.len() <= MAX_ENTRIES;
        faults.require(networks, "/allowed_networks", format!("must be at most {MAX_ENTRIES}"));
        if self.behaviour.asks_certainty() {
            // What a wrong answer costs is the whole point.
            let floor = self.mark_floor != MarkFloor::Question;
            faults.require(floor, "/mark_floor", "must be attempt or none where certainty counts");
            let negative = self.negative_fraction == Fraction::ZERO;
            faults.require(negative, "/negative_fraction", "must be 0 where certainty counts");
        }
        if let Err(more) = self.review_options.check(self.behaviour) {
            for fault in more {
                faults.push(fault);
            }
        }
        faults.into_result()
    }
}

impl Settings {
    /// What a question is worth whose slot gives it this mark.
    #[must_use]
    pub const fn worth(&self, mark: Mark) -> Mark {
        if self.behaviour.asks_certainty() { Mark::from_steps(mark.steps().saturating_mul(certainty::TIMES)) } else { mark }
    }

    /// The least that an answer can earn which is worth so much.
    #[must_use]
    pub fn least(&self, worth: Mark) -> Mark {
        match self.mark_floor {
            MarkFloor::Question => Mark::ZERO,
            MarkFloor::Attempt | MarkFloor::None if self.behaviour.asks_certainty() => certainty::least(worth),
            MarkFloor::Attempt | MarkFloor::None => Mark::ZERO - worth,
        }
    }
}

impl Quiz {
    /// The same with other settings. What an attempt was promised can't be taken from it once there may be some: the kind stays.
    pub fn changed(&self, settings: Settings, now: Timestamp) -> Result<Self, Refused> {
        if self.status == Status::Closed {
            return Err(Refused::Closed);
        }
        Ok(Self { settings, ..self.next(now) })
    }

    /// The same, given to its class.
    pub fn published(&self, questions: usize, now: Timestamp) -> Result<Self, Refused> {
        match self.status {
            Status::Draft if questions == 0 => Err(Refused::Empty),
            Status::Draft => Ok(Self { status: Status::Published, published_at: Some(now), ..self.next(now) }),
            Status::Published | Status::Closed => Err(Refused::AlreadyPublished),
        }
    }

    /// The same, taking no more attempts.
    pub fn closed(&self, now: Timestamp) -> Result<Self, Refused> {
        match self.status {
            Status::Published => {
                let mut next = Self { status: Status::Closed, ..self.next(now) };
                // Attempts that are under way end now, as they would have at the close.
                let runs = self.settings.opens_at.is_none_or(|opens| opens < now);
                if runs && self.settings.closes_at.is_none_or(|closes| closes > now) {
                    next.settings.closes_at = Some(now);
                }
                Ok(next)
            }
            Status::Draft => Err(Refused::NotPublished),
            Status::Closed => Err(Refused::Closed),
        }
    }

    /// The same, with its results shown to students and parents.
    pub fn released(&self, now: Timestamp) -> Result<Self, Refused> {
        if self.settings.kind != Kind::Exam {
            return Err(Refused::NoExam);
        }
        if self.status == Status::Draft {
            return Err(Refused::NotPublished);
        }
        Ok(Self { released_at: Some(now), ..self.next(now) })
    }

    /// Whether questions may be added, moved and taken out.
    pub fn paper_is_open(&self) -> Result<(), Refused> {
        if self.status == Status::Draft { Ok(()) } else { Err(Refused::PaperFixed) }
    }

    /// Whether attempts may be made on it at all, whatever the time.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.status == Status::Published
    }

    /// The next version.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Self {
        Self { version: self.version.next(), updated_at: now, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_document_names_settings_as_requests_do() {
        let names = |schema: Value| schema["enum"].clone();
        let of = |schema| names(serde_json::to_value::<utoipa::openapi::RefOr<utoipa::openapi::Schema>>(schema).unwrap());
        assert_eq!(of(Kind::schema()), json!([Kind::Quiz, Kind::Exam]));
        assert_eq!(of(Kind::schema()), json!(["quiz", "exam"]));
        assert_eq!(of(Status::schema()), json!(["draft", "published", "closed"]));
        assert_eq!(of(OverdueHandling::schema()), json!(["autosubmit", "graceperiod", "autoabandon"]));
        assert_eq!(of(GradeMethod::schema()), json!(["highest", "average", "first", "last"]));
        assert_eq!(
            of(Behaviour::schema()),
            json!(["deferred", "adaptive", "immediate", "interactive", "deferred_certainty", "immediate_certainty", "manual"])
        );
        assert_eq!(of(MarkFloor::schema()), json!(["question", "attempt", "none"]));
    }
}
