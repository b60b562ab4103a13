//! Services over HTTP, as a client meets them, on stores of the test's own.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use domain::{ClassId, Clock, Partition, Role, SchoolId, ServiceName, StudentId, SystemClock, UserId};
use fred::interfaces::StreamsInterface;
use fred::types::streams::XReadValue;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use service_kit::config::Source;
use service_kit::{Config, Parts, Platform, Running, ServeOptions, Service, serve};
use uuid::Uuid;

use crate::{RedisServer, TestDatabase, people};

/// The password of everyone whom [`Fleet::member`] makes.
pub const PASSWORD: &str = "correct horse";

/// How long what goes on in the background may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Running services with their stores. Stops when dropped.
pub struct Fleet {
    /// Where they answer, such as `http://127.0.0.1:41234`.
    pub url: String,
    /// Their database.
    pub database: Arc<TestDatabase>,
    /// Their Redis.
    pub redis: RedisServer,
    /// Their platform.
    pub platform: Platform,
    client: reqwest::Client,
    pub(crate) settings: Vec<(String, String)>,
    running: Option<Running>,
}

impl Fleet {
    /// Starts `services` in one process, batch processor included.
    pub async fn start(services: &[Service]) -> Self {
        Self::start_with(services, &[]).await
    }

    /// Starts `services` with environment variables on top of the usual ones.
    pub async fn start_with(services: &[Service], variables: &[(&str, &str)]) -> Self {
        Self::start_on(TestDatabase::create().await, services, variables).await
    }

