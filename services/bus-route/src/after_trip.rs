//! What follows the end of a trip, and what was noted of a student: whoever boarded and did not get off is told of, and whoever got off after all is not missed any more.
//!
//! The end commits with its event, and a note is kept with its own. The request looks at once; the consumer looks again when the event comes, so that it is done even if the
//! process died in between, or PostgreSQL was away. Whoever boards meanwhile is written before the trip's state is looked at once more ([`crate::routes::boardings`]): one of
//! the two sees the other. What is done goes by what is there now, not by what the event says: an event may come late, and twice.

use async_trait::async_trait;
use domain::{Actor, BusTripId, EventEnvelope, EventKind, StudentId};
use events::{HandleError, Handler};
use service_kit::{Kind, Platform, Problem};

use crate::events::AboutBoarding;
use crate::model::boarding::Boarding;
use crate::model::progress::Course;
use crate::model::trip::TripState;
use crate::store;

/// What the consumer listens to.
pub(crate) const KINDS: &[EventKind] = &[EventKind::TransportTripEnded, EventKind::TransportBoarded, EventKind::TransportAlighted];

/// The consumer.
pub(crate) struct AfterTrip {
    platform: Platform,
}

impl AfterTrip {
    pub(crate) const fn new(platform: Platform) -> Self {
        Self { platform }
    }

    async fn ended(&self, event: &EventEnvelope) -> Result<(), Problem> {
        let (school, trip) = (event.school_id, BusTripId::from_uuid(event.subject));
        store::forget_course(&self.platform, school, trip).await;
        match store::any_course(&self.platform, school, trip).await? {
            Some((course, TripState::Finished)) => look_for_left_behind(&self.platform, &course).await.map(drop),
            _ => Ok(()),
        }
    }

    async fn noted(&self, event: &EventEnvelope) -> Result<(), Problem> {
        let about: AboutBoarding = serde_json::from_str(&event.data)?;
        let part = store::find_boarding(&self.platform, event.school_id, about.trip_id, about.student_id).await?.row();
        match (part, event.actor) {
            (Some(part), Some(by)) => after_note(&self.platform, &part, by).await,
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Handler for AfterTrip {
    async fn handle(&self, event: &EventEnvelope) -> Result<(), HandleError> {
        let done = if event.kind == EventKind::TransportTripEnded { self.ended(event).await } else { self.noted(event).await };
        done.map_err(|problem| match problem.kind() {
            Kind::Unavailable => HandleError::Unavailable(problem.to_string()),
            _ => HandleError::Failed(problem.to_string()),
        })
    }
}

/// What follows from a student's part in a trip as it is now, however often it is called: who is on board of a trip that is over is told of, and who is off is missed no more.
pub(crate) async fn after_note(platform: &Platform, part: &Boarding, by: Actor) -> Result<(), Problem> {
    let (school, trip) = (part.school_id, part.trip_id);
    if !part.is_aboard() {
        return store::resolve_left_behind(platform, school, trip, part.student_id, by).await;
    }
    let mut transaction = store::reading(platform, school).await?;
    let state = store::state_of(transaction.connection()?, school, trip).await?;
    // Given back before another one is asked for.
    drop(transaction);
    if state == Some(TripState::Finished)
        && let Some((course, _)) = store::any_course(platform, school, trip).await?
    {
        look_for_left_behind(platform, &course).await?;
    }
    Ok(())
}

/// Tells of whoever boarded and did not get off; once for each, however often it is called.
pub(crate) async fn look_for_left_behind(platform: &Platform, course: &Course) -> Result<Vec<StudentId>, Problem> {
    let boardings = store::boardings_of(platform, course.school_id, course.trip_id).await?;
    store::left_behind(platform, course, &boardings).await
}
