//! Who may watch a trip, looked up once for all who do: when seats, trips or people change, every listener asks at once, and most of them ask about the same few trips.
//!
//! An answer holds for one generation of a school's rights ([`crate::store::generation`]): it was looked up after that generation was seen, so whatever had moved it on
//! is in it. A change that was committed and never announced is seen when somebody looks again anyway, which takes an answer that is [`FRESH`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{BusTripId, Role, SchoolId, StopId, UserId};
use service_kit::{Caller, Kind, Platform, Problem};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::model::progress::Course;
use crate::model::trip::TripState;
use crate::routes::{Sight, is_office};
use crate::store;

/// How old an answer may be for somebody who looks again without a reason.
const FRESH: Duration = Duration::from_secs(10);

/// How long nobody looks again after a look that failed: those who watch would otherwise wait for an absent database one after the other, each as long as it takes to
/// be sure, and hear nothing meanwhile.
const AGAIN: Duration = Duration::from_secs(2);

/// Who may watch a trip.
#[derive(Debug)]
pub(crate) struct Audience {
    pub(crate) state: TripState,
    driver: Option<UserId>,
    guardians: HashMap<UserId, Vec<StopId>>,
}

impl Audience {
    async fn of(platform: &Platform, school: SchoolId, trip: BusTripId) -> Result<Option<Self>, Problem> {
        let Some((course, state)) = store::any_course(platform, school, trip).await? else { return Ok(None) };
        let mut transaction = store::reading(platform, school).await?;
        let guardians = store::guardians_on(transaction.connection()?, &course).await?;
        Ok(Some(Self::new(&course, state, guardians)))
    }

    fn new(course: &Course, state: TripState, stops: Vec<(UserId, StopId)>) -> Self {
        let mut guardians: HashMap<UserId, Vec<StopId>> = HashMap::new();
        for (guardian, stop) in stops {
            guardians.entry(guardian).or_default().push(stop);
        }
        Self { state, driver: course.driver_user_id, guardians }
    }

    /// What the caller may see of it; none if nothing. The role counts, not only the link.
    pub(crate) fn sight(&self, caller: &Caller) -> Option<Sight> {
        match caller.role {
            _ if is_office(caller) => Some(Sight::All),
            Role::Parent => self.guardians.get(&caller.user_id).map(|stops| Sight::Stops(stops.clone())),
            Role::Staff => (self.driver == Some(caller.user_id)).then_some(Sight::All),
            _ => None,
        }
    }
}

/// One look, which all who ask meanwhile wait for.
#[derive(Debug)]
struct Look {
    generation: String,
    begun: Instant,
    found: OnceCell<Seen>,
}

/// What a look brought.
#[derive(Debug)]
enum Seen {
    /// The audience; none if there is no such trip in this school.
    Audience(Option<Arc<Audience>>),
    /// Nothing, since when, and why.
    Nothing(Instant, Kind),
}

impl Look {
    fn holds(&self, generation: &str) -> bool {
        let is_over = matches!(self.found.get(), Some(Seen::Nothing(since, _)) if since.elapsed() >= AGAIN);
        self.generation == generation && self.begun.elapsed() < FRESH && !is_over
    }
}

/// The audiences of the trips that somebody watches.
#[derive(Debug, Default)]
pub(crate) struct Audiences(Mutex<HashMap<(SchoolId, BusTripId), Arc<Look>>>);

impl Audiences {
    /// The audience of a trip, as of `generation` or later; none if there is no such trip in this school.
    pub(crate) async fn of(
        &self,
        platform: &Platform,
        school: SchoolId,
        trip: BusTripId,
        generation: &str,
    ) -> Result<Option<Arc<Audience>>, Problem> {
        let look = self.look((school, trip), generation);
        let find = || async {
            match Audience::of(platform, school, trip).await {
                Ok(found) => Seen::Audience(found.map(Arc::new)),
                Err(problem) => Seen::Nothing(Instant::now(), problem.kind()),
            }
        };
        match look.found.get_or_init(find).await {
            Seen::Audience(found) => Ok(found.clone()),
            Seen::Nothing(_, Kind::Unavailable) => Err(Problem::unavailable(AGAIN, "Who may watch this trip")),
            Seen::Nothing(_, kind) => Err(Problem::new(*kind, "Who may watch this trip could not be found out.")),
        }
    }

