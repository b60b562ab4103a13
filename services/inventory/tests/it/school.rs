//! A school with a library and a store room, the people who keep them, and people who borrow.

use std::ops::Deref;
use std::sync::Arc;

use chrono::NaiveDate;
use domain::{Clock, ManualClock, Role, SchoolId, ServiceName, StudentId, SystemClock, UserId};
use serde_json::{Value, json};
use service_kit::Service;
use testkit::{Answer, Api, Attacker, Fleet};
use uuid::Uuid;

pub const SERVICES: &[Service] = &[auth::SERVICE, inventory::SERVICE];

/// Somebody who sends every POST under a key of its own, as most routes of this service want it.
pub struct Person(Api);

impl Person {
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.0.post_once(path, &Uuid::now_v7().to_string(), body).await
    }

    pub async fn post_file(&self, path: &str, media_type: &str, file: impl Into<reqwest::Body>) -> Answer {
        let request = self.0.request(reqwest::Method::POST, path).header("Idempotency-Key", Uuid::now_v7().to_string());
        self.0.send(request.header("Content-Type", media_type).body(file)).await
    }
}

impl Deref for Person {
    type Target = Api;
    fn deref(&self) -> &Api {
        &self.0
    }
}

pub async fn person(fleet: &Fleet, email: &str) -> Person {
    Person(fleet.login(email).await)
}

pub struct School {
    pub fleet: Fleet,
    pub id: SchoolId,
    pub office: Person,
    /// A librarian and store keeper.
    pub keeper: Person,
    pub teacher: Person,
    pub student: Person,
    pub parent: Person,
    /// Somebody else's child.
    pub stranger: Person,
    /// Runs another school.
    pub outsider: Person,
    pub student_id: StudentId,
    pub student_user: UserId,
    pub stranger_id: StudentId,
    pub teacher_user: UserId,
    pub keeper_user: UserId,
    /// Where things are.
    pub library: String,
    pub store: String,
    clock: Option<Arc<ManualClock>>,
}

impl School {
    pub async fn open() -> Self {
        let fleet = Fleet::start(SERVICES).await;
        let (id, elsewhere) = (fleet.school("A school").await, fleet.school("Another school").await);
        fleet.member(id, Role::SchoolAdmin, "office@a.example").await;
        let keeper_user = fleet.member(id, Role::Staff, "keeper@a.example").await;
        let teacher_user = fleet.member(id, Role::Teacher, "teacher@a.example").await;
        let student_user = fleet.member(id, Role::Student, "student@a.example").await;
        let stranger_user = fleet.member(id, Role::Student, "stranger@a.example").await;
        let parent = fleet.member(id, Role::Parent, "parent@a.example").await;
        fleet.member(elsewhere, Role::SchoolAdmin, "outsider@b.example").await;
        fleet.guardian(id, student_user, parent).await;
        let (student_id, stranger_id) = (fleet.student_id(id, student_user).await, fleet.student_id(id, stranger_user).await);
        let keeper = person(&fleet, "keeper@a.example").await;
        let mut school = Self {
            office: person(&fleet, "office@a.example").await,
            teacher: person(&fleet, "teacher@a.example").await,
            student: person(&fleet, "student@a.example").await,
            parent: person(&fleet, "parent@a.example").await,
            stranger: person(&fleet, "stranger@a.example").await,
            outsider: person(&fleet, "outsider@b.example").await,
            keeper,
            fleet,
            id,
            student_id,
            student_user,
            stranger_id,
            teacher_user,
            keeper_user,
            library: String::new(),
            store: String::new(),
            clock: None,
        };
        school.office.post("/api/v1/inventory/keepers", &json!({"user_id": keeper_user})).await.expect(201);
        school.library = school.place("Library").await;
        school.store = school.place("Store room").await;
        school
    }

    /// The same school, whose clock stands still until it is moved.
    pub async fn open_with_clock() -> Self {
        let mut school = Self::open().await;
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        school.fleet.restart(SERVICES, Arc::clone(&clock) as Arc<dyn Clock>).await;
        school.clock = Some(clock);
        school.log_in_again().await;
        school
    }

    /// The clock that stands still.
    pub fn clock(&self) -> Arc<ManualClock> {
        Arc::clone(self.clock.as_ref().unwrap())
    }

    /// The day that it is at the school by the clock that stands still.
    pub async fn clock_day(&self) -> NaiveDate {
        let zone: String = sqlx::query_scalar("SELECT time_zone FROM schools WHERE id = $1")
            .bind(self.id.as_uuid())
            .fetch_one(&mut self.fleet.database.superuser().await)
            .await
            .unwrap();
        sqlx::query_scalar("SELECT ($1 AT TIME ZONE $2)::date")
            .bind(self.clock().now())
            .bind(zone)
            .fetch_one(&mut self.fleet.database.superuser().await)
            .await
            .unwrap()
    }

    /// Lets days pass. Sessions end meanwhile, so everybody logs in again.
    pub async fn days_pass(&mut self, days: i64) {
        self.clock.as_ref().unwrap().advance(chrono::Duration::days(days));
        self.log_in_again().await;
    }

    async fn log_in_again(&mut self) {
        self.office = person(&self.fleet, "office@a.example").await;
        self.keeper = person(&self.fleet, "keeper@a.example").await;
        self.student = person(&self.fleet, "student@a.example").await;
        self.parent = person(&self.fleet, "parent@a.example").await;
    }

    pub async fn place(&self, name: &str) -> String {
        id(&self.keeper.post("/api/v1/inventory/locations", &json!({"name": name})).await.expect(201))
    }

