//! Where a request to what commits in PostgreSQL stands.

use actix_web::HttpResponse;
use domain::ServiceName;
use serde::Serialize;
use service_kit::{Created, MayHold, Problem};
use store::SchoolTransaction;

use crate::remember::committed;
use crate::store::{Book, Touched};

/// The fee office, as it keeps its records.
pub(crate) struct FeeOffice;

impl records::Keeper for FeeOffice {
    const SERVICE: ServiceName = ServiceName::Fee;
}

/// The desk of this service.
pub(crate) type Desk<P> = records::Desk<FeeOffice, P>;

/// Opens the book, does `work`, commits, and puts the payments that it changed into Redis. Whatever may change a payment goes this way, or by
/// [`create_in_book`].
pub(crate) async fn change_book<P: MayHold, T>(
    desk: &Desk<P>,
    work: impl AsyncFnOnce(&mut SchoolTransaction, &Book) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let mut touched = Touched::default();
    let done = desk
        .change(async |transaction| {
            let book = Book::open(transaction, Some(desk.caller().actor()), desk.now()).await?;
            touched = book.touched.clone();
            work(transaction, &book).await
        })
        .await?;
    committed(desk.platform(), desk.caller().school_id, &touched).await;
    Ok(done)
}

/// Likewise for what is made: with an `Idempotency-Key` a retry gets the first answer, and the work is done once.
pub(crate) async fn create_in_book<P: MayHold, T: Serialize>(
    desk: &Desk<P>,
    body: &impl Serialize,
    work: impl AsyncFnOnce(&mut SchoolTransaction, &Book) -> Result<Created<T>, Problem>,
) -> Result<HttpResponse, Problem> {
    let mut touched = Touched::default();
    let response = desk
        .create(body, async |transaction| {
            let book = Book::open(transaction, Some(desk.caller().actor()), desk.now()).await?;
            touched = book.touched.clone();
            work(transaction, &book).await
        })
        .await?;
    committed(desk.platform(), desk.caller().school_id, &touched).await;
    Ok(response)
}
