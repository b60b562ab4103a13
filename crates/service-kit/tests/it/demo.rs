//! The demo service, keys of its own, and a client.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use actix_web::{get, post, put};
use async_trait::async_trait;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use domain::{ClassId, ManualClock, Role, SchoolId, ServiceName, SessionId, Text, UserId, Version};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::config::Source;
use service_kit::tokens::{Claims, Issuer, KeySource, KeySourceError, PublicKey};
use service_kit::{
    Body, CommonProblems, Config, Created, Cursor, EditProblems, IdPath, IdempotencyKey, IfMatch, IfNoneMatch, Kind, Limit, NoContent,
    NotModifiedOr, Page, Params, Parts, Permit, Platform, PlatformPermit, Problem, Running, ServeOptions, Service, Versioned, permits,
    serve,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

pub const SERVICE: Service = Service { routes, ..Service::new(ServiceName::Homework, "Things, for trying the kit.") };

fn routes(_: &Platform, config: &mut ServiceConfig<'_>) {
    config
        .service(create)
        .service(list)
        .service(show)
        .service(edit)
        .service(keyed)
        .service(upload)
        .service(fail)
        .service(explode)
        .service(slow)
        .service(platform_wide)
        .service(open);
}

/// A mark that is never over 10, which the schema doesn't say.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "i64")]
#[schema(value_type = i64)]
pub struct Mark(i64);

impl TryFrom<i64> for Mark {
    type Error = &'static str;
    fn try_from(n: i64) -> Result<Self, Self::Error> {
        if n <= 10 { Ok(Self(n)) } else { Err("must be at most 10 marks") }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    #[schema(value_type = String, min_length = 1, max_length = 20)]
    pub title: Text<20>,
    pub mark: Option<Mark>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewThing {
    pub name: String,
    pub count: u32,
    pub password: Option<String>,
    pub class_id: Option<Uuid>,
    pub due_on: Option<chrono::NaiveDate>,
    #[serde(default)]
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Thing {
    pub id: Uuid,
    pub name: String,
}

#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    #[serde(default)]
    limit: Limit,
    /// Where to go on.
    cursor: Option<String>,
    /// Only those with this word.
    word: Option<String>,
    /// Only those of this class.
    class_id: Option<ClassId>,
    /// Only those of this day.
    day: Option<NaiveDate>,
}

#[utoipa::path(request_body = NewThing, responses((status = 201, body = Thing), CommonProblems))]
#[post("/api/v1/things")]
async fn create(_permit: Permit<permits::HomeworkWrite>, body: Body<NewThing>) -> Result<Created<Thing>, Problem> {
    let id = Uuid::now_v7();
    let body = Thing { id, name: body.name.clone() };
    Ok(Created { body, version: Version::FIRST, location: format!("/api/v1/things/{id}") })
}

#[utoipa::path(params(ListParams), responses((status = 200, body = Page<u32>), CommonProblems))]
#[get("/api/v1/things")]
async fn list(permit: Permit<permits::HomeworkRead>, params: Params<ListParams>, platform: Data<Platform>) -> Result<Page<u32>, Problem> {
    let filters = (permit.school_id, &params.word, params.class_id, params.day);
    let start = match &params.cursor {
        Some(cursor) => Cursor::<u32>::open(platform.cursor_key(), "things", &filters, cursor)? + 1,
        None => 0,
    };
    let rows: Vec<u32> = (start..10).take(usize::from(params.limit.get()) + 1).collect();
    Ok(Page::of(rows, params.limit, |last| Cursor::seal(platform.cursor_key(), "things", &filters, last)))
}

#[utoipa::path(params(("id" = Uuid, Path)), responses((status = 200, body = Thing), CommonProblems))]
#[get("/api/v1/things/{id}")]
async fn show(_permit: Permit<permits::HomeworkRead>, id: IdPath<Uuid>, known: IfNoneMatch) -> NotModifiedOr<Thing> {
    NotModifiedOr(known, Thing { id: *id, name: "three".to_owned() }, Version::try_from(3).unwrap())
}

#[utoipa::path(params(("id" = Uuid, Path)), request_body = Item, responses((status = 200, body = Item), CommonProblems, EditProblems))]
#[put("/api/v1/things/{id}")]
async fn edit(
    _permit: Permit<permits::HomeworkWrite>,
    _id: IdPath<Uuid>,
    based_on: IfMatch,
    body: Body<Item>,
) -> Result<Versioned<Item>, Problem> {
    let current = Version::try_from(3).unwrap();
    based_on.require(current)?;
    Ok(Versioned(body.into_inner(), current.next()))
}

#[utoipa::path(responses((status = 204), CommonProblems))]
#[post("/api/v1/keyed")]
async fn keyed(_key: IdempotencyKey) -> NoContent {
    NoContent
}

#[utoipa::path(request_body = NewThing, responses((status = 204), CommonProblems))]
#[post("/api/v1/small")]
async fn upload(_body: Body<NewThing, 64>) -> NoContent {
    NoContent
}

#[utoipa::path(responses((status = 204), CommonProblems))]
#[get("/api/v1/fail")]
async fn fail() -> Result<NoContent, Problem> {
    let cause = std::io::Error::other("SELECT secret FROM db.internal.example");
    Err(Problem::internal(anyhow::Error::from(cause).context("the row could not be read")))
}

#[utoipa::path(responses((status = 204), CommonProblems))]
#[get("/api/v1/explode")]
async fn explode() -> NoContent {
    panic!("the handler has a fault");
}

#[utoipa::path(responses((status = 204), CommonProblems))]
#[get("/api/v1/slow")]
async fn slow() -> NoContent {
    tokio::time::sleep(Duration::from_millis(800)).await;
    NoContent
}

#[utoipa::path(responses((status = 200, body = Option<Uuid>), CommonProblems))]
#[get("/api/v1/platform")]
async fn platform_wide(permit: PlatformPermit<permits::SchoolsManage>) -> actix_web::web::Json<Option<SchoolId>> {
    actix_web::web::Json(permit.school_id)
}

#[utoipa::path(security(()), responses((status = 204), CommonProblems))]
#[get("/api/v1/open")]
async fn open() -> Result<NoContent, Problem> {
    if false { Err(Problem::conflict(Kind::Conflict, "")) } else { Ok(NoContent) }
}

/// An RSA key pair that signs tokens.
pub struct Signer {
    pub kid: String,
    pub private: EncodingKey,
    pub jwk: Jwk,
    pub public_der: Vec<u8>,
}

impl Signer {
    pub fn new(kid: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        // `from_rsa_der` wants PKCS#1; the PEM reader takes the PKCS#8 that is at hand.
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
        let private = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        let jwk = Jwk::from_encoding_key(&private, Algorithm::RS256).unwrap();
        let public_der = aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref().to_vec();
        Self { kid: kid.to_owned(), private, jwk, public_der }
    }

    pub fn sign(&self, claims: &impl Serialize) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.private).unwrap()
    }
}

struct Keys(Vec<(String, DecodingKey)>);

#[async_trait]
impl KeySource for Keys {
    async fn keys(&self) -> Result<Vec<PublicKey>, KeySourceError> {
        Ok(self.0.iter().map(|(kid, key)| PublicKey { kid: kid.clone(), key: key.clone() }).collect())
    }
}

/// The demo service, running.
pub struct Demo {
    pub running: Running,
    pub platform: Platform,
    pub clock: Arc<ManualClock>,
    pub signer: Signer,
    pub school: SchoolId,
    client: Client,
}

pub const SECRET: &str = "a-secret-of-at-least-32-characters";

/// Every store at an address where nothing listens.
pub fn settings<'a>(more: &[(&'a str, &'a str)]) -> Config {
    let mut values = vec![
        ("HTTP_HOST", "127.0.0.1"),
        ("PORT", "0"),
        ("PROMETHEUS_PORT", "0"),
        ("HTTP_WORKERS", "2"),
        ("JWT_SECRET", SECRET),
        ("POSTGRES_HOST", "127.0.0.1"),
        ("POSTGRES_PORT", "1"),
        ("REDIS_HOST", "127.0.0.1"),
        ("REDIS_PORT", "1"),
        ("MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500"),
        ("SHUTDOWN_TIMEOUT_SECONDS", "5"),
    ];
    values.extend_from_slice(more);
    Config::from_source(&Source::of(values)).unwrap()
}

