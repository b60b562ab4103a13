//! Where a request of the roster stands: who calls, which transaction, and what has to follow a commit. What all resources of people and academics
//! do the same way is here, so that a resource's file holds only what is its own.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use chrono::NaiveDate;
use directory::Directory;
use domain::{ServiceName, Timestamp};
use futures_util::future::LocalBoxFuture;
use sea_orm::EntityTrait;
use serde::Serialize;
use service_kit::idempotency::{self, Answer, fingerprint};
use service_kit::{Caller, Created, IdempotencyKey, MayHold, Permit, Platform, Problem};
use store::SchoolTransaction;
use store::entity::schools;

use crate::store::reach::Reach;

/// The caller, known to hold `P`, and the means to serve them.
pub(crate) struct Desk<P> {
    permit: Permit<P>,
    platform: Platform,
    request: HttpRequest,
}

impl<P: MayHold> FromRequest for Desk<P> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let permit = Permit::<P>::from_request(request, payload);
        let platform = Platform::of(request).cloned().ok_or_else(|| Problem::internal(anyhow::anyhow!("the app has no platform")));
        let request = request.clone();
        Box::pin(async move { Ok(Self { permit: permit.await?, platform: platform?, request }) })
    }
}

impl<P> Desk<P> {
    pub(crate) const fn caller(&self) -> &Caller {
        self.permit.caller()
    }

    pub(crate) const fn platform(&self) -> &Platform {
        &self.platform
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.platform.clock().now()
    }

    /// The day that it is at the school.
    pub(crate) async fn today(&self, transaction: &SchoolTransaction) -> Result<NaiveDate, Problem> {
        let school = schools::Entity::find_by_id(self.caller().school_id.as_uuid()).one(transaction).await?;
        let zone = school.and_then(|school| school.time_zone.parse().ok()).unwrap_or(chrono_tz::UTC);
        Ok(self.now().with_timezone(&zone).date_naive())
    }

    /// Whom and what the caller may see.
    pub(crate) async fn reach(&self) -> Result<Reach, Problem> {
        let caller = self.caller();
        if caller.role.is_office() {
            return Ok(Reach::of_office());
        }
        let person = self.directory().person(caller.school_id, caller.user_id).await?;
        Ok(Reach::of(caller.role, caller.user_id, &person))
    }

    /// A transaction that only reads.
    pub(crate) async fn read(&self) -> Result<SchoolTransaction, Problem> {
        Ok(self.platform.postgres(ServiceName::Auth).school_read(self.caller().school_id).await?)
    }

    /// Does `work` and commits. With an `Idempotency-Key` a retry gets the first answer, and the work is done once.
    pub(crate) async fn create<T: Serialize>(
        &self,
        body: &impl Serialize,
        work: impl AsyncFnOnce(&mut SchoolTransaction) -> Result<Created<T>, Problem>,
    ) -> Result<HttpResponse, Problem> {
        let key = IdempotencyKey::optional(&self.request)?;
        let mut transaction = self.write().await?;
        let response = if let Some(key) = key {
            let route = format!("POST {}", self.request.path());
            let answer = async |transaction: &mut SchoolTransaction| Answer::created(work(transaction).await?);
            idempotency::once(transaction, self.caller(), &route, &key, fingerprint(body)?, answer).await?
        } else {
            let created = work(&mut transaction).await?;
            transaction.commit().await?;
            created.respond_to(&self.request).map_into_boxed_body()
        };
        self.announce().await;
        Ok(response)
    }

    /// Does `work` and commits.
    pub(crate) async fn change<T>(&self, work: impl AsyncFnOnce(&mut SchoolTransaction) -> Result<T, Problem>) -> Result<T, Problem> {
        let mut transaction = self.write().await?;
        let done = work(&mut transaction).await?;
        transaction.commit().await?;
        self.announce().await;
        Ok(done)
    }

    async fn write(&self) -> Result<SchoolTransaction, Problem> {
        Ok(self.platform.postgres(ServiceName::Auth).school(self.caller().school_id).await?)
    }

    fn directory(&self) -> Directory {
        Directory::new(self.platform.redis().clone(), self.platform.postgres(ServiceName::Auth).clone())
    }

    /// Who is who may have changed: no service goes on with what it knew.
    async fn announce(&self) {
        self.directory().changed(self.caller().school_id).await;
    }
}
