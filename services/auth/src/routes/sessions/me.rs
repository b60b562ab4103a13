//! Who one is, and how one goes.

use actix_web::web::{Data, Json};
use actix_web::{get, post};
use domain::{Actor, ServiceName};
use service_kit::{CommonProblems, NoContent, Platform, PlatformPermit, Problem, permits};

use super::tokens::{self, Me, UserRow};
use crate::model::place::Place;
use crate::revocation::{self, Which};

/// Who one is, in this session.
#[utoipa::path(tag = "auth", responses((status = 200, description = "The user", body = Me), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/auth/me")]
pub(crate) async fn me(permit: PlatformPermit<permits::ProfileRead>, platform: Data<Platform>) -> Result<Json<Me>, Problem> {
    let mut transaction = platform.postgres(ServiceName::Auth).login(permit.user_id).await?;
    let connection = transaction.connection()?;
    let row = UserRow::find(connection, permit.user_id).await?.ok_or_else(|| Problem::not_found("user"))?;
    let memberships = tokens::memberships(connection, permit.user_id).await?;
    let place = Place { school_id: permit.school_id, role: permit.role };
    Ok(Json(row.into_me(permit.session_id, place, memberships)))
}

/// Ends this session, its access token included.
#[utoipa::path(tag = "auth", responses((status = 204, description = "Ended"), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/auth/logout")]
pub(crate) async fn logout(permit: PlatformPermit<permits::SessionsManage>, platform: Data<Platform>) -> Result<NoContent, Problem> {
    let mut transaction = platform.postgres(ServiceName::Auth).platform().await?;
    let which = Which { session: Some(permit.session_id), user: Some(permit.user_id), ..Which::default() };
    let revoked = revocation::revoke(transaction.connection()?, which, "logout", platform.clock().now()).await?;
    transaction.commit().await?;
    revoked.announce(&platform, Some(Actor { user_id: permit.user_id, role: permit.role })).await;
    Ok(NoContent)
}
