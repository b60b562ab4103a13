//! Access tokens: only ours, only now, only as long as the session lasts.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Role;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use reqwest::Method;
use serde_json::json;
use service_kit::tokens::{KeySource, KeySourceError, PublicKey, Refusal, RevokedSessions, Verifier, VerifierSettings};

use crate::demo::{Demo, Signer, problem};

async fn status(demo: &Demo, token: &str) -> u16 {
    let response = demo.bare(Method::GET, "/api/v1/things").bearer_auth(token).send().await.unwrap();
    let status = response.status().as_u16();
    if status == 401 {
        assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
        problem(response).await;
    }
    status
}

#[tokio::test]
async fn a_token_of_ours_passes_and_no_other_does() {
    let demo = Demo::start().await;
    let good = demo.token(Role::Teacher);
    assert_eq!(status(&demo, &good).await, 200);
    assert_eq!(status(&demo, &good).await, 200, "also when it was seen before");

    let claims = demo.claims(Role::Teacher);
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let payload = part(&serde_json::to_value(claims).unwrap());

    // Another key under our key's name.
    assert_eq!(status(&demo, &Signer::new("k1").sign(&claims)).await, 401);
    // A key that we don't know.
    assert_eq!(status(&demo, &Signer::new("k9").sign(&claims)).await, 401);
    // No algorithm at all.
    for alg in ["none", "None", "NONE"] {
        let unsigned = format!("{}.{payload}.", part(&json!({"alg": alg, "typ": "JWT", "kid": "k1"})));
        assert_eq!(status(&demo, &unsigned).await, 401, "{alg}");
    }
    // HS256 with the public key as the secret.
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("k1".to_owned());
    let confused = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&demo.signer.public_der)).unwrap();
    assert_eq!(status(&demo, &confused).await, 401);
    // Our signature over other claims.
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    let mut forged = serde_json::to_value(claims).unwrap();
    forged["role"] = "super_admin".into();
    parts[1] = part(&forged);
    assert_eq!(status(&demo, &parts.join(".")).await, 401);
    // Another issuer, no expiry, no key id, no token.
    let mut other = serde_json::to_value(claims).unwrap();
    other["iss"] = "elsewhere".into();
    assert_eq!(status(&demo, &demo.signer.sign(&other)).await, 401);
    let mut endless = serde_json::to_value(claims).unwrap();
    endless.as_object_mut().unwrap().remove("exp");
    assert_eq!(status(&demo, &demo.signer.sign(&endless)).await, 401);
    let anonymous = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &demo.signer.private).unwrap();
    assert_eq!(status(&demo, &anonymous).await, 401);
    for garbage in ["", "x", "a.b.c", "....", &"x".repeat(5000)] {
        assert_eq!(status(&demo, garbage).await, 401, "{garbage}");
    }
    assert_eq!(demo.bare(Method::GET, "/api/v1/things").send().await.unwrap().status(), 401);
    let basic = demo.bare(Method::GET, "/api/v1/things").basic_auth("a", Some("b"));
    assert_eq!(basic.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_token_expires_by_the_servers_clock_also_when_it_was_seen_before() {
    let demo = Demo::start().await;
    let (used, unused) = (demo.token(Role::Teacher), demo.token(Role::Teacher));
    assert_eq!(status(&demo, &used).await, 200);
    demo.clock.advance(chrono::Duration::seconds(3599));
    assert_eq!(status(&demo, &used).await, 200);
    demo.clock.advance(chrono::Duration::seconds(1));
    assert_eq!(status(&demo, &used).await, 401);
    assert_eq!(status(&demo, &unused).await, 401);
}

#[tokio::test]
async fn a_revoked_session_is_refused_at_once() {
    let demo = Demo::start().await;
    let claims = demo.claims(Role::Teacher);
    let token = demo.signer.sign(&claims);
    assert_eq!(status(&demo, &token).await, 200);
    demo.platform.verifier().revoked().insert(claims.sid, claims.exp);
    assert_eq!(status(&demo, &token).await, 401);
}

/// Keys that a test can take away.
#[derive(Clone, Default)]
struct Loose(Arc<Mutex<Vec<PublicKey>>>);

#[async_trait::async_trait]
impl KeySource for Loose {
    async fn keys(&self) -> Result<Vec<PublicKey>, KeySourceError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

#[tokio::test]
async fn a_remembered_token_falls_with_its_key_and_survives_a_rotation() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let public = |signer: &Signer| PublicKey { kid: signer.kid.clone(), key: DecodingKey::from_jwk(&signer.jwk).unwrap() };
    let keys = Loose::default();
    keys.0.lock().unwrap().push(public(&old));
    let clock = Arc::new(domain::ManualClock::at("2026-08-17T09:00:00Z".parse().unwrap()));
    let settings = VerifierSettings { refresh: Duration::ZERO, ..VerifierSettings::default() };
    let verifier = Verifier::new(Box::new(keys.clone()), RevokedSessions::default(), clock, settings);
    let demo = Demo::start().await;
    let claims = demo.claims(Role::Teacher);
    let token = old.sign(&claims);
    assert_eq!(verifier.known(&token), None);
    assert_eq!(verifier.verify(&token).await, Ok(claims));
    assert_eq!(verifier.known(&token), Some(Ok(claims)), "no signature is checked twice");

    // Rotation: the new key comes, the old one stays as long as its tokens may live.
    keys.0.lock().unwrap().push(public(&new));
    verifier.keep_up().await;
    assert_eq!(verifier.known(&token), Some(Ok(claims)));
    assert_eq!(verifier.verify(&new.sign(&claims)).await, Ok(claims));

    // The old key is given up before its time.
    keys.0.lock().unwrap().retain(|key| key.kid == "new");
    verifier.keep_up().await;
    assert_eq!(verifier.known(&token), None);
    assert_eq!(verifier.verify(&token).await, Err(Refusal::Invalid));
}

#[tokio::test]
async fn a_role_without_the_permission_is_403_and_told_which() {
    let demo = Demo::start().await;
    let request = demo.bare(Method::POST, "/api/v1/things").bearer_auth(demo.token(Role::Student)).json(&json!({"name": "a", "count": 1}));
    let told = problem(request.send().await.unwrap()).await;
    assert_eq!((told["status"].as_u64(), told["detail"].as_str()), (Some(403), Some("This needs the permission homework:write.")));
}

#[tokio::test]
async fn a_route_of_a_school_wants_a_school_and_a_platform_route_does_not() {
    let demo = Demo::start().await;
    let mut claims = demo.claims(Role::Teacher);
    claims.school_id = None;
    assert_eq!(status(&demo, &demo.signer.sign(&claims)).await, 403);
    claims.role = Role::SuperAdmin;
    let response = demo.bare(Method::GET, "/api/v1/platform").bearer_auth(demo.signer.sign(&claims)).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "null");
}
