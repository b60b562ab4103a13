//! Coming in, staying in and going out.
//!
//! - [`login`] — a session for a password;
//! - [`refresh`] — new tokens for an old one;
//! - [`me`] — who one is, and out;
//! - [`list`] — sessions, one's own and, for the office, a user's;
//! - [`switch`] — another school or role;
//! - [`password`] — another password;
//! - [`jwks`] — the keys that verify access tokens;
//! - [`tokens`] — what all of them answer with.

pub mod jwks;
pub mod list;
pub mod login;
pub mod me;
pub mod password;
pub mod refresh;
pub mod switch;
pub mod tokens;

use actix_web::web::Data;
use service_kit::Platform;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::keys::Signer;

/// Registers the routes.
pub fn configure(platform: &Platform, config: &mut ServiceConfig<'_>) {
    config
        .app_data(Data::new(Signer::new(platform.clone())))
        .service(login::login)
        .service(refresh::refresh)
        .service(me::me)
        .service(me::logout)
        .service(list::own)
        .service(list::end_own)
        .service(list::of_user)
        .service(list::end_of_user)
        .service(list::end_all_of_user)
        .service(switch::switch)
        .service(password::change)
        .service(jwks::well_known)
        .service(jwks::alias);
}
