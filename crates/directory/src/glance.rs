//! Looking into the directory without a round trip, and without ever acting on what is out of date.
//!
//! A request looks at what this process remembers, does its work, and has the memory confirmed by the step into Redis that the work takes anyway: reading or writing a
//! row compares the school's generation in the same command ([`cache::Guard`]). If the directory has changed, nothing was written, and the work is done
//! again with what the directory holds now.

use std::sync::{Arc, OnceLock};

use cache::{Guard, Verdict, near};
use domain::{ClassId, SchoolId, StudentId, UserId};
use fred::interfaces::KeysInterface;
use store::StoreError;

use crate::remembered::Entry;
use crate::timetable::WorkingDays;
use crate::{Class, Directory, Learner, Person, Roster, generation_key};

/// The directory of one school during one piece of work.
#[derive(Debug)]
pub struct Glance<'d> {
    directory: &'d Directory,
    school: SchoolId,
    /// Whether what is remembered may be used.
    trusting: bool,
    guard: OnceLock<Arc<Guard>>,
}

impl Glance<'_> {
    /// The user's parts in the school; all empty for a user who has none.
    pub async fn person(&self, user: UserId) -> Result<Arc<Person>, StoreError> {
        Ok(self.look_up::<Person>(user).await?.unwrap_or_default())
    }

    /// The student with this id.
    pub async fn learner(&self, student: StudentId) -> Result<Option<Arc<Learner>>, StoreError> {
        self.look_up(student).await
    }

    /// The class with this id.
    pub async fn class(&self, class: ClassId) -> Result<Option<Arc<Class>>, StoreError> {
        self.look_up(class).await
    }

    /// Everybody who is or was in the class, in the order of a class list: by roll number, then by name.
    pub async fn roster(&self, class: ClassId) -> Result<Arc<Roster>, StoreError> {
        Ok(self.look_up::<Roster>(class).await?.unwrap_or_default())
    }

    /// The days on which the school works although they may be none of its weekdays.
    pub async fn working_days(&self) -> Result<Arc<WorkingDays>, StoreError> {
        Ok(self.look_up::<WorkingDays>(self.school).await?.unwrap_or_default())
    }

    /// What steps into Redis must carry along and compare; none if nothing remembered was used so far. Ask after the look-ups.
    #[must_use]
    pub fn guard(&self) -> Option<&Arc<Guard>> {
        self.guard.get()
    }

    async fn look_up<T>(&self, id: T::Id) -> Result<Option<Arc<T>>, StoreError>
    where
        T: Entry + serde::Serialize + serde::de::DeserializeOwned + Unpin,
    {
        if self.trusting
            && let Some((generation, value)) = self.directory.remembered::<T>(self.school, id)
        {
            let generation = generation.to_string();
            let guard = self.guard.get_or_init(|| Arc::new(Guard::new(generation_key(self.school), generation.clone())));
            // Two entries of different generations never stood side by side.
            if guard.seen() != generation {
                guard.break_off();
            }
            return Ok(value);
        }
        self.directory.look_up::<T>(self.school, id).await
    }

    /// Whether all that was used is known to have been true while the work was done.
    async fn confirmed(&self) -> bool {
        let Some(guard) = self.guard.get() else { return true };
        match guard.verdict() {
            Verdict::Holds => true,
            Verdict::Broken => false,
            // The work needed no step into Redis, or met none that answered.
            Verdict::Open => {
                let present: Result<Option<String>, _> = near(&self.directory.redis).get(guard.key()).await;
                present.is_ok_and(|present| guard.compare(present.as_deref()))
            }
        }
    }
}

impl Directory {
    /// Does `work` with what is remembered of `school`; if that proves out of date, does it again with what the directory holds now.
    ///
    /// `work` must give [`Glance::guard`] to every step that writes: a step that finds it broken changes nothing and fails. What `work` answers, a refusal
    /// included, is only returned once the guard is known to hold.
    pub async fn consult<T, E>(&self, school: SchoolId, work: impl AsyncFn(&Glance<'_>) -> Result<T, E>) -> Result<T, E> {
        let glance = Glance { directory: self, school, trusting: true, guard: OnceLock::new() };
        let outcome = work(&glance).await;
        if glance.confirmed().await {
            return outcome;
        }
        work(&Glance { directory: self, school, trusting: false, guard: OnceLock::new() }).await
    }
}
