//! Fifty at once at the database itself, and at what two rules share over HTTP: of all who would break a rule one gets through.

use futures_util::future::join_all;
use serde_json::{Value, json};
use store::StoreError;
use testkit::count;
use uuid::Uuid;

use crate::school::{School, insist, made};

/// Runs all of the statements at once, each in a transaction of its own.
async fn attack(school: &School, statements: &[String]) -> Vec<Result<(), StoreError>> {
    join_all(statements.iter().map(|sql| school.attacker().attempt(sql))).await
}

/// Of these statements one gets through, and the others are refused by `rule`; or because two of them waited for each other, which is no way in either.
async fn one_gets_through(school: &School, rule: &str, statements: &[String]) {
    let outcomes = attack(school, statements).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{rule}: {outcomes:?}");
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(error.constraint() == Some(rule) || matches!(error, StoreError::Serialization(_)), "{rule}: {error}");
    }
}

fn fifty(sql: impl Fn(i64) -> String) -> Vec<String> {
    (0..50).map(sql).collect()
}

/// Fifty planned trips, a day each; of buses and drivers as `vehicle` and `driver` say, in SQL.
async fn planned(school: &School, vehicle: &str, driver: &str) -> Vec<Uuid> {
    let ids: Vec<Uuid> = (0..50).map(|_| Uuid::now_v7()).collect();
    for (id, day) in ids.iter().zip(0..) {
        let sql = format!(
            "INSERT INTO bus_trips (school_id, id, route_id, vehicle_id, driver_staff_id, direction, service_date)
             VALUES ('{}', '{id}', '{}', {vehicle}, {driver}, 'pickup', '{}')",
            school.id,
            school.route,
            school.day(day)
        );
        school.attacker().attempt(&sql).await.unwrap();
    }
    ids
}

#[tokio::test]
async fn of_fifty_trips_that_start_with_one_vehicle_at_the_database_one_does() {
    let school = School::open().await;
    let trips = planned(&school, &format!("'{}'", school.vehicle), "NULL").await;
    let starts: Vec<String> =
        trips.iter().map(|id| format!("UPDATE bus_trips SET state = 'running', started_at = now() WHERE id = '{id}'")).collect();
    one_gets_through(&school, "bus_trips_one_a_vehicle", &starts).await;
    // Nor is there one beside it that was run meanwhile and is over.
    let over = fifty(|n| {
        format!(
            "UPDATE bus_trips SET state = 'finished', started_at = now() - interval '{n} minutes', ended_at = now() + interval '1 hour' WHERE id = '{}'",
            trips[usize::try_from(n).unwrap()]
        )
    });
    let outcomes = attack(&school, &over).await;
    // The one that runs may end; then nobody else was on the way with that bus.
    assert!(outcomes.iter().filter(|outcome| outcome.is_ok()).count() <= 1, "{outcomes:?}");
    let overlaps = "SELECT count(*) FROM bus_trips a JOIN bus_trips b ON a.id < b.id AND a.vehicle_id = b.vehicle_id
        WHERE a.state IN ('running', 'finished') AND b.state IN ('running', 'finished') AND tstzrange(a.started_at, a.ended_at) && tstzrange(b.started_at, b.ended_at)";
    assert_eq!(school.count(overlaps).await, 0);
}

#[tokio::test]
async fn of_fifty_trips_that_start_with_one_driver_at_the_database_one_does() {
    let school = School::open().await;
    for n in 0..50 {
        let sql = format!(
            "INSERT INTO vehicles (school_id, id, registration, capacity) VALUES ('{}', '{}', 'Spare {n:02}', 5)",
            school.id,
            Uuid::now_v7()
        );
        school.attacker().attempt(&sql).await.unwrap();
    }
    let driver = format!("'{}'", school.driver_staff);
    let trips = planned(&school, &format!("'{}'", school.vehicle), &driver).await;
    // A bus each.
    school
        .sql(
            "UPDATE bus_trips t SET vehicle_id = v.id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM bus_trips) o,
                (SELECT id, row_number() OVER (ORDER BY registration DESC) AS n FROM vehicles) v WHERE o.id = t.id AND v.n = o.n",
        )
        .await;
    let starts: Vec<String> =
        trips.iter().map(|id| format!("UPDATE bus_trips SET state = 'running', started_at = now() WHERE id = '{id}'")).collect();
    one_gets_through(&school, "bus_trips_one_a_driver", &starts).await;
}