impl Demo {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(more: &[(&str, &str)]) -> Self {
        Self::start_on(more, true).await
    }

    /// With `own_keys` the signer's key is known from the start; without, keys come from the table.
    pub async fn start_on(more: &[(&str, &str)], own_keys: bool) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let signer = Signer::new("k1");
        let keys = Keys(vec![("k1".to_owned(), DecodingKey::from_jwk(&signer.jwk).unwrap())]);
        let clock = Arc::new(ManualClock::at("2026-08-17T09:00:00Z".parse().unwrap()));
        let parts = Parts {
            config: settings(more),
            clock: Arc::clone(&clock) as _,
            keys: own_keys.then(|| Box::new(keys) as _),
            services: vec![ServiceName::Homework],
        };
        let platform = Platform::build(parts).await.unwrap();
        let running = serve(platform.clone(), &[SERVICE], ServeOptions::default()).await.unwrap();
        let client = Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        Self { running, platform, clock, signer, school: SchoolId::generate(), client }
    }

    pub fn claims(&self, role: Role) -> Claims {
        let now = domain::Clock::now(&*self.clock).timestamp();
        Claims {
            sub: UserId::generate(),
            school_id: Some(self.school),
            role,
            sid: SessionId::generate(),
            iat: now,
            exp: now + 3600,
            iss: Issuer::Schools24,
        }
    }

    pub fn token(&self, role: Role) -> String {
        self.signer.sign(&self.claims(role))
    }

    /// A request without a token.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.running.address()))
    }

    /// A request of a teacher.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(self.token(Role::Teacher))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// A teacher's POST of `body` as it is, called JSON.
    pub async fn post_raw(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.request(Method::POST, path).header("content-type", "application/json").body(body).send().await.unwrap()
    }
}

/// A problem body, with what differs from run to run taken out; checks what all problems share.
pub async fn problem(response: Response) -> Value {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let mut body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert_eq!(body["request_id"], id);
    body.as_object_mut().unwrap().remove("request_id");
    body
}

/// Status and faults of a problem: `422 /name: is required; /x: …`.
pub async fn summary(response: Response) -> String {
    let problem = problem(response).await;
    let faults = problem["errors"].as_array().cloned().unwrap_or_default();
    let faults: Vec<String> =
        faults.iter().map(|fault| format!("{}: {}", fault["pointer"].as_str().unwrap(), fault["detail"].as_str().unwrap())).collect();
    let kind = problem["type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned();
    format!("{} {kind} [{}]", problem["status"], faults.join("; "))
}
