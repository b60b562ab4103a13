//! What this process remembers of the directory.
//!
//! An entry is kept with the generation under which it was read. It is only ever used together with a [`cache::Guard`] over that generation, or after the generation
//! was read anew: see [`crate::Glance`].

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use domain::{ClassId, SchoolId, StudentId, UserId};
use moka::sync::Cache;

use crate::timetable::WorkingDays;
use crate::{Class, Learner, Person, Roster};

/// Part of the five minutes that a change which was never announced may stay unseen; Redis's entries have the rest.
const TTL: Duration = Duration::from_mins(1);

/// People and classes that are kept, each. A person is some hundred bytes.
const CAPACITY: u64 = 20_000;

/// Rosters that are kept, and schools whose working days are. One is some ten kilobytes.
const ROSTERS: u64 = 1_000;

/// Entries of one kind.
type Shelf<Id, T> = Cache<(SchoolId, Id), (u64, Option<Arc<T>>)>;

fn shelf<Id: Hash + Eq + Send + Sync + 'static, T: Send + Sync + 'static>(capacity: u64) -> Shelf<Id, T> {
    Cache::builder().max_capacity(capacity).time_to_live(TTL).build()
}

#[derive(Debug)]
pub(crate) struct Remembered {
    pub(crate) people: Shelf<UserId, Person>,
    pub(crate) learners: Shelf<StudentId, Learner>,
    pub(crate) classes: Shelf<ClassId, Class>,
    pub(crate) rosters: Shelf<ClassId, Roster>,
    pub(crate) working_days: Shelf<SchoolId, WorkingDays>,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            people: shelf(CAPACITY),
            learners: shelf(CAPACITY),
            classes: shelf(CAPACITY),
            rosters: shelf(ROSTERS),
            working_days: shelf(ROSTERS),
        }
    }
}

/// A thing that the directory knows, and how it is asked for.
pub(crate) trait Entry: Sized + Send + Sync + 'static {
    /// Its id.
    type Id: Copy + Hash + Eq + Send + Sync + Into<uuid::Uuid> + 'static;
    /// Its name in keys.
    const KIND: &'static str;
    /// What PostgreSQL is asked: one row with one JSON value, or none; `$1` is the school and `$2` the id.
    const QUERY: &'static str;

    fn shelf(remembered: &Remembered) -> &Shelf<Self::Id, Self>;
}

impl Entry for Person {
    type Id = UserId;
    const KIND: &'static str = "person";
    const QUERY: &'static str = crate::query::PERSON;
    fn shelf(remembered: &Remembered) -> &Shelf<UserId, Self> {
        &remembered.people
    }
}

impl Entry for Learner {
    type Id = StudentId;
    const KIND: &'static str = "learner";
    const QUERY: &'static str = crate::query::LEARNER;
    fn shelf(remembered: &Remembered) -> &Shelf<StudentId, Self> {
        &remembered.learners
    }
}

impl Entry for Class {
    type Id = ClassId;
    const KIND: &'static str = "class";
    const QUERY: &'static str = crate::query::CLASS;
    fn shelf(remembered: &Remembered) -> &Shelf<ClassId, Self> {
        &remembered.classes
    }
}

impl Entry for Roster {
    type Id = ClassId;
    const KIND: &'static str = "roster";
    const QUERY: &'static str = crate::query::ROSTER;
    fn shelf(remembered: &Remembered) -> &Shelf<ClassId, Self> {
        &remembered.rosters
    }
}

impl Entry for WorkingDays {
    type Id = SchoolId;
    const KIND: &'static str = "working_days";
    const QUERY: &'static str = crate::query::WORKING_DAYS;
    fn shelf(remembered: &Remembered) -> &Shelf<SchoolId, Self> {
        &remembered.working_days
    }
}