/// What there is one of, by its rule, and how to add one: `:id` is a new one each time, `:n` from 1 to 50.
const ONE_OF_A_KIND: [(&str, &str); 9] = [
    (
        "bus_fee_charges_once",
        "bus_fee_charges (school_id, id, assignment_id, student_id, direction, slab_id, period, currency, amount_minor, due_on)
         VALUES (':school', ':id', ':seat', ':child', 'pickup', ':slab', '2026-11', 'INR', :n, ':day')",
    ),
    (
        "bus_fee_slabs_one_a_distance",
        "bus_fee_slabs (school_id, id, from_metres, below_metres, currency, amount_minor, valid_from)
         VALUES (':school', ':id', :n, :n + 50, 'INR', 1, '2020-01-01')",
    ),
    (
        "bus_trips_one_a_run",
        "bus_trips (school_id, id, route_id, vehicle_id, direction, service_date) VALUES (':school', ':id', ':route', ':vehicle', 'drop', ':day')",
    ),
    (
        "bus_boardings_once",
        "bus_boardings (school_id, id, trip_id, student_id, boarded_at, log) VALUES (':school', ':id', ':trip', ':child', now(), '[{}]')",
    ),
    (
        "bus_stop_visits_once",
        "bus_stop_visits (school_id, id, trip_id, stop_id, arrived_at) VALUES (':school', ':id', ':trip', ':stop', now() + interval ':n s')",
    ),
    (
        "vehicle_positions_school_id_vehicle_id_recorded_at_key",
        "vehicle_positions (school_id, id, vehicle_id, recorded_at, latitude, longitude)
         VALUES (':school', ':id', ':vehicle', '2026-07-01T00:00:00Z', :n, 0)",
    ),
    (
        "bus_alerts_one_a_student",
        "bus_alerts (school_id, id, kind, trip_id, student_id, header, begins_at)
         VALUES (':school', ':id', 'not_alighted', ':trip', ':child', ':n', now())",
    ),
    (
        "bus_alerts_one_delay_a_trip",
        "bus_alerts (school_id, id, kind, trip_id, header, delay_seconds, begins_at) VALUES (':school', ':id', 'delay', ':trip', 'Late', :n, now())",
    ),
    (
        "bus_alarms_once",
        "bus_alarms (school_id, id, user_id, assignment_id, minutes_before)
         SELECT ':school', ':id', min(guardian_user_id::text)::uuid, ':seat', :n FROM student_guardians WHERE student_id = ':child'",
    ),
];

#[tokio::test]
async fn of_fifty_of_a_kind_at_the_database_one_is_kept() {
    let school = School::open().await;
    let slab = json!({"from_metres": 9000, "currency": "INR", "amount_minor": 50_000, "valid_from": "2020-01-01"});
    let slab = made(&school.office, "/api/v1/bus/fee-slabs", &slab).await;
    let seat = school.seat(school.child, 0).await.body["id"].as_str().unwrap().to_owned();
    let trip = school.start().await;
    let named = [
        (":school", school.id.to_string()),
        (":child", school.child.to_string()),
        (":route", school.route.clone()),
        (":vehicle", school.vehicle.clone()),
        (":stop", school.stops[1].clone()),
        (":day", school.day(5).to_string()),
        (":trip", trip.rsplit('/').next().unwrap().to_owned()),
        (":slab", slab),
        (":seat", seat),
    ];
    for (rule, row) in ONE_OF_A_KIND {
        let row = named.iter().fold(format!("INSERT INTO {row}"), |row, (name, value)| row.replace(name, value));
        let statements = fifty(|n| row.replace(":id", &Uuid::now_v7().to_string()).replace(":n", &(n + 1).to_string()));
        one_gets_through(&school, rule, &statements).await;
    }
}

