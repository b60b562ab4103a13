//! The public halves of the keys that sign access tokens, for whoever verifies tokens without asking us: gateways, the mesh, other systems.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::Serialize;
use serde_json::Value;
use service_kit::{CommonProblems, Problem};
use utoipa::ToSchema;

use crate::keys::Signer;

/// Half of the time that a new key is published before it signs: whoever keeps an answer this long knows the key in time.
const CACHE: &str = "public, max-age=300";

/// A JSON Web Key Set (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
pub struct Jwks {
    /// RSA keys for RS256, with `kid`, `n` and `e`.
    #[schema(value_type = Vec<Object>)]
    pub keys: Vec<Value>,
}

/// The keys that verify access tokens.
#[utoipa::path(tag = "auth", responses((status = 200, description = "The keys", body = Jwks), CommonProblems), security(()))]
#[get("/.well-known/jwks.json")]
pub(crate) async fn well_known(signer: Data<Signer>) -> Result<HttpResponse, Problem> {
    published(&signer).await
}

/// The same keys, for those who reach only `/api`.
#[utoipa::path(tag = "auth", responses((status = 200, description = "The keys", body = Jwks), CommonProblems), security(()))]
#[get("/api/v1/auth/jwks")]
pub(crate) async fn alias(signer: Data<Signer>) -> Result<HttpResponse, Problem> {
    published(&signer).await
}

async fn published(signer: &Signer) -> Result<HttpResponse, Problem> {
    let keys = signer.published().await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, CACHE)).json(Jwks { keys }))
}
