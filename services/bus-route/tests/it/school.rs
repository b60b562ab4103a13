//! A school with a bus: its vehicle, its driver, a route with four stops, students, their parents, and people who have nothing to do with it.

use std::sync::Arc;

use chrono::{Duration, NaiveDate};
use domain::{Clock, ManualClock, Role, SchoolId, ServiceName, StudentId, SystemClock, UserId};
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::Service;
use testkit::{Answer, Api, Attacker, Fleet};
use uuid::Uuid;

pub const SERVICES: &[Service] = &[auth::SERVICE, bus_route::SERVICE];

/// The stops' places: a hundredth of a degree apart along the equator.
pub const STOPS: [f64; 4] = [0.0, 0.01, 0.02, 0.03];

pub struct School {
    pub fleet: Fleet,
    pub id: SchoolId,
    pub office: Api,
    pub driver: Api,
    /// Drives nothing here.
    pub other_driver: Api,
    pub parent: Api,
    pub other_parent: Api,
    pub student: Api,
    pub teacher: Api,
    /// Runs another school.
    pub outsider: Api,
    /// The parent's child, and another one's.
    pub child: StudentId,
    pub other_child: StudentId,
    pub driver_staff: Uuid,
    pub other_staff: Uuid,
    pub vehicle: String,
    pub route: String,
    pub stops: Vec<String>,
    pub today: NaiveDate,
}

impl School {
    pub async fn open() -> Self {
        Self::open_with(5).await
    }

    /// With so many seats.
    pub async fn open_with(capacity: u32) -> Self {
        Self::with(capacity, &[]).await
    }

    /// With so many seats and with variables.
    pub async fn with(capacity: u32, variables: &[(&str, &str)]) -> Self {
        Self::on(Fleet::start_with(SERVICES, variables).await, capacity).await
    }

    /// With so many seats, on stores that the test may stop.
    pub async fn on(fleet: Fleet, capacity: u32) -> Self {
        let (id, elsewhere) = (fleet.school("A school").await, fleet.school("Another school").await);
        fleet.member(id, Role::SchoolAdmin, "office@a.example").await;
        let driver = fleet.member(id, Role::Staff, "driver@a.example").await;
        let other_driver = fleet.member(id, Role::Staff, "other.driver@a.example").await;
        let teacher = fleet.member(id, Role::Teacher, "teacher@a.example").await;
        let student = fleet.member(id, Role::Student, "student@a.example").await;
        let other_student = fleet.member(id, Role::Student, "other.student@a.example").await;
        let parent = fleet.member(id, Role::Parent, "parent@a.example").await;
        let other_parent = fleet.member(id, Role::Parent, "other.parent@a.example").await;
        fleet.member(elsewhere, Role::SchoolAdmin, "outsider@b.example").await;
        fleet.class(id, "7A", teacher, &[student, other_student]).await;
        fleet.guardian(id, student, parent).await;
        fleet.guardian(id, other_student, other_parent).await;
        let (driver_staff, other_staff) = (staff_id(&fleet, id, driver).await, staff_id(&fleet, id, other_driver).await);
        let (child, other_child) = (fleet.student_id(id, student).await, fleet.student_id(id, other_student).await);
        // All at once: a password takes its time on a busy machine.
        let logins = ["office@a", "driver@a", "other.driver@a", "parent@a", "other.parent@a", "student@a", "teacher@a", "outsider@b"];
        let logins = logins.map(|name| format!("{name}.example"));
        let logins = futures_util::future::join_all(logins.iter().map(|email| fleet.login(email))).await;
        let [office, driver, other_driver, parent, other_parent, student, teacher, outsider] = logins.try_into().ok().unwrap();
        let vehicle = json!({"registration": "KA 01 F 1", "capacity": capacity});
        let vehicle = made(&office, "/api/v1/bus/vehicles", &vehicle).await;
        for (staff, licence) in [(driver_staff, "L1"), (other_staff, "L2")] {
            let new = json!({"staff_id": staff, "licence_number": licence, "licence_expires_on": "2099-01-01"});
            made(&office, "/api/v1/bus/drivers", &new).await;
        }
        let route = json!({"name": "North", "code": "N", "vehicle_id": vehicle, "driver_staff_id": driver_staff, "capacity": capacity});
        let route = made(&office, "/api/v1/bus/routes", &route).await;
        let list = put(&office, &format!("/api/v1/bus/routes/{route}/stops"), "\"v1\"", &json!({"stops": stops()})).await.expect(200);
        let stops = list["stops"].as_array().unwrap().iter().map(|stop| text(&stop["id"])).collect();
        Self {
            driver,
            other_driver,
            parent,
            other_parent,
            student,
            teacher,
            outsider,
            office,
            id,
            child,
            other_child,
            driver_staff,
            other_staff,
            vehicle,
            route,
            stops,
            today: SystemClock.now().date_naive(),
            fleet,
        }
    }

