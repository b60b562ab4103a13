//! What time does by itself: a trip that nobody ends is noticed, and who is still on board; one that nobody starts is late; who has left the school gives the seat back;
//! where buses were is forgotten.
//! A task in every process looks after all schools; any number of them may do so at once, each thing is noticed once.

use std::time::Duration;

use domain::{BusTripId, SchoolId, ServiceName};
use futures_util::FutureExt;
use service_kit::{BackgroundTask, Platform, Problem};
use store::StoreError;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::after_trip;
use crate::model::forgotten::{not_begun, should_have_ended};
use crate::model::position::KEPT;
use crate::model::progress::Course;
use crate::model::trip::TripState;
use crate::store as tables;

/// How long after its time something is noticed at the latest.
const INTERVAL: Duration = Duration::from_mins(1);

/// How many parts of a school's old positions are removed in a round: more than come in a minute from five hundred buses.
const FORGETTING: usize = 10;

/// The task.
pub(crate) fn task(platform: &Platform) -> BackgroundTask {
    let platform = platform.clone();
    BackgroundTask { name: "trips and seats", run: Box::new(move |cancel| sweep(platform, cancel).boxed()) }
}

async fn sweep(platform: Platform, cancel: CancellationToken) {
    loop {
        tokio::select! { () = tokio::time::sleep(INTERVAL) => {} () = cancel.cancelled() => return }
        match sweep_once(&platform).await {
            Ok(0) => {}
            Ok(found) => info!(found, "trips that were forgotten and seats of those who left were looked after"),
            Err(problem) => warn!(%problem, "forgotten trips and the seats of those who left wait for a store"),
        }
    }
}

/// One round; how many trips were found that somebody has forgotten, and how many seats were given back.
pub async fn sweep_once(platform: &Platform) -> Result<usize, Problem> {
    let mut count = 0;
    for school in schools(platform).await? {
        // One that is in trouble must not hold up the others.
        match look_after(platform, school).await {
            Ok(done) => count += done,
            Err(problem) => warn!(%problem, %school, "a school's forgotten trips and seats were left"),
        }
    }
    Ok(count)
}

async fn schools(platform: &Platform) -> Result<Vec<SchoolId>, Problem> {
    let mut transaction = platform.batch_postgres().platform().await?;
    let query = sqlx::query_scalar("SELECT id FROM schools WHERE is_active ORDER BY id");
    let ids: Vec<Uuid> = query.fetch_all(transaction.connection()?).await.map_err(StoreError::from)?;
    Ok(ids.into_iter().map(SchoolId::from_uuid).collect())
}

async fn look_after(platform: &Platform, school: SchoolId) -> Result<usize, Problem> {
    let now = platform.clock().now();
    let mut look = tables::reading(platform, school).await?;
    let today = now.with_timezone(&tables::zone(look.connection()?, school).await?).date_naive();
    let trips = tables::maybe_forgotten(look.connection()?, school, today, now).await?;
    let has_leavers = tables::has_leavers(look.connection()?, school, today).await?;
    drop(look);
    let mut count = 0;
    for trip in trips {
        match look_at(platform, school, trip).await {
            Ok(found) => count += usize::from(found),
            Err(problem) => warn!(%problem, %trip, "a trip that may be forgotten could not be looked at"),
        }
    }
    let postgres = platform.postgres(ServiceName::BusRoute);
    let mut transaction = postgres.school(school).await?;
    tables::end_delays(&mut transaction, today, now).await?;
    let seats = if has_leavers { tables::end_seats_of_leavers(&mut transaction, today, now).await? } else { 0 };
    transaction.commit().await?;
    if seats > 0 {
        tables::rights_changed(platform, school).await;
    }
    // By itself and in small parts: there may be many, and nobody waits for it. What is left now has its turn in a minute.
    for _ in 0..FORGETTING {
        let mut transaction = postgres.school(school).await?;
        let forgotten = tables::forget_positions(&mut transaction, now - KEPT).await?;
        transaction.commit().await?;
        if forgotten < tables::FORGOTTEN_AT_ONCE {
            break;
        }
    }
    Ok(count + seats)
}

/// Tells of a trip what there is to tell; whether there was anything.
async fn look_at(platform: &Platform, school: SchoolId, trip: BusTripId) -> Result<bool, Problem> {
    let now = platform.clock().now();
    match tables::any_course(platform, school, trip).await? {
        Some((course, TripState::Running)) => {
            let heard = tables::begin_live(platform, &course).await?.progress.latest.map(|fix| fix.recorded_at);
            if should_have_ended(&course, heard, now) {
                tell_forgotten(platform, &course).await?;
                return Ok(true);
            }
        }
        Some((course, TripState::Planned)) => {
            if let Some(late) = not_begun(&course, now) {
                tables::tell_delay(platform, &course, late, None).await?;
                return Ok(true);
            }
        }
        _ => {}
    }
    Ok(false)
}

/// Whoever is on board is more urgent than that the trip has not ended.
async fn tell_forgotten(platform: &Platform, course: &Course) -> Result<(), Problem> {
    if after_trip::look_for_left_behind(platform, course).await?.is_empty() {
        tables::not_ended(platform, course).await?;
    }
    Ok(())
}
