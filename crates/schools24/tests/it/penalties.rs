//! What one service tells and another takes: a book that comes back late is an invoice.

use std::time::Duration;

use domain::{EventEnvelope, Role, StudentId};
use serde_json::{Value, json};
use testkit::{Api, Fleet};
use uuid::Uuid;

struct School {
    fleet: Fleet,
    office: Api,
    student_id: StudentId,
    library: Value,
    category: Value,
}

impl School {
    async fn open() -> Self {
        let fleet = Fleet::start(&[auth::SERVICE, inventory::SERVICE, fee::SERVICE]).await;
        let id = fleet.school("Greenfield").await;
        fleet.member(id, Role::SchoolAdmin, "office@a.example").await;
        let student = fleet.member(id, Role::Student, "student@a.example").await;
        let student_id = fleet.student_id(id, student).await;
        let office = fleet.login("office@a.example").await;
        // What is told leaves the outbox as soon as it is relayed; here it stays.
        let keep = "CREATE TABLE told (event jsonb);
            CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
                $$ BEGIN INSERT INTO public.told VALUES (NEW.event); RETURN NULL; END $$;
            CREATE TRIGGER tell AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION tell();";
        sqlx::raw_sql(keep).execute(&mut fleet.database.superuser().await).await.unwrap();
        let mut school = Self { fleet, office, student_id, library: Value::Null, category: Value::Null };
        school.library = school.post("locations", json!({"name": "Library"})).await["id"].clone();
        let fines = json!({"name": "Books", "loan_days": 14, "penalty_per_day_minor": 150});
        school.category = school.post("categories", fines).await["id"].clone();
        school
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.office.post_once(&format!("/api/v1/inventory/{path}"), &Uuid::now_v7().to_string(), &body).await.expect(201)
    }

    /// Lends a book to the student, and three weeks pass.
    async fn lends(&self, title: &str) -> Value {
        let item =
            json!({"name": title, "kind": "asset", "is_serialised": true, "category_id": self.category, "replacement_cost_minor": 70_000});
        let item = self.post("items", item).await["id"].clone();
        let serial = format!("{title}-1");
        let bought =
            json!({"kind": "receive", "item_id": item, "location_id": self.library, "serial_numbers": [serial], "unit_cost_minor": 60_000});
        self.post("movements", bought).await;
        let loan = self.post("loans", json!({"serial_number": serial, "student_id": self.student_id})).await;
        let earlier = "UPDATE inventory_loans SET lent_at = lent_at - interval '21 days', due_on = due_on - 21 WHERE id = $1::uuid";
        let id = loan["id"].as_str().unwrap();
        sqlx::query(earlier).bind(id).execute(&mut self.fleet.database.superuser().await).await.unwrap();
        loan
    }

    /// The student's invoices, oldest first, as soon as there are so many.
    async fn invoices(&self, many: usize) -> Vec<Value> {
        let path = format!("/api/v1/invoices?student_id={}", self.student_id);
        let mut found = Vec::new();
        for _ in 0..200 {
            found.clone_from(self.office.get(&path).await.expect(200)["items"].as_array().unwrap());
            if found.len() >= many {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        found.sort_by_key(|invoice| invoice["created_at"].as_str().unwrap_or_default().to_owned());
        found
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_book_that_comes_back_late_is_one_invoice_of_the_student_however_often_that_is_told() {
    let school = School::open().await;
    let late = school.lends("Atlas").await;
    let back = school.post("returns", json!({"loan_id": late["id"]})).await;
    let owed = back["loan"]["penalty_minor"].as_i64().unwrap();
    assert!(owed >= 7 * 150, "a week late: {owed}");
    let invoices = school.invoices(1).await;
    let seen = |invoice: &Value| {
        (invoice["total_minor"].as_i64(), invoice["status"].clone(), invoice["source"].clone(), invoice["currency"].clone())
    };
    assert_eq!(invoices.iter().map(seen).collect::<Vec<_>>(), [(Some(owed), json!("issued"), json!("inventory"), json!("INR"))]);

    // The same again, as it comes when a relay dies between sending and noting that it sent; what is told after it is heard after it.
    let told = "SELECT event FROM told WHERE event->>'type' = 'inventory:penalty_due'";
    let told: Vec<Value> = sqlx::query_scalar(told).fetch_all(&mut school.fleet.database.superuser().await).await.unwrap();
    assert_eq!(told.len(), 1);
    let event: EventEnvelope = serde_json::from_value(told[0].clone()).unwrap();
    for _ in 0..5 {
        school.fleet.platform.events().publish(&event).await.unwrap();
    }
    let lost = school.lends("Globe").await;
    let path = format!("/api/v1/inventory/loans/{}/lost", lost["id"].as_str().unwrap());
    let lost = school.office.post_if(&path, "\"v1\"", &json!({})).await.expect(200)["penalty_minor"].as_i64();
    let invoices = school.invoices(2).await;
    let totals: Vec<Option<i64>> = invoices.iter().map(|invoice| invoice["total_minor"].as_i64()).collect();
    assert_eq!(totals, [Some(owed), lost], "one for each loan");
}
