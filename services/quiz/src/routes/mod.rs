//! One file a resource.

mod access;
mod admission;
pub mod answers;
pub mod attempts;
pub mod categories;
mod ending;
pub mod exchange;
pub mod grading;
pub mod leaderboard;
pub mod overrides;
pub mod questions;
pub mod quizzes;
pub mod regrade;
pub mod results;
pub mod review;
mod settings;
pub mod slots;
pub mod statistics;
mod views;

use actix_web::web::Data;
use directory::Directory;
use domain::{QuizId, SchoolId, ServiceName};
use serde::Serialize;
use service_kit::idempotency::{Answer, fingerprint, once};
use service_kit::{Caller, Created, IdempotencyKey, Platform, Problem, Refusal, Retries};
use store::SchoolTransaction;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::store::{Bank, Sheets, Sittings};

pub(crate) use ending::sweep;

/// Registers all routes of the service.
pub fn configure(platform: &Platform, config: &mut ServiceConfig<'_>) {
    config.app_data(Data::new(Rooms::new(platform)));
    questions::configure(config);
    exchange::configure(config);
    categories::configure(config);
    quizzes::configure(config);
    slots::configure(config);
    overrides::configure(config);
    attempts::configure(config);
    answers::configure(config);
    review::configure(config);
    grading::configure(config);
    regrade::configure(config);
    results::configure(config);
    statistics::configure(config);
    leaderboard::configure(config);
}

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct Rooms {
    pub(crate) platform: Platform,
    directory: Directory,
    sheets: Sheets,
    sittings: Sittings,
    bank: Bank,
}

impl Rooms {
    pub(crate) fn new(platform: &Platform) -> Self {
        let directory = Directory::new(platform.redis().clone(), platform.postgres(ServiceName::Quiz).clone());
        Self {
            platform: platform.clone(),
            directory,
            sheets: Sheets::new(platform.clone()),
            sittings: Sittings::default(),
            bank: Bank::new(platform.clone()),
        }
    }

    async fn reading(&self, school: SchoolId) -> Result<SchoolTransaction, Problem> {
        Ok(self.platform.postgres(ServiceName::Quiz).school_read(school).await?)
    }

    async fn writing(&self, school: SchoolId) -> Result<SchoolTransaction, Problem> {
        Ok(self.platform.postgres(ServiceName::Quiz).school(school).await?)
    }

    /// Creates something of a quiz or the bank that commits in PostgreSQL. With a key a retry gets the first answer, and the work is done once.
    async fn create<T: Serialize>(
        &self,
        caller: &Caller,
        key: Option<IdempotencyKey>,
        route: &str,
        body: &impl Serialize,
        request: &actix_web::HttpRequest,
        work: impl AsyncFnOnce(&mut SchoolTransaction) -> Result<Created<T>, Problem>,
    ) -> Result<actix_web::HttpResponse, Problem> {
        let mut transaction = self.writing(caller.school_id).await?;
        let Some(key) = key else {
            let created = work(&mut transaction).await?;
            transaction.commit().await?;
            return Ok(actix_web::Responder::respond_to(created, request).map_into_boxed_body());
        };
        let answer = async |transaction: &mut SchoolTransaction| Answer::created(work(transaction).await?);
        once(transaction, caller, route, &key, fingerprint(body)?, answer).await
    }

    /// Waits until PostgreSQL has all that was acknowledged for the school: what is read then is the last word.
    async fn settled(&self, school: SchoolId) -> Result<(), Problem> {
        let patience = std::time::Duration::from_secs(10);
        if self.platform.buffer().wait_until_saved(ServiceName::Quiz, school, patience).await? {
            return Ok(());
        }
        Err(Problem::unavailable(std::time::Duration::from_secs(2), "What was answered a moment ago"))
    }

    async fn changed(&self, school: SchoolId, quiz: QuizId) {
        self.sheets.changed(school, quiz).await;
    }
}

/// Runs `attempt` until nobody got in between. What it reads, it must read anew each time.
async fn retried<T>(attempt: impl AsyncFnMut() -> Result<T, Refusal>) -> Result<T, Problem> {
    service_kit::retried(Retries::EVEN_IF_CHANGED, attempt).await
}

/// A text of a stored row: it was valid when it came in.
fn owned<const MAX: usize>(text: domain::Text<MAX>) -> String {
    text.into()
}

/// The outbox is in PostgreSQL, so its troubles are PostgreSQL's.
fn outbox(error: events::outbox::OutboxError) -> Problem {
    use events::outbox::OutboxError;
    match error {
        OutboxError::Store(error) => error.into(),
        OutboxError::Connection(error) => error.into(),
        error => Problem::internal(error),
    }
}
