//! Putting payments into Redis after they have changed and the change is committed.

use domain::{PaymentId, SchoolId, ServiceName};
use service_kit::Platform;
use uuid::Uuid;

use crate::routes::views::PaymentView;
use crate::store::{Payments, find_payment};

/// Puts what the payments are now into Redis, so that whoever asks next sees it. Where that fails, the event of the change does it later.
pub(crate) async fn remember(platform: &Platform, school: SchoolId, payments: &[Uuid]) {
    if payments.is_empty() {
        return;
    }
    let Ok(mut transaction) = platform.postgres(ServiceName::Fee).school_read(school).await else { return };
    let mut found = Vec::with_capacity(payments.len());
    for payment in payments {
        if let Ok(row) = find_payment(&mut transaction, *payment).await {
            found.push(row);
        }
    }
    drop(transaction);
    let cache = Payments::of(platform);
    for row in found {
        let Ok(version) = row.version() else { continue };
        let id = PaymentId::from(row.id);
        cache.put(school, id, version, &PaymentView::from(row)).await;
    }
}
