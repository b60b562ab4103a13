//! Where a request of the roster stands.

use directory::Directory;
use domain::ServiceName;
use service_kit::{Caller, Platform};

/// Auth, as it keeps its records.
pub(crate) struct Auth;

impl records::Keeper for Auth {
    const SERVICE: ServiceName = ServiceName::Auth;

    /// Who is who may have changed: no service goes on with what it knew.
    async fn committed(platform: &Platform, caller: &Caller) {
        let directory = Directory::new(platform.redis().clone(), platform.postgres(ServiceName::Auth).clone());
        directory.changed(caller.school_id).await;
    }
}

/// The desk of this service.
pub(crate) type Desk<P> = records::Desk<Auth, P>;