    /// The same school tomorrow at so many minutes past midnight, when the clock stands still until it is moved.
    pub async fn tomorrow_at(mut self, minutes: i64) -> (Self, Arc<ManualClock>) {
        self.today = self.day(1);
        let clock = Arc::new(ManualClock::at(self.today.and_hms_opt(0, 0, 0).unwrap().and_utc() + Duration::minutes(minutes)));
        self.fleet.restart(SERVICES, Arc::clone(&clock) as Arc<dyn Clock>).await;
        // Sessions have ended meanwhile.
        self.office = self.fleet.login("office@a.example").await;
        self.driver = self.fleet.login("driver@a.example").await;
        self.parent = self.fleet.login("parent@a.example").await;
        (self, clock)
    }

    pub fn day(&self, days: i64) -> NaiveDate {
        self.today + Duration::days(days)
    }

    /// `count` more students, without logins that anybody uses.
    pub async fn students(&self, count: usize) -> Vec<StudentId> {
        let mut students = Vec::with_capacity(count);
        for number in 0..count {
            let user = self.fleet.member(self.id, Role::Student, &format!("rider{number}@a.example")).await;
            students.push(self.fleet.student_id(self.id, user).await);
        }
        students
    }

    pub fn wish(&self, student: StudentId, stop: usize, begin: NaiveDate, end: Option<NaiveDate>) -> Value {
        json!({"student_id": student, "route_id": self.route, "stop_id": self.stops[stop], "direction": "pickup", "begin_date": begin, "end_date": end})
    }

    /// Gives a student a seat in the morning from today on.
    pub async fn seat(&self, student: StudentId, stop: usize) -> Answer {
        let answer = self.office.post("/api/v1/bus/assignments", &self.wish(student, stop, self.today, None)).await;
        assert_eq!(answer.status, 201, "{:#}", answer.body);
        answer
    }

    /// Plans today's trip to school: its path.
    pub async fn plan(&self) -> String {
        let new = json!({"route_id": self.route, "direction": "pickup", "service_date": self.today});
        format!("/api/v1/bus/trips/{}", made(&self.office, "/api/v1/bus/trips", &new).await)
    }

    /// Plans and starts today's trip to school, ten minutes ago: its path.
    pub async fn start(&self) -> String {
        let trip = self.plan().await;
        self.driver.post_if(&format!("{trip}/start"), "\"v1\"", &json!({})).await.expect(200);
        self.sql("UPDATE bus_trips SET started_at = started_at - interval '10 minutes' WHERE state = 'running'").await;
        trip
    }

    /// Positions `seconds` ago, at degrees east on the equator.
    #[allow(clippy::unused_self)] // beside the other things that a school sends
    pub fn positions(&self, fixes: &[(i64, f64)]) -> Value {
        let now = SystemClock.now();
        let positions: Vec<Value> = fixes
            .iter()
            .map(|(ago, longitude)| json!({"recorded_at": now - Duration::seconds(*ago), "latitude": 0.0, "longitude": longitude}))
            .collect();
        json!({"positions": positions})
    }

    /// What the table says, seen past all caches.
    pub async fn count(&self, query: &str) -> i64 {
        self.fleet.database.count(query).await
    }

    /// The service's own rights at the database.
    pub fn attacker(&self) -> Attacker<'_> {
        Attacker::new(&self.fleet.platform, ServiceName::BusRoute, self.id)
    }

    pub async fn sql(&self, statement: &str) {
        self.fleet.database.sql(statement).await;
    }

    /// Waits until PostgreSQL has all that was acknowledged.
    pub async fn saved(&self) {
        self.fleet.saved(ServiceName::BusRoute, self.id).await;
    }

    /// How many events of a kind were told to the other services.
    pub async fn told(&self, kind: &str) -> usize {
        self.fleet.told(self.id, kind).await.len()
    }
}

/// Four stops, four minutes apart in both directions.
pub fn stops() -> Vec<Value> {
    (0..4_usize)
        .map(|at| {
            json!({"name": format!("Stop {at}"), "latitude": 0.0, "longitude": STOPS[at], "pickup_time": format!("07:{:02}:00", 20 + at * 4),
                "drop_time": format!("16:{:02}:00", 50 - at * 4), "distance_metres": 4000 - at * 1000})
        })
        .collect()
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Makes something; its id.
pub async fn made(who: &Api, path: &str, body: &Value) -> String {
    text(&who.post(path, body).await.expect(201)["id"])
}

/// POST, again while the service asks for patience, as a client does: fifty at once may wait for one connection longer than it waits for them.
pub async fn insist(who: &Api, path: &str, body: &Value) -> Answer {
    for _ in 0..20 {
        let answer = who.post(path, body).await;
        if answer.status != 503 {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    panic!("{path} is never available")
}

/// PUT, based on a version.
pub async fn put(who: &Api, path: &str, etag: &str, body: &Value) -> Answer {
    who.send(who.request(Method::PUT, path).header("If-Match", etag).json(body)).await
}

async fn staff_id(fleet: &Fleet, school: SchoolId, user: UserId) -> Uuid {
    sqlx::query_scalar("SELECT id FROM staff WHERE school_id = $1 AND user_id = $2")
        .bind(school.as_uuid())
        .bind(user.as_uuid())
        .fetch_one(&mut fleet.database.superuser().await)
        .await
        .unwrap()
}