    fn look(&self, trip: (SchoolId, BusTripId), generation: &str) -> Arc<Look> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(look) = looks.get(&trip).filter(|look| look.holds(generation)) {
            return Arc::clone(look);
        }
        let look = Arc::new(Look { generation: generation.to_owned(), begun: Instant::now(), found: OnceCell::new() });
        looks.insert(trip, Arc::clone(&look));
        look
    }

    /// Forgets what nobody would take any more.
    pub(crate) fn tidy(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, look| look.begun.elapsed() < FRESH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_shared_within_its_generation_for_as_long_as_it_is_fresh() {
        let audiences = Audiences::default();
        let trip = (SchoolId::generate(), BusTripId::generate());
        let first = audiences.look(trip, "1.1");
        assert!(Arc::ptr_eq(&first, &audiences.look(trip, "1.1")));
        let second = audiences.look(trip, "1.2");
        assert!(!Arc::ptr_eq(&first, &second), "something has changed");
        assert!(!Arc::ptr_eq(&second, &audiences.look((trip.0, BusTripId::generate()), "1.2")), "another trip");
        let begun = Instant::now().checked_sub(FRESH).unwrap();
        let old = Arc::new(Look { generation: "1.2".to_owned(), begun, found: OnceCell::new() });
        audiences.0.lock().unwrap().insert(trip, Arc::clone(&old));
        assert!(!Arc::ptr_eq(&old, &audiences.look(trip, "1.2")), "something may have changed unheard");
        let failed = |since| {
            Arc::new(Look {
                generation: "1.2".to_owned(),
                begun: Instant::now(),
                found: OnceCell::new_with(Some(Seen::Nothing(since, Kind::Unavailable))),
            })
        };
        let just_now = failed(Instant::now());
        audiences.0.lock().unwrap().insert(trip, Arc::clone(&just_now));
        assert!(Arc::ptr_eq(&just_now, &audiences.look(trip, "1.2")), "not everybody tries again by themselves");
        let before = failed(Instant::now().checked_sub(AGAIN).unwrap());
        audiences.0.lock().unwrap().insert(trip, Arc::clone(&before));
        assert!(!Arc::ptr_eq(&before, &audiences.look(trip, "1.2")), "it may be there again");
        audiences.0.lock().unwrap().insert(trip, old);
        audiences.tidy();
        assert!(!audiences.0.lock().unwrap().contains_key(&trip));
    }

    #[test]
    fn a_trip_is_shown_to_the_office_its_driver_and_guardians_in_these_roles_alone() {
        let (driver, guardian, stop) = (UserId::generate(), UserId::generate(), StopId::generate());
        let audience = Audience { state: TripState::Running, driver: Some(driver), guardians: [(guardian, vec![stop])].into() };
        let school_id = SchoolId::generate();
        for role in Role::ALL {
            let sight = |user_id| audience.sight(&Caller { user_id, school_id, role: *role, session_id: domain::SessionId::generate() });
            let is_office = matches!(role, Role::SchoolAdmin | Role::Admin);
            let all = |is_so: bool| is_so.then_some(Sight::All);
            let own = (*role == Role::Parent).then(|| Sight::Stops(vec![stop]));
            assert_eq!(sight(driver), all(is_office || *role == Role::Staff), "{role:?}");
            assert_eq!(sight(guardian), if is_office { Some(Sight::All) } else { own }, "{role:?}");
            assert_eq!(sight(UserId::generate()), all(is_office), "{role:?}");
        }
    }
}
