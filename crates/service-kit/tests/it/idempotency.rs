//! Idempotency keys against a real PostgreSQL.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use domain::{Role, SchoolId, ServiceName, SessionId, UserId};
use sea_orm::{ConnectionTrait, Statement};
use service_kit::extract::Caller;
use service_kit::idempotency::{Answer, REPLAYED, fingerprint, once};
use service_kit::{IdempotencyKey, Kind, Problem};
use store::{Identity, Postgres, SchoolTransaction};
use testkit::TestDatabase;

struct Scene {
    _database: TestDatabase,
    postgres: Postgres,
    caller: Caller,
}

async fn scene() -> Scene {
    let database = TestDatabase::create().await;
    let (school, user) = (SchoolId::generate(), UserId::generate());
    let mut superuser = database.superuser().await;
    for sql in [
        format!("INSERT INTO schools (id, name, code) VALUES ('{school}', 'A school', 'a-school')"),
        format!("INSERT INTO users (id, email, full_name) VALUES ('{user}', 'a@school.example', 'A')"),
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut superuser).await.unwrap();
    }
    let postgres = database.connect(Identity::Service(ServiceName::Fee));
    let caller = Caller { user_id: user, school_id: school, role: Role::Admin, session_id: SessionId::generate() };
    Scene { _database: database, postgres, caller }
}

fn key(text: &str) -> IdempotencyKey {
    let request = actix_web::test::TestRequest::default().insert_header(("idempotency-key", text)).to_http_request();
    IdempotencyKey::optional(&request).unwrap().unwrap()
}

async fn count(transaction: &SchoolTransaction) -> i64 {
    let sql = "SELECT count(*) AS n FROM idempotency_keys";
    let row = transaction.query_one_raw(Statement::from_string(transaction.get_database_backend(), sql)).await.unwrap().unwrap();
    row.try_get("", "n").unwrap()
}

impl Scene {
    async fn pay(&self, name: &str, amount: u32) -> Result<HttpResponse, Problem> {
        let transaction = self.postgres.school(self.caller.school_id).await?;
        let print = fingerprint(&amount)?;
        once(transaction, &self.caller, "POST /api/v1/payments", &key(name), print, async |_| {
            let answer = Answer::json(StatusCode::CREATED, &serde_json::json!({ "amount": amount, "receipt": uuid::Uuid::now_v7() }))?;
            Ok(answer.with_header("Location", "/api/v1/payments/1"))
        })
        .await
    }
}

async fn body(response: HttpResponse) -> Vec<u8> {
    actix_web::body::to_bytes(response.into_body()).await.unwrap().to_vec()
}

#[tokio::test]
async fn a_retry_gets_the_first_answer_and_says_so() {
    let scene = scene().await;
    let first = scene.pay("k1", 5).await.unwrap();
    let again = scene.pay("k1", 5).await.unwrap();
    assert!(!first.headers().contains_key(REPLAYED));
    assert_eq!(again.headers().get(REPLAYED).unwrap(), "true");
    assert_eq!((again.status(), again.headers().get("location")), (first.status(), first.headers().get("location")));
    assert_eq!(body(first).await, body(again).await);
    let other = scene.pay("k2", 5).await.unwrap();
    assert!(!other.headers().contains_key(REPLAYED));
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let scene = scene().await;
    scene.pay("k1", 5).await.unwrap();
    assert_eq!(scene.pay("k1", 6).await.unwrap_err().kind(), Kind::IdempotencyKeyReused);
}

#[tokio::test]
async fn a_retry_while_the_first_is_at_work_is_told_to_wait() {
    let scene = scene().await;
    let transaction = scene.postgres.school(scene.caller.school_id).await.unwrap();
    let outcome = once(transaction, &scene.caller, "POST /api/v1/payments", &key("k1"), [0; 32], async |_| {
        assert_eq!(scene.pay("k1", 5).await.unwrap_err().kind(), Kind::IdempotencyKeyInFlight);
        Answer::json(StatusCode::OK, &())
    })
    .await;
    assert!(outcome.is_ok());
}

#[tokio::test]
async fn work_that_fails_leaves_the_key_free() {
    let scene = scene().await;
    let transaction = scene.postgres.school(scene.caller.school_id).await.unwrap();
    let key = key("k1");
    let failed =
        once(transaction, &scene.caller, "POST /api/v1/payments", &key, [0; 32], async |_| Err(Problem::conflict(Kind::Conflict, "no")));
    assert_eq!(failed.await.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(count(&scene.postgres.school(scene.caller.school_id).await.unwrap()).await, 0);
    // The dropped transaction lets its lock go when its rollback has arrived, which nobody waits for.
    for _ in 0..50 {
        match scene.pay("k1", 5).await {
            Ok(response) => {
                assert_eq!(response.status(), StatusCode::CREATED);
                return;
            }
            Err(problem) => assert_eq!(problem.kind(), Kind::IdempotencyKeyInFlight),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the key stayed locked");
}
