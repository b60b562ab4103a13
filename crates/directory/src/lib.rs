//! Who is who in a school, for every service that must decide whose rows a caller may touch: a teacher's classes, a student's enrolments, a
//! parent's children. And what is given when ([`timetable`]).
//!
//! The tables are auth's and the calendar's; this reads them, people, classes and working days through a cache. Whoever changes one of those calls
//! [`Directory::changed`] after the commit: it moves the school's generation on, and everything cached under an older one counts as missing. A reader
//! therefore sees a change as soon as it was answered.
//!
//! - [`Directory::person`], [`Directory::class`], [`Directory::learner`] — one round trip each;
//! - [`Directory::consult`] — none: what the process remembers is confirmed by the step into Redis that a request makes anyway. For hot routes;
//! - [`Viewer`] — for whom somebody acts, in the role in which they come.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod glance;
mod query;
mod remembered;
pub mod timetable;
mod viewer;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cache::Generations;
use chrono::NaiveDate;
use domain::{ClassId, Partition, SchoolId, StudentId, SubjectId, TeacherId, UserId};
use fred::clients::Pool;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use store::{Postgres, StoreError};
use uuid::Uuid;

pub use glance::Glance;
use remembered::{Entry, Remembered};
use timetable::WorkingDays;
pub use viewer::{Viewer, works_here};

/// With the minute that a process remembers things for, a bound of five minutes on how long a change that was committed but never announced (the process
/// died in between) stays unseen.
const TTL: Duration = Duration::from_mins(4);

/// A student's time in a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attends {
    /// The class.
    pub class_id: ClassId,
    /// The first day.
    pub begin_date: NaiveDate,
    /// The last day, inclusive; none means open.
    pub end_date: Option<NaiveDate>,
}

impl Attends {
    /// Whether `day` is within it.
    #[must_use]
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.begin_date <= day && self.end_date.is_none_or(|end| day <= end)
    }
}

/// A student as others need to know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learner {
    /// The student.
    pub student_id: StudentId,
    /// The classes, past and present.
    pub attends: Vec<Attends>,
}

impl Learner {
    /// Whether the student is enrolled in `class` on `day`.
    #[must_use]
    pub fn is_in(&self, class: ClassId, day: NaiveDate) -> bool {
        self.attends.iter().any(|attends| attends.class_id == class && attends.covers(day))
    }

    /// The classes that the student was ever in.
    pub fn classes(&self) -> impl Iterator<Item = ClassId> + '_ {
        self.attends.iter().map(|attends| attends.class_id)
    }
}

/// A user of a school, in every part they have there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// As a student.
    pub student: Option<Learner>,
    /// As a teacher.
    pub teacher_id: Option<TeacherId>,
    /// The classes that the user teaches or is class teacher of.
    pub teaches: Vec<ClassId>,
    /// The children whose guardian the user is.
    pub children: Vec<Learner>,
}

impl Person {
    /// Whether the user teaches `class`.
    #[must_use]
    pub fn teaches(&self, class: ClassId) -> bool {
        self.teaches.contains(&class)
    }

    /// The user's child with this id.
    #[must_use]
    pub fn child(&self, student: StudentId) -> Option<&Learner> {
        self.children.iter().find(|child| child.student_id == student)
    }
}

/// A class as others need to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// The class.
    pub class_id: ClassId,
    /// Its name.
    pub name: String,
    /// The subjects that are taught in it.
    pub subjects: Vec<SubjectId>,
    /// The school's time zone, an IANA name: the class's days are days there.
    pub time_zone: String,
}

/// A student of a class, past or present, as a register or a mark list needs to know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The student.
    pub student_id: StudentId,
    /// The student's name.
    pub name: String,
    /// The number under which the student is known in the school.
    pub admission_number: String,
    /// The number in the class.
    pub roll_number: Option<String>,
    /// The home class.
    pub home_class_id: Option<ClassId>,
    /// The student's classes, past and present, this one among them.
    pub attends: Vec<Attends>,
}

/// The seats of a class, past and present, in the order of a class list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roster(pub Vec<Seat>);

