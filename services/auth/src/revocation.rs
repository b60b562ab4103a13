//! Ending sessions, so that every pod feels it within a second.
//!
//! PostgreSQL says which sessions are revoked: no refresh succeeds from the commit on. Access tokens that are already out are refused because of the set in
//! Redis and the message on its channel; both come after the commit, and a task repeats the set every minute, for a commit that was not announced
//! (Redis was away, the process died).

use std::time::Duration;

use domain::{Actor, EventKind, SchoolId, ServiceName, SessionId, Timestamp, UserId};
use fred::interfaces::SortedSetsInterface;
use serde_json::json;
use service_kit::tokens::REVOKED_SESSIONS_KEY;
use service_kit::{BackgroundTask, Platform};
use sqlx::PgConnection;
use store::StoreError;
use uuid::Uuid;

/// Which sessions end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which {
    /// Only this one.
    pub session: Option<SessionId>,
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only those in this school.
    pub school: Option<SchoolId>,
    /// Only those in this role.
    pub role: Option<domain::Role>,
    /// Not this one.
    pub except: Option<SessionId>,
}

/// Sessions that were revoked in a transaction, to be announced after its commit.
#[derive(Debug, Clone, Default)]
#[must_use = "announce them after the commit, or pods go on accepting their access tokens"]
pub struct Revoked(Vec<(SessionId, Option<SchoolId>)>);

impl Revoked {
    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and those.
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Tells every pod. Call it after the commit. It doesn't fail: what Redis doesn't take now is repeated in the background.
    pub async fn announce(self, platform: &Platform, actor: Option<Actor>) {
        let now = platform.clock().now();
        let until = forget_at(platform, now);
        for (session, _) in &self.0 {
            platform.verifier().revoked().insert(*session, until);
        }
        if self.0.is_empty() {
            return;
        }
        if let Err(error) = add(platform, self.0.iter().map(|(session, _)| *session), until).await {
            tracing::warn!(%error, "revoked sessions could not be announced; trying again until they are");
            tokio::spawn(insist(platform.clone(), self.clone(), until));
        }
        for (session, school) in self.0 {
            // A super admin's session may have no school; nobody looks a school of this id up.
            let school = school.unwrap_or(SchoolId::from_uuid(Uuid::nil()));
            let data = json!({ "until": until });
            match events::envelope(EventKind::SessionRevoked, school, actor, session.as_uuid(), now, &data) {
                Ok(event) => {
                    if let Err(error) = platform.events().publish(&event).await {
                        tracing::warn!(%error, "a revoked session was not published; pods find it in the set");
                    }
                }
                Err(error) => tracing::error!(%error, "a revoked session can't be published"),
            }
        }
    }
}

/// Revokes the sessions that `which` names and that still run. With nothing named, nothing ends.
pub async fn revoke(connection: &mut PgConnection, which: Which, reason: &'static str, now: Timestamp) -> Result<Revoked, StoreError> {
    if which.session.is_none() && which.user.is_none() && which.school.is_none() {
        return Ok(Revoked::default());
    }
    let update = "UPDATE sessions SET revoked_at = $1, revoke_reason = $2 WHERE revoked_at IS NULL AND expires_at > $1 \
                  AND ($3::uuid IS NULL OR id = $3) AND ($4::uuid IS NULL OR user_id = $4) AND ($5::uuid IS NULL OR school_id = $5) \
                  AND ($6::text IS NULL OR role = $6) AND ($7::uuid IS NULL OR id <> $7) RETURNING id, school_id";
    let rows: Vec<(Uuid, Option<Uuid>)> = sqlx::query_as(update)
        .bind(now)
        .bind(reason)
        .bind(which.session.map(SessionId::as_uuid))
        .bind(which.user.map(UserId::as_uuid))
        .bind(which.school.map(SchoolId::as_uuid))
        .bind(which.role.map(domain::Role::as_str))
        .bind(which.except.map(SessionId::as_uuid))
        .fetch_all(connection)
        .await?;
    Ok(Revoked(rows.into_iter().map(|(id, school)| (id.into(), school.map(Into::into))).collect()))
}

/// The second after which no access token of a session that ends at `revoked` can be good.
fn forget_at(platform: &Platform, revoked: Timestamp) -> i64 {
    let tokens = &platform.config().tokens;
    let life = i64::try_from((tokens.access_life + tokens.leeway).as_secs()).unwrap_or(i64::MAX / 4);
    revoked.timestamp().saturating_add(life).saturating_add(1)
}

async fn add(platform: &Platform, sessions: impl Iterator<Item = SessionId>, until: i64) -> Result<(), fred::error::Error> {
    #[allow(clippy::cast_precision_loss)] // exact for seconds
    let members: Vec<(f64, String)> = sessions.map(|session| (until as f64, session.to_string())).collect();
    if members.is_empty() {
        return Ok(());
    }
    platform.redis().zadd::<(), _, _>(REVOKED_SESSIONS_KEY, None, None, false, false, members).await
}

async fn insist(platform: Platform, revoked: Revoked, until: i64) {
    while platform.clock().now().timestamp() < until {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if add(&platform, revoked.0.iter().map(|(session, _)| *session), until).await.is_ok() {
            return;
        }
    }
}

/// Every minute, puts what PostgreSQL knows to be revoked into Redis, and takes out what no longer matters.
#[must_use]
pub fn task(platform: &Platform) -> BackgroundTask {
    let platform = platform.clone();
    let run = move |cancel: tokio_util::sync::CancellationToken| -> futures_util::future::BoxFuture<'static, ()> {
        Box::pin(async move {
            while !cancel.is_cancelled() {
                let rest = match repeat(&platform).await {
                    Ok(()) => Duration::from_mins(1),
                    Err(error) => {
                        tracing::warn!(%error, "revoked sessions could not be repeated");
                        Duration::from_secs(2)
                    }
                };
                tokio::select! { () = tokio::time::sleep(rest) => {} () = cancel.cancelled() => {} }
            }
        })
    };
    BackgroundTask { name: "revoked sessions in Redis", run: Box::new(run) }
}

async fn repeat(platform: &Platform) -> anyhow::Result<()> {
    let now = platform.clock().now();
    let life = forget_at(platform, now) - now.timestamp();
    let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
    let select = "SELECT id, revoked_at FROM sessions WHERE revoked_at > $1";
    let since = now - chrono::Duration::seconds(life);
    let rows: Vec<(Uuid, Timestamp)> = sqlx::query_as(select).bind(since).fetch_all(transaction.connection()?).await?;
    drop(transaction);
    for (id, revoked_at) in rows {
        add(platform, std::iter::once(SessionId::from_uuid(id)), forget_at(platform, revoked_at)).await?;
    }
    #[allow(clippy::cast_precision_loss)] // exact for seconds
    let now = now.timestamp() as f64;
    platform.redis().zremrangebyscore::<(), _, _, _>(REVOKED_SESSIONS_KEY, f64::NEG_INFINITY, now).await?;
    Ok(())
}
