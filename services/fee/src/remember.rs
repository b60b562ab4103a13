//! Committing what was entered in the books, and putting the payments that it changed into Redis, so that whoever asks next sees them as they are.

use domain::{SchoolId, ServiceName};
use service_kit::{Platform, Problem};
use store::SchoolTransaction;
use thiserror::Error;
use uuid::Uuid;

use crate::routes::views::whole_payments;
use crate::store::{Book, Payments, Touched, payments_of};

/// Why payments could not be put into Redis.
#[derive(Debug, Error)]
pub(crate) enum NotRemembered {
    /// They could not be read.
    #[error(transparent)]
    Unread(#[from] Problem),
    /// Redis did not take them.
    #[error("redis: {0}")]
    Unkept(#[from] fred::error::Error),
}

/// Puts what the payments are now into Redis.
pub(crate) async fn remember(platform: &Platform, school: SchoolId, payments: &[Uuid]) -> Result<(), NotRemembered> {
    if payments.is_empty() {
        return Ok(());
    }
    // What is told of a payment must be of one moment.
    let mut transaction = platform.postgres(ServiceName::Fee).school_snapshot(school).await.map_err(Problem::from)?;
    let rows = payments_of(&mut transaction, payments).await?;
    let views = whole_payments(&mut transaction, rows).await?;
    drop(transaction);
    Ok(Payments::of(platform).put(school, &views).await?)
}

/// Remembers what a transaction that is committed has touched. Where that fails, the event of the change does it later.
pub(crate) async fn committed(platform: &Platform, school: SchoolId, touched: &Touched) {
    if let Err(error) = remember(platform, school, &touched.payments()).await {
        tracing::warn!(%error, "payments could not be cached");
    }
}

/// Commits what was entered in the book.
pub(crate) async fn commit(platform: &Platform, transaction: SchoolTransaction, book: &Book) -> Result<(), Problem> {
    transaction.commit().await?;
    committed(platform, book.school, &book.touched).await;
    Ok(())
}