/// Answers who is who. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory {
    redis: Pool,
    postgres: Postgres,
    /// Made when there is something to remember: many a directory only ever announces changes.
    remembered: Arc<OnceLock<Remembered>>,
}

impl Directory {
    /// A directory on `redis`; `postgres` acts as the service that asks.
    #[must_use]
    pub fn new(redis: Pool, postgres: Postgres) -> Self {
        Self { redis, postgres, remembered: Arc::default() }
    }

    /// The user's parts in the school; all empty for a user who has none.
    pub async fn person(&self, school: SchoolId, user: UserId) -> Result<Person, StoreError> {
        Ok(self.look_up::<Person>(school, user).await?.map(Arc::unwrap_or_clone).unwrap_or_default())
    }

    /// The student with this id.
    pub async fn learner(&self, school: SchoolId, student: StudentId) -> Result<Option<Learner>, StoreError> {
        Ok(self.look_up::<Learner>(school, student).await?.map(Arc::unwrap_or_clone))
    }

    /// The class with this id.
    pub async fn class(&self, school: SchoolId, class: ClassId) -> Result<Option<Class>, StoreError> {
        Ok(self.look_up::<Class>(school, class).await?.map(Arc::unwrap_or_clone))
    }

    /// Everybody who is or was in the class, in the order of a class list: by roll number, then by name.
    pub async fn roster(&self, school: SchoolId, class: ClassId) -> Result<Vec<Seat>, StoreError> {
        Ok(self.look_up::<Roster>(school, class).await?.map(Arc::unwrap_or_clone).unwrap_or_default().0)
    }

    /// The days on which the school works although they may be none of its weekdays.
    pub async fn working_days(&self, school: SchoolId) -> Result<Arc<WorkingDays>, StoreError> {
        Ok(self.look_up::<WorkingDays>(school, school).await?.unwrap_or_default())
    }

    /// Something about the school's people, classes or working days has changed and is committed.
    pub async fn changed(&self, school: SchoolId) {
        self.generations().moved_on(&generation_key(school)).await;
    }

    /// What this process remembers, and the generation that it holds for.
    fn remembered<T: Entry>(&self, school: SchoolId, id: T::Id) -> Option<(u64, Option<Arc<T>>)> {
        T::shelf(self.remembered.get()?).get(&(school, id))
    }

    /// What the directory holds now. The generation is read first, so that whatever was answered before this was called is seen.
    async fn look_up<T>(&self, school: SchoolId, id: T::Id) -> Result<Option<Arc<T>>, StoreError>
    where
        T: Entry + Serialize + DeserializeOwned + Unpin,
    {
        // The tag keeps a school's keys together, so that one step reads both on a cluster too.
        let uuid: Uuid = id.into();
        let key = format!("directory:{}:{}:{school}:{uuid}", T::KIND, Partition::of(school));
        let load = async || -> Result<Option<T>, StoreError> {
            let mut transaction = self.postgres.school_read(school).await?;
            let found: Option<Json<T>> =
                sqlx::query_scalar(T::QUERY).bind(school.as_uuid()).bind(uuid).fetch_optional(transaction.connection()?).await?;
            Ok(found.map(|Json(value)| value))
        };
        let (generation, value) = self.generations().get_or_load(&generation_key(school), &key, TTL, load).await?;
        let value = value.map(Arc::new);
        let Some(generation) = generation else { return Ok(value) };
        Ok(self.remember(school, id, generation, value))
    }

    fn generations(&self) -> Generations {
        Generations::new(self.redis.clone())
    }

    fn remember<T: Entry>(&self, school: SchoolId, id: T::Id, generation: u64, value: Option<Arc<T>>) -> Option<Arc<T>> {
        T::shelf(self.remembered.get_or_init(Remembered::default)).insert((school, id), (generation, value.clone()));
        value
    }
}

/// The key of the number that moves on with every change of the school's people, classes and working days.
#[must_use]
pub fn generation_key(school: SchoolId) -> String {
    // In the partition of the school's rows: one command reads or writes a row and compares this.
    format!("directory:generation:{}:{school}", Partition::of(school))
}