    /// Starts `services` on a database of a server that the test may kill.
    pub async fn start_on(database: TestDatabase, services: &[Service], variables: &[(&str, &str)]) -> Self {
        let database = Arc::new(database);
        let redis = RedisServer::start().await;
        let postgres = database.app();
        let mut settings: Vec<(String, String)> = [
            ("HTTP_HOST", "127.0.0.1".to_owned()),
            ("PORT", "0".to_owned()),
            ("HTTP_WORKERS", "2".to_owned()),
            ("POSTGRES_HOST", postgres.host.clone()),
            ("POSTGRES_PORT", postgres.port.to_string()),
            ("POSTGRES_DB", postgres.database.clone()),
            ("POSTGRES_USER", postgres.user.clone()),
            ("POSTGRES_PASSWORD", postgres.password.expose_secret().to_owned()),
            ("POSTGRES_MAX_CONNECTIONS", "16".to_owned()),
            ("REDIS_HOST", "127.0.0.1".to_owned()),
            ("REDIS_PORT", redis.port().to_string()),
            ("MONGODB_URI", crate::mongodb_uri()),
            ("JWT_SECRET", format!("for-tests-only-{}", Uuid::now_v7())),
            ("ENABLE_PROMETHEUS", "false".to_owned()),
            ("BATCH_PROCESSOR_INTERVAL", "0.05".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        settings.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self::over(services, database, redis, settings, Arc::new(SystemClock)).await
    }

    async fn over(
        services: &[Service],
        database: Arc<TestDatabase>,
        redis: RedisServer,
        settings: Vec<(String, String)>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (platform, running, url) = Self::serve(services, &settings, clock).await;
        let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        Self { url, database, redis, platform, client, settings, running: Some(running) }
    }

    async fn serve(services: &[Service], settings: &[(String, String)], clock: Arc<dyn Clock>) -> (Platform, Running, String) {
        let source = Source::of(settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let config = Config::from_source(&source).expect("the configuration is valid");
        let parts = Parts { config, clock, keys: None, services: services.iter().map(|service| service.name).collect() };
        let platform = Platform::build(parts).await.expect("a platform");
        // Requests that come before Redis is connected would take the detour through PostgreSQL.
        fred::interfaces::ClientLike::wait_for_connect(platform.redis()).await.expect("Redis answers");
        let running = serve(platform.clone(), services, ServeOptions::default()).await.expect("the services listen");
        let url = format!("http://{}", running.address());
        (platform, running, url)
    }

    /// A second process of the same fleet: other memory, same stores. Its address.
    pub async fn another(&self, services: &[Service], clock: Arc<dyn Clock>) -> (String, Running) {
        let (_, running, url) = Self::serve(services, &self.settings, clock).await;
        (url, running)
    }

    /// Stops the services and starts them again on the same stores, with another clock if given.
    pub async fn restart(&mut self, services: &[Service], clock: Arc<dyn Clock>) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
        let (platform, running, url) = Self::serve(services, &self.settings, clock).await;
        (self.platform, self.running, self.url) = (platform, Some(running), url);
    }

    /// A client that has not logged in.
    #[must_use]
    pub fn anonymous(&self) -> Api {
        Api { url: self.url.clone(), client: self.client.clone(), token: None }
    }

    /// A client with `token`.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Api {
        Api { token: Some(token.to_owned()), ..self.anonymous() }
    }

    /// Logs in someone whom [`Fleet::member`] made.
    pub async fn login(&self, email: &str) -> Api {
        let answer = self.anonymous().post("/api/v1/auth/login", &json!({"email": email, "password": PASSWORD})).await.expect(200);
        self.with_token(answer["access_token"].as_str().expect("an access token"))
    }

    /// A new school, in UTC.
    pub async fn school(&self, name: &str) -> SchoolId {
        let id = SchoolId::generate();
        sqlx::query("INSERT INTO schools (id, name, code) VALUES ($1, $2, $3)")
            .bind(id.as_uuid())
            .bind(name)
            .bind(id.as_uuid().simple().to_string())
            .execute(&mut self.database.superuser().await)
            .await
            .expect("a school");
        id
    }

    /// A new user with `role` in `school`, and [`PASSWORD`]. A teacher, student or staff member gets the row that goes with it.
    pub async fn member(&self, school: SchoolId, role: Role, email: &str) -> UserId {
        people::member(&self.database, school, role, email).await
    }

    /// A class that `teacher` teaches and `students` attend, for this year.
    pub async fn class(&self, school: SchoolId, name: &str, teacher: UserId, students: &[UserId]) -> ClassId {
        let (class, from) = people::class(&self.database, school, name).await;
        people::teaches(&self.database, school, class, teacher).await;
        for student in students {
            self.enrol(school, class, *student, from).await;
        }
        class
    }

    /// Enrols a student from `from` on.
    pub async fn enrol(&self, school: SchoolId, class: ClassId, student: UserId, from: NaiveDate) {
        sqlx::query(
            "INSERT INTO enrollments (school_id, id, class_id, student_id, begin_date)
             SELECT school_id, $2, $3, id, $5 FROM students WHERE school_id = $1 AND user_id = $4",
        )
        .bind(school.as_uuid())
        .bind(Uuid::now_v7())
        .bind(class.as_uuid())
        .bind(student.as_uuid())
        .bind(from)
        .execute(&mut self.database.superuser().await)
        .await
        .expect("an enrolment");
    }

    /// The student row of a user.
    pub async fn student_id(&self, school: SchoolId, user: UserId) -> StudentId {
        let id: Uuid = sqlx::query_scalar("SELECT id FROM students WHERE school_id = $1 AND user_id = $2")
            .bind(school.as_uuid())
            .bind(user.as_uuid())
            .fetch_one(&mut self.database.superuser().await)
            .await
            .expect("a student");
        StudentId::from_uuid(id)
    }

    /// Makes `guardian` the guardian of `student`.
    pub async fn guardian(&self, school: SchoolId, student: UserId, guardian: UserId) {
        let student = self.student_id(school, student).await;
        sqlx::query("INSERT INTO student_guardians (school_id, id, student_id, guardian_user_id) VALUES ($1, $2, $3, $4)")
            .bind(school.as_uuid())
            .bind(Uuid::now_v7())
            .bind(student.as_uuid())
            .bind(guardian.as_uuid())
            .execute(&mut self.database.superuser().await)
            .await
            .expect("a guardian");
    }

    /// Waits until PostgreSQL has all that `service` acknowledged in `school`, and checks that none of it was put aside.
    pub async fn saved(&self, service: ServiceName, school: SchoolId) {
        let saved = self.platform.buffer().wait_until_saved(service, school, PATIENCE).await;
        assert!(saved.expect("Redis answers"), "the batch processor does not come round");
        assert_eq!(self.database.count("SELECT count(*) FROM dead_letters").await, 0, "something was put aside");
    }

    /// Every event that was told in `school`, as the stream has it; what waits in the outbox is waited for.
    pub async fn events(&self, school: SchoolId) -> Vec<Value> {
        let relayed = async {
            while self.database.count("SELECT count(*) FROM outbox").await > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, relayed).await.expect("what waits in the outbox is told");
        let stream = cache::key::events(Partition::of(school));
        let entries: Vec<XReadValue<String, String, String>> =
            self.platform.redis().xrange_values(stream, "-", "+", None).await.expect("the stream");
        entries.iter().map(|(_, fields)| serde_json::from_str(&fields["e"]).expect("an event")).collect()
    }

    /// What events of one kind said, in their order.
    pub async fn told(&self, school: SchoolId, kind: &str) -> Vec<Value> {
        let events = self.events(school).await.into_iter().filter(|event| event["type"] == kind);
        events.map(|event| serde_json::from_str(event["data"].as_str().unwrap_or("null")).expect("what it says")).collect()
    }
}

/// A client of the fleet.
#[derive(Debug, Clone)]
pub struct Api {
    url: String,
    client: reqwest::Client,
    token: Option<String>,
}

impl Api {
    /// The access token.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// The same caller at another process.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// A request to be completed and given to [`Api::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends `request`.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap_or_default();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, headers, body }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// POST with a JSON body and an idempotency key.
    pub async fn post_once(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).header("Idempotency-Key", key).json(body)).await
    }

    /// POST with a JSON body, based on a version.
    pub async fn post_if(&self, path: &str, etag: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).header("If-Match", etag).json(body)).await
    }

    /// PATCH, based on a version.
    pub async fn patch(&self, path: &str, etag: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, path).header("If-Match", etag).json(body)).await
    }

    /// DELETE, based on a version.
    pub async fn delete(&self, path: &str, etag: &str) -> Answer {
        self.send(self.request(Method::DELETE, path).header("If-Match", etag)).await
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The JSON body; a string if it was none.
    pub body: Value,
}

impl Answer {
    /// The body, if the status is `status`; else the test fails and shows the whole answer.
    // Often called for the check alone.
    #[allow(clippy::must_use_candidate)]
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }

    /// A header, empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The version.
    #[must_use]
    pub fn etag(&self) -> String {
        self.header("etag").to_owned()
    }

    /// The pointers of a problem's faults.
    #[must_use]
    pub fn pointers(&self) -> Vec<&str> {
        let faults = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        faults.iter().filter_map(|fault| fault["pointer"].as_str()).collect()
    }
}
