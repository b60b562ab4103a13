//! `POST /api/v1/auth/switch-school`: another school or role, without the password.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, post};
use domain::{Actor, Role, SchoolId, ServiceName};
use serde::Deserialize;
use service_kit::{Body, CommonProblems, Platform, PlatformPermit, Problem, permits};
use utoipa::ToSchema;

use super::login;
use super::tokens::{self, Origin, Tokens, UserRow};
use crate::keys::Signer;
use crate::model::place::Asked;
use crate::revocation::{self, Which};

/// Where to.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// The school.
    pub school_id: SchoolId,
    /// The role there; the one that may most if left out.
    #[serde(default)]
    pub role: Option<Role>,
}

/// Moves to another school or role: a new session there, and the end of this one.
#[utoipa::path(tag = "auth", responses((status = 200, description = "Tokens", body = Tokens), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/auth/switch-school")]
pub(crate) async fn switch(
    permit: PlatformPermit<permits::SessionsManage>,
    body: Body<Switch, 4096>,
    request: HttpRequest,
    platform: Data<Platform>,
    signer: Data<Signer>,
) -> Result<HttpResponse, Problem> {
    let Switch { school_id, role } = body.into_inner();
    let asked = Asked { school_id: Some(school_id), school_code: None, role };
    let user = permit.user_id;
    let mut transaction = platform.postgres(ServiceName::Auth).login(user).await?;
    let connection = transaction.connection()?;
    let gone = || Problem::unauthenticated("The account is no longer active.");
    let row = UserRow::find(connection, user).await?.filter(|row| row.is_active).ok_or_else(gone)?;
    let memberships = tokens::memberships(connection, user).await?;
    let place = login::find_place(connection, &row, &memberships, &asked).await?;
    let which = Which { session: Some(permit.session_id), user: Some(user), ..Which::default() };
    let revoked = revocation::revoke(connection, which, "switched", platform.clock().now()).await?;
    if revoked.is_empty() {
        // Ended meanwhile, so this caller has nothing to switch from.
        return Err(Problem::unauthenticated("The session was ended; log in again."));
    }
    let (session, refresh_token) = tokens::open(connection, &platform, user, place, &Origin::of(&request, &platform)).await?;
    transaction.commit().await?;
    revoked.announce(&platform, Some(Actor { user_id: user, role: permit.role })).await;
    tokens::answer(&platform, &signer, row.into_me(session, place, memberships), refresh_token).await
}
