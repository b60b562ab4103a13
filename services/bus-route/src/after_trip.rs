//! What follows the end of a trip: whoever boarded and did not get off is told of.
//!
//! The end commits with its event. The request that ends the trip looks at once; the consumer looks again when the event comes, so that it is done even if the process
//! died in between. Whoever boards meanwhile is written before the trip's state is looked at once more ([`crate::routes::boardings`]): one of the two sees the other.

use async_trait::async_trait;
use domain::{BusTripId, EventEnvelope, EventKind, StudentId};
use events::{HandleError, Handler};
use service_kit::{Kind, Platform, Problem};

use crate::model::progress::Course;
use crate::model::trip::TripState;
use crate::store;

/// What the consumer listens to.
pub(crate) const KINDS: &[EventKind] = &[EventKind::TransportTripEnded];

/// The consumer.
pub(crate) struct AfterTrip {
    platform: Platform,
}

impl AfterTrip {
    pub(crate) const fn new(platform: Platform) -> Self {
        Self { platform }
    }
}

#[async_trait]
impl Handler for AfterTrip {
    async fn handle(&self, event: &EventEnvelope) -> Result<(), HandleError> {
        let look = async {
            let trip = BusTripId::from_uuid(event.subject);
            match store::any_course(&self.platform, event.school_id, trip).await? {
                Some((course, TripState::Finished)) => look_for_left_behind(&self.platform, &course).await.map(drop),
                _ => Ok(()),
            }
        };
        look.await.map_err(|problem: Problem| match problem.kind() {
            Kind::Unavailable => HandleError::Unavailable(problem.to_string()),
            _ => HandleError::Failed(problem.to_string()),
        })
    }
}

/// Tells of whoever boarded and did not get off; once for each, however often it is called.
pub(crate) async fn look_for_left_behind(platform: &Platform, course: &Course) -> Result<Vec<StudentId>, Problem> {
    let boardings = store::boardings_of(platform, course.school_id, course.trip_id).await?;
    store::left_behind(platform, course, &boardings).await
}