    pub async fn category(&self, mut body: Value) -> String {
        body["name"] = json!("Books");
        id(&self.keeper.post("/api/v1/inventory/categories", &body).await.expect(201))
    }

    /// Chalk, or something else that is used up.
    pub async fn consumable(&self, name: &str) -> String {
        id(&self.keeper.post("/api/v1/inventory/items", &json!({"name": name, "kind": "consumable"})).await.expect(201))
    }

    /// A title with copies `<name>-1` to `<name>-<copies>` in the library.
    pub async fn book(&self, name: &str, copies: usize, category: Option<&str>) -> String {
        let item = json!({"name": name, "kind": "asset", "is_serialised": true, "category_id": category, "replacement_cost_minor": 50_000});
        let item = id(&self.keeper.post("/api/v1/inventory/items", &item).await.expect(201));
        if copies > 0 {
            let serials: Vec<String> = (1..=copies).map(|copy| format!("{name}-{copy}")).collect();
            let body = json!({"kind": "receive", "item_id": item, "location_id": self.library, "serial_numbers": serials, "unit_cost_minor": 40_000});
            self.keeper.post("/api/v1/inventory/movements", &body).await.expect(201);
        }
        item
    }

    pub async fn receive(&self, item: &str, quantity: i64, unit_cost: i64) -> Value {
        let body =
            json!({"kind": "receive", "item_id": item, "location_id": self.store, "quantity": quantity, "unit_cost_minor": unit_cost});
        self.keeper.post("/api/v1/inventory/movements", &body).await.expect(201)
    }

    pub async fn issue(&self, item: &str, quantity: i64) -> Answer {
        let body = json!({"item_id": item, "location_id": self.store, "quantity": quantity});
        self.keeper.post("/api/v1/inventory/issues", &body).await
    }

    pub async fn lend(&self, serial: &str) -> Answer {
        self.keeper.post("/api/v1/inventory/loans", &json!({"serial_number": serial, "student_id": self.student_id})).await
    }

    pub async fn give_back(&self, loan: &Value) -> Answer {
        self.keeper.post("/api/v1/inventory/returns", &json!({"loan_id": loan["id"]})).await
    }

    pub async fn item(&self, item: &str) -> Value {
        self.keeper.get(&format!("/api/v1/inventory/items/{item}")).await.expect(200)
    }

    pub async fn on_hand(&self, item: &str) -> i64 {
        self.item(item).await["on_hand"].as_i64().unwrap()
    }

    /// What was told under this name, in order.
    pub async fn told(&self, kind: &str) -> Vec<Value> {
        self.fleet.told(self.id, kind).await
    }

    pub async fn sql(&self, statement: &str) {
        self.fleet.database.sql(statement).await;
    }

    pub async fn count(&self, query: &str) -> i64 {
        self.fleet.database.count(query).await
    }

    /// The service's own rights at the database.
    pub fn attacker(&self) -> Attacker<'_> {
        Attacker::new(&self.fleet.platform, ServiceName::Inventory, self.id)
    }

    /// What must hold whatever happened, as the tables say: every balance and value is the sum of its movements, and every unit is where its last one left it.
    pub async fn check_books(&self) {
        let wrong = "SELECT
            (SELECT count(*) FROM inventory_stock s WHERE s.on_hand < 0 OR (s.on_hand, s.entries) IS DISTINCT FROM
                (SELECT (coalesce(sum(m.quantity), 0)::int, count(*)::int) FROM stock_movements m WHERE m.item_id = s.item_id AND m.location_id = s.location_id))
          + (SELECT count(*) FROM inventory_valuations v WHERE v.quantity < 0 OR v.value_minor < 0 OR (v.quantity = 0 AND v.value_minor <> 0)
                OR (v.quantity, v.value_minor) IS DISTINCT FROM (SELECT (coalesce(sum(m.quantity) FILTER (WHERE m.kind IN ('receive', 'issue', 'return',
                    'adjust', 'write_off')), 0)::int, coalesce(sum(m.value_minor), 0)::bigint) FROM stock_movements m WHERE m.item_id = v.item_id))
          + (SELECT count(*) FROM inventory_valuations v WHERE v.quantity <> (SELECT coalesce(sum(s.on_hand), 0) FROM inventory_stock s WHERE s.item_id = v.item_id)
                + (SELECT coalesce(sum(l.quantity), 0) FROM inventory_loans l WHERE l.item_id = v.item_id AND l.state = 'open')
                + (SELECT coalesce(sum(r.quantity), 0) FROM inventory_repairs r WHERE r.item_id = v.item_id AND r.state = 'open'))
          + (SELECT count(*) FROM stock_movements m WHERE m.balance <> (SELECT sum(e.quantity) FROM stock_movements e
                WHERE e.item_id = m.item_id AND e.location_id = m.location_id AND e.entry <= m.entry))
          + (SELECT count(*) FROM inventory_stock s JOIN inventory_items i ON i.id = s.item_id WHERE i.is_serialised AND s.on_hand <>
                (SELECT count(*) FROM inventory_units u WHERE u.item_id = s.item_id AND u.location_id = s.location_id))
          + (SELECT count(*) FROM (SELECT transfer_id FROM stock_movements WHERE transfer_id IS NOT NULL GROUP BY 1 HAVING sum(quantity) <> 0) t)";
        assert_eq!(self.count(wrong).await, 0, "the books are wrong");
    }
}

pub fn id(body: &Value) -> String {
    body["id"].as_str().unwrap().to_owned()
}

/// PUT with a JSON body.
pub async fn put(who: &Api, path: &str, body: &Value) -> Answer {
    who.send(who.request(reqwest::Method::PUT, path).json(body)).await
}
