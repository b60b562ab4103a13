//! Where a request stands: who calls, which transaction, and what has to follow a commit. What all resources do the same way is here, so that a
//! resource's file holds only what is its own.

use std::borrow::Cow;
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use chrono::NaiveDate;
use directory::{Directory, Person};
use domain::{ServiceName, Timestamp};
use futures_util::future::LocalBoxFuture;
use sea_orm::EntityTrait;
use serde::Serialize;
use service_kit::idempotency::{self, Answer, fingerprint};
use service_kit::{Caller, Created, Filter, IdempotencyKey, MayHold, Paging, Permit, Platform, Problem};
use store::SchoolTransaction;
use store::entity::schools;

/// A service whose resources commit in PostgreSQL.
pub trait Keeper: 'static {
    /// Its name, and so the role in which it writes.
    const SERVICE: ServiceName;

    /// What a transaction that writes begins with, such as saying who writes.
    fn begun(_transaction: &mut SchoolTransaction, _caller: &Caller) -> impl Future<Output = Result<(), Problem>> {
        std::future::ready(Ok(()))
    }

    /// What has to follow a commit.
    // A future must be used as it is.
    #[allow(clippy::must_use_candidate)]
    fn committed(_platform: &Platform, _caller: &Caller) -> impl Future<Output = ()> {
        std::future::ready(())
    }
}

/// The caller, known to hold `P`, and the means to serve them in the service `K`.
pub struct Desk<K, P> {
    permit: Permit<P>,
    platform: Platform,
    request: HttpRequest,
    keeper: PhantomData<K>,
}

impl<K: Keeper, P: MayHold> FromRequest for Desk<K, P> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let permit = Permit::<P>::from_request(request, payload);
        let platform = Platform::of(request).cloned().ok_or_else(|| Problem::internal(anyhow::anyhow!("the app has no platform")));
        let request = request.clone();
        Box::pin(async move { Ok(Self { permit: permit.await?, platform: platform?, request, keeper: PhantomData }) })
    }
}

impl<K: Keeper, P> Desk<K, P> {
    /// Who calls.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        self.permit.caller()
    }

    /// The platform that the service runs on.
    #[must_use]
    pub const fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.platform.clock().now()
    }

    /// The day that it is at the school.
    pub async fn today(&self, transaction: &SchoolTransaction) -> Result<NaiveDate, Problem> {
        let school = schools::Entity::find_by_id(self.caller().school_id.as_uuid()).one(transaction).await?;
        let zone = school.and_then(|school| school.time_zone.parse().ok()).unwrap_or(chrono_tz::UTC);
        Ok(self.now().with_timezone(&zone).date_naive())
    }

    /// The user's part in the school.
    pub async fn person(&self) -> Result<Person, Problem> {
        let caller = self.caller();
        Ok(self.directory().person(caller.school_id, caller.user_id).await?)
    }

    /// A transaction that only reads.
    pub async fn read(&self) -> Result<SchoolTransaction, Problem> {
        Ok(self.platform.postgres(K::SERVICE).school_read(self.caller().school_id).await?)
    }

    /// The page of `list` that `filter` asks for.
    pub fn paging<'a, F: Filter>(&'a self, list: impl Into<Cow<'a, str>>, filter: &'a F) -> Paging<'a, &'a F> {
        Paging::of(&self.platform, self.caller(), list, filter)
    }

    /// Does `work` and commits. With an `Idempotency-Key` a retry gets the first answer, and the work is done once.
    pub async fn create<T: Serialize>(
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
        K::committed(&self.platform, self.caller()).await;
        Ok(response)
    }

    /// Does `work` and commits.
    pub async fn change<T>(&self, work: impl AsyncFnOnce(&mut SchoolTransaction) -> Result<T, Problem>) -> Result<T, Problem> {
        let mut transaction = self.write().await?;
        let done = work(&mut transaction).await?;
        transaction.commit().await?;
        K::committed(&self.platform, self.caller()).await;
        Ok(done)
    }

    async fn write(&self) -> Result<SchoolTransaction, Problem> {
        let mut transaction = self.platform.postgres(K::SERVICE).school(self.caller().school_id).await?;
        K::begun(&mut transaction, self.caller()).await?;
        Ok(transaction)
    }

    /// Who is who.
    #[must_use]
    pub fn directory(&self) -> Directory {
        Directory::new(self.platform.redis().clone(), self.platform.postgres(K::SERVICE).clone())
    }
}