/// A bus of ten seats on a route of ten.
const FITS: &str = "SELECT count(*) FROM bus_routes r JOIN vehicles v ON v.id = r.vehicle_id WHERE r.capacity > v.capacity";

#[tokio::test]
async fn a_route_that_grows_while_its_vehicle_shrinks_never_has_more_seats_than_it() {
    let school = School::open_with(10).await;
    school.attacker().attempt("UPDATE bus_routes SET capacity = 5").await.unwrap();
    // Each is right with what there was.
    let statements = fifty(|n| {
        let (table, capacity) = if n % 2 == 0 { ("bus_routes", 10 - n % 5) } else { ("vehicles", 5 + n % 5) };
        format!("UPDATE {table} SET capacity = {capacity}")
    });
    let outcomes = attack(&school, &statements).await;
    assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(error.constraint() == Some("bus_routes_fit_their_vehicle") || matches!(error, StoreError::Serialization(_)), "{error}");
    }
    assert_eq!(school.count(FITS).await, 0);
}

#[tokio::test]
async fn of_fifty_who_take_seats_out_and_sit_down_at_once_nobody_is_left_standing() {
    let school = School::open_with(10).await;
    let students = school.students(25).await;
    let route = format!("/api/v1/bus/routes/{}", school.route);
    let wishes: Vec<Value> = students.iter().map(|student| school.wish(*student, 0, school.today, None)).collect();
    let shrinks: Vec<Value> = (0..25).map(|n| json!({"capacity": 3 + n % 5})).collect();
    let sitting = join_all(wishes.iter().map(|wish| insist(&school.office, "/api/v1/bus/assignments", wish)));
    let shrinking = join_all(shrinks.iter().map(|change| school.office.patch(&route, "\"v2\"", change)));
    let (seated, shrunk) = tokio::join!(sitting, shrinking);
    // One of the changes had the version that it was based on; it came early enough, or the seats were taken.
    let allowed = |status: u16| matches!(status, 200 | 409 | 412 | 503);
    assert!(shrunk.iter().all(|answer| allowed(answer.status)) && count(&shrunk, 200) <= 1, "{:?}", testkit::statuses(&shrunk));
    let capacity = school.count("SELECT capacity::bigint FROM bus_routes").await;
    let taken = school.count("SELECT count(*) FROM bus_assignments WHERE status = 'active'").await;
    assert_eq!(taken, i64::try_from(count(&seated, 201)).unwrap());
    assert_eq!(taken, capacity, "twenty-five wanted a seat");
    assert_eq!(school.count("SELECT max(seat)::bigint FROM bus_assignments WHERE status = 'active'").await, capacity);
}

#[tokio::test]
async fn of_fifty_who_plan_one_run_at_once_one_does() {
    let school = School::open().await;
    let run = json!({"route_id": school.route, "direction": "pickup", "service_date": school.today});
    let answers = join_all((0..50).map(|_| insist(&school.office, "/api/v1/bus/trips", &run))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", testkit::statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM bus_trips").await, 1);
}

#[tokio::test]
async fn of_fifty_slabs_for_one_distance_at_once_one_is_added() {
    let school = School::open().await;
    let slabs: Vec<Value> = (0..50)
        .map(|n| json!({"from_metres": n * 10, "below_metres": n * 10 + 500, "currency": "INR", "amount_minor": 50_000, "valid_from": "2020-01-01"}))
        .collect();
    let answers = join_all(slabs.iter().map(|slab| insist(&school.office, "/api/v1/bus/fee-slabs", slab))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", testkit::statuses(&answers));
}
