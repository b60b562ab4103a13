//! Schools, users and memberships.
//!
//! - [`schools`] — the tenants;
//! - [`users`] — people who can log in, as one school sees them;
//! - [`memberships`] — who is what in the school;
//! - [`target`] — whether the office may change somebody.
//!
//! A user is one person for all schools. What the office of one school may do to a user ends where another school begins: the profile, the address and the
//! password of somebody who belongs to several schools are that person's own.

pub mod memberships;
pub mod schools;
pub(crate) mod target;
pub mod users;

use directory::Directory;
use domain::{SchoolId, ServiceName};
use service_kit::Platform;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes.
pub fn configure(_: &Platform, config: &mut ServiceConfig<'_>) {
    config
        .service(schools::create)
        .service(schools::list)
        .service(schools::show)
        .service(schools::change)
        .service(users::create)
        .service(users::list)
        .service(users::show)
        .service(users::change)
        .service(users::set_password)
        .service(memberships::create)
        .service(memberships::list)
        .service(memberships::show)
        .service(memberships::change)
        .service(memberships::remove);
}

/// Tells everybody that the school's people have changed; after the commit.
pub(crate) async fn changed(platform: &Platform, school: SchoolId) {
    Directory::new(platform.redis().clone(), platform.postgres(ServiceName::Auth).clone()).changed(school).await;
}
