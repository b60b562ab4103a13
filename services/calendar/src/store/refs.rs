//! Whether what an event points at is there.

use std::collections::HashSet;

use domain::{ClassId, RoomId, SchoolId, UserId};
use service_kit::Platform;
use store::StoreError;
use uuid::Uuid;

use super::{reading, uuids};

async fn missing<T: Copy + Into<Uuid>>(
    platform: &Platform,
    school: SchoolId,
    query: &'static str,
    ids: &[T],
) -> Result<Vec<usize>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids = uuids(ids);
    let mut transaction = reading(platform, school).await?;
    let query = sqlx::query_scalar(query).bind(school.as_uuid()).bind(&ids);
    let found: HashSet<Uuid> = query.fetch_all(transaction.connection()?).await?.into_iter().collect();
    Ok(ids.iter().enumerate().filter(|(_, id)| !found.contains(id)).map(|(index, _)| index).collect())
}

/// Which of `classes`, by their place in the list, are no classes of the school.
pub(crate) async fn classes_missing(platform: &Platform, school: SchoolId, classes: &[ClassId]) -> Result<Vec<usize>, StoreError> {
    missing(platform, school, "SELECT id FROM classes WHERE school_id = $1 AND id = ANY ($2) AND status = 'active'", classes).await
}

/// Which of `users` have no part in the school.
pub(crate) async fn users_missing(platform: &Platform, school: SchoolId, users: &[UserId]) -> Result<Vec<usize>, StoreError> {
    let query = "SELECT DISTINCT user_id FROM memberships WHERE school_id = $1 AND user_id = ANY ($2) AND is_active AND status = 'active'";
    missing(platform, school, query, users).await
}

/// Whether there is no such room, or it is out of use.
pub(crate) async fn room_missing(platform: &Platform, school: SchoolId, room: RoomId) -> Result<bool, StoreError> {
    let query = "SELECT id FROM rooms WHERE school_id = $1 AND id = ANY ($2) AND is_active";
    Ok(!missing(platform, school, query, &[room]).await?.is_empty())
}
