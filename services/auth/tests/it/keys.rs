//! The keys that sign access tokens, and tokens that nobody signed.

use std::sync::Arc;
use std::time::Duration;

use auth::keys::rotation::{self, RotationSettings};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration as Span;
use domain::{Clock, ManualClock, Role, SystemClock};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde_json::{Value, json};
use testkit::{Fleet, PASSWORD};

use crate::login::try_login;

const JWKS: &str = "/.well-known/jwks.json";
const ME: &str = "/api/v1/auth/me";

async fn published(fleet: &Fleet) -> Vec<Value> {
    fleet.anonymous().get(JWKS).await.expect(200)["keys"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_can_verify_a_token_with_the_published_keys() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let school = fleet.school("Demo").await;
    let user = fleet.member(school, Role::Teacher, "t@x.example").await;
    let token = fleet.login("t@x.example").await.token().to_owned();
    let answer = fleet.anonymous().get(JWKS).await;
    assert!(answer.header("cache-control").contains("max-age"));
    assert_eq!(answer.body, fleet.anonymous().get("/api/v1/auth/jwks").await.expect(200));
    let keys = published(&fleet).await;
    assert_eq!(keys.len(), 1);
    assert!(["d", "p", "q"].iter().all(|part| keys[0].get(part).is_none()), "no private parts");
    let header = decode_header(&token).unwrap();
    assert_eq!(header.kid.as_deref(), keys[0]["kid"].as_str());
    let key = DecodingKey::from_jwk(&serde_json::from_value(keys[0].clone()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&["schools24"]);
    let claims = decode::<Value>(&token, &key, &validation).unwrap().claims;
    assert_eq!(claims["sub"], json!(user));
    assert_eq!(claims["school_id"], json!(school));
    assert_eq!(claims["role"], "teacher");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_are_refused() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let (school, other) = (fleet.school("A").await, fleet.school("B").await);
    fleet.member(school, Role::Student, "s@x.example").await;
    let good = fleet.login("s@x.example").await.token().to_owned();
    let parts: Vec<&str> = good.split('.').collect();
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    claims["role"] = json!("school_admin");
    claims["school_id"] = json!(other);
    let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
    let kid = decode_header(&good).unwrap().kid.unwrap();
    let head = |alg: &str| URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "typ": "JWT", "kid": kid }).to_string());
    let jwk = published(&fleet).await[0].clone();
    let mut hmac = Header::new(Algorithm::HS256);
    hmac.kid = Some(kid.clone());
    let by_public_key = encode(&hmac, &claims, &EncodingKey::from_secret(jwk["n"].as_str().unwrap().as_bytes())).unwrap();
    let mut foreign = Header::new(Algorithm::RS256);
    foreign.kid = Some(kid.clone());
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let message = format!("{}.{payload}", head("RS256"));
    let mut signature = vec![0; pair.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    pair.sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
    let forged = [
        format!("{}.{payload}.", head("none")),
        format!("{}.{payload}.{}", head("none"), parts[2]),
        format!("{}.{payload}.{}", parts[0], parts[2]),
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)),
        by_public_key,
        format!("{}.{}.", parts[0], parts[1]),
        good.replace('.', "-"),
        "x".repeat(5000),
        String::new(),
    ];
    for token in forged {
        let answer = fleet.with_token(&token).get(ME).await;
        assert_eq!(answer.status, 401, "{token}");
        assert!(!answer.header("www-authenticate").is_empty());
    }
    let _ = fleet.with_token(&good).get(ME).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_that_start_at_once_make_one_key() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    let settings = RotationSettings::default();
    let all = (0..10).map(|_| rotation::maintain(&fleet.platform, &settings));
    for done in futures_util::future::join_all(all).await {
        done.unwrap();
    }
    assert_eq!(published(&fleet).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_published_before_it_signs_and_an_old_one_until_its_tokens_have_expired() {
    let mut fleet = Fleet::start(&[auth::SERVICE]).await;
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    fleet.restart(&[auth::SERVICE], Arc::clone(&clock) as Arc<dyn Clock>).await;
    let school = fleet.school("Demo").await;
    fleet.member(school, Role::Teacher, "t@x.example").await;
    // Short, so that keys outlive the real clock of the verifier's query.
    let settings = RotationSettings { every: Duration::from_hours(2), ahead: Duration::from_mins(10) };
    let kid_of = |token: &Value| decode_header(token.as_str().unwrap()).unwrap().kid.unwrap();
    let first = try_login(&fleet, "t@x.example", PASSWORD).await.expect(200);

    clock.advance(Span::minutes(111));
    rotation::maintain(&fleet.platform, &settings).await.unwrap();
    rotation::maintain(&fleet.platform, &settings).await.unwrap();
    let kids: Vec<String> = sqlx::query_scalar("SELECT kid FROM signing_keys ORDER BY not_before")
        .fetch_all(&mut fleet.database.superuser().await)
        .await
        .unwrap();
    assert_eq!(kids.len(), 2);
    let (url, other) = fleet.another(&[auth::SERVICE], Arc::clone(&clock) as Arc<dyn Clock>).await;
    let there = fleet.anonymous().at(&url);
    let login = json!({ "email": "t@x.example", "password": PASSWORD });
    assert_eq!(there.get(JWKS).await.expect(200)["keys"].as_array().unwrap().len(), 2);
    let second = there.post("/api/v1/auth/login", &login).await.expect(200);
    assert_eq!(kid_of(&second["token"]), kid_of(&first["token"]), "published, not signing yet");

    clock.advance(Span::minutes(10));
    let third = there.post("/api/v1/auth/login", &login).await.expect(200);
    assert_eq!(kid_of(&third["token"]), kids[1]);
    let _ = fleet.with_token(third["token"].as_str().unwrap()).get(ME).await.expect(200);
    let _ = fleet.with_token(second["token"].as_str().unwrap()).at(&url).get(ME).await.expect(200);

    clock.advance(Span::minutes(75));
    let left = there.get(JWKS).await.expect(200)["keys"].clone();
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["kid"].as_str(), Some(kids[1].as_str()));
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn private_keys_in_the_database_are_sealed() {
    let fleet = Fleet::start(&[auth::SERVICE]).await;
    assert_eq!(published(&fleet).await.len(), 1);
    let sealed: Vec<u8> =
        sqlx::query_scalar("SELECT sealed FROM signing_key_secrets").fetch_one(&mut fleet.database.superuser().await).await.unwrap();
    assert!(aws_lc_rs::rsa::KeyPair::from_pkcs8(&sealed).is_err());
    // Nobody but auth may even read them.
    let homework = fleet.database.connect(store::Identity::Service(domain::ServiceName::Homework));
    let mut transaction = homework.platform().await.unwrap();
    assert!(sqlx::query("SELECT sealed FROM signing_key_secrets").execute(transaction.connection().unwrap()).await.is_err());
}
