//! What time does by itself: whose turn in a queue is over loses it to the next, and who keeps a loan for too long is told. A task in every process asks
//! once in which schools anything is due, and looks after those; any number of them may do so at once, each thing is done once.

use std::time::Duration;

use domain::{InventoryItemId, SchoolId, ServiceName};
use futures_util::FutureExt;
use service_kit::{BackgroundTask, Platform, Problem};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::events;
use crate::store::{Books, overdue_queues, school_day, schools_with_something_due, take_unreminded};

/// How long a turn may be over before whoever is next is told, unless something moves. Whoever looks at the queue sees it at once.
const INTERVAL: Duration = Duration::from_mins(1);
/// How many loans are told about in one transaction.
const BATCH: i64 = 200;

/// The task.
pub(crate) fn task(platform: &Platform) -> BackgroundTask {
    let platform = platform.clone();
    BackgroundTask { name: "queues and due days", run: Box::new(move |cancel| sweep(platform, cancel).boxed()) }
}

async fn sweep(platform: Platform, cancel: CancellationToken) {
    loop {
        match sweep_once(&platform).await {
            Ok(0) => {}
            Ok(done) => info!(done, "queues moved on and borrowers were reminded"),
            Err(problem) => warn!(%problem, "queues and due days wait for a store"),
        }
        tokio::select! { () = tokio::time::sleep(INTERVAL) => {} () = cancel.cancelled() => return }
    }
}

/// One round; how many queues moved on and how many loans were told about.
pub async fn sweep_once(platform: &Platform) -> Result<usize, Problem> {
    let mut count = 0;
    for school in schools_with_something_due(platform).await? {
        // One that is in trouble must not hold up the others.
        match look_after(platform, school).await {
            Ok(done) => count += done,
            Err(problem) => warn!(%problem, %school, "queues and due days of a school were left"),
        }
    }
    Ok(count)
}

async fn look_after(platform: &Platform, school: SchoolId) -> Result<usize, Problem> {
    Ok(settle_overdue(platform, school).await? + remind(platform, school).await?)
}

/// Settles the queues in which somebody's time is over; how many there were.
async fn settle_overdue(platform: &Platform, school: SchoolId) -> Result<usize, Problem> {
    let postgres = platform.postgres(ServiceName::Inventory);
    let mut look = postgres.school_read(school).await?;
    let now = platform.clock().now();
    let today = school_day(&mut look, now).await?;
    let items = overdue_queues(&mut look, now, today).await?;
    drop(look);
    for item in &items {
        let mut transaction = postgres.school(school).await?;
        Books::open_for(platform, &mut transaction, "/item_id", InventoryItemId::from_uuid(*item), None).await?.close().await?;
        transaction.commit().await?;
    }
    Ok(items.len())
}

/// Tells of the loans that are overdue, once for each due day.
async fn remind(platform: &Platform, school: SchoolId) -> Result<usize, Problem> {
    let mut count = 0;
    loop {
        let mut transaction = platform.postgres(ServiceName::Inventory).school(school).await?;
        let now = platform.clock().now();
        let today = school_day(&mut transaction, now).await?;
        let loans = take_unreminded(&mut transaction, today, BATCH).await?;
        events::loans_overdue(&mut transaction, &loans, now).await?;
        transaction.commit().await?;
        count += loans.len();
        if loans.is_empty() {
            return Ok(count);
        }
    }
}
