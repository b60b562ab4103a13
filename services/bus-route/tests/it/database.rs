//! The same rules in the tables themselves, for whoever comes there in another way.

use futures_util::future::join_all;
use serde_json::json;
use store::StoreError;
use uuid::Uuid;

use crate::school::{School, made};

#[tokio::test]
async fn the_tables_refuse_what_the_service_would() {
    let school = School::open_with(2).await;
    school.seat(school.child, 0).await;
    let trip = school.start().await;
    let trip = trip.rsplit('/').next().unwrap();
    let (id, new) = (school.id, Uuid::now_v7);
    school.attacker().refused("bus_assignments_within_capacity", "UPDATE bus_assignments SET seat = 3").await;
    school
        .attacker()
        .refused("bus_assignments_within_capacity", "UPDATE bus_routes SET capacity = 1; UPDATE bus_assignments SET seat = 2")
        .await;
    school.attacker().refused("bus_routes_fit_their_vehicle", "UPDATE bus_routes SET capacity = 3").await;
    school.attacker().refused("bus_routes_fit_their_vehicle", "UPDATE vehicles SET capacity = 1").await;
    school.attacker().refused("route_stops_in_order", "UPDATE route_stops SET pickup_time = '07:20' WHERE position = 2").await;
    school.attacker().refused("route_stops_in_order", "UPDATE route_stops SET drop_time = '23:00' WHERE position = 4").await;
    school.attacker().refused("route_stops_school_id_route_id_position_key", "UPDATE route_stops SET position = 1").await;
    school.attacker().refused("route_stops_latitude_check", "UPDATE route_stops SET latitude = 90.1").await;
    let trip_of = |state: &str, direction: &str| {
        format!(
            "INSERT INTO bus_trips (school_id, id, route_id, vehicle_id, driver_staff_id, direction, service_date, state, started_at)
             SELECT school_id, '{}', route_id, vehicle_id, NULL, '{direction}', service_date, '{state}', started_at FROM bus_trips",
            new()
        )
    };
    school.attacker().refused("bus_trips_one_a_run", &trip_of("planned", "pickup")).await;
    school.attacker().refused("bus_trips_one_a_vehicle", &trip_of("running", "drop")).await;
    let spare = made(&school.office, "/api/v1/bus/vehicles", &json!({"registration": "KA 09", "capacity": 2})).await;
    let same_driver = format!(
        "INSERT INTO bus_trips (school_id, id, route_id, vehicle_id, driver_staff_id, direction, service_date, state, started_at)
         SELECT school_id, '{}', route_id, '{spare}', driver_staff_id, 'drop', service_date, 'running', started_at FROM bus_trips",
        new()
    );
    school.attacker().refused("bus_trips_one_a_driver", &same_driver).await;
    let alarm = |minutes: i32| {
        format!(
            "INSERT INTO bus_alarms (school_id, id, user_id, assignment_id, minutes_before)
             SELECT school_id, '{}', (SELECT guardian_user_id FROM student_guardians WHERE student_id = a.student_id), id, {minutes} FROM bus_assignments a",
            new()
        )
    };
    school.attacker().refused("bus_alarms_minutes_before_check", &alarm(61)).await;
    school.attacker().attempt(&alarm(5)).await.unwrap();
    school.attacker().refused("bus_alarms_once", &alarm(6)).await;
    school.attacker().refused("bus_alarms_rung", &format!("UPDATE bus_alarms SET rung_trip_id = '{trip}'")).await;
    let problem = |trip: &str, stop: &str| {
        format!(
            "INSERT INTO bus_problems (school_id, id, route_id, trip_id, stop_id, kind, reported_by)
             SELECT school_id, '{}', route_id, {trip}, {stop}, 'other', (SELECT user_id FROM staff WHERE id = driver_staff_id) FROM bus_trips",
            new()
        )
    };
    school.attacker().refused("bus_problems_about", &problem("NULL", "NULL")).await;
    school.attacker().refused("bus_problems_stop", &problem("id", "gen_random_uuid()")).await;
    school.attacker().attempt(&problem("id", "NULL")).await.unwrap();
    school.attacker().refused("bus_problems_resolved", "UPDATE bus_problems SET resolved_at = now()").await;
    let boarding = |alighted: &str| {
        format!(
            "INSERT INTO bus_boardings (school_id, id, trip_id, student_id, boarded_at, alighted_at, log)
             VALUES ('{id}', '{}', '{trip}', '{}', now(), {alighted}, '[{{}}]')",
            new(),
            school.child
        )
    };
    school.attacker().refused("bus_boardings_check", &boarding("now() - interval '1 minute'")).await;
    school.attacker().attempt(&boarding("NULL")).await.unwrap();
    school.attacker().refused("bus_boardings_once", &boarding("NULL")).await;
    let position = |longitude: f64| {
        format!(
            "INSERT INTO vehicle_positions (school_id, id, vehicle_id, recorded_at, latitude, longitude)
             VALUES ('{id}', '{}', '{}', '2026-07-01T00:00:00Z', 0, {longitude})",
            new(),
            school.vehicle
        )
    };
    school.attacker().refused("vehicle_positions_longitude_check", &position(180.1)).await;
    school.attacker().attempt(&position(180.0)).await.unwrap();
    school.attacker().refused("vehicle_positions_school_id_vehicle_id_recorded_at_key", &position(0.0)).await;
    for verb in ["UPDATE bus_stop_visits SET arrived_at = now()", "DELETE FROM bus_fee_charges"] {
        assert!(matches!(school.attacker().attempt(verb).await, Err(StoreError::NotPermitted(_))), "{verb}");
    }
}

#[tokio::test]
async fn two_who_each_add_a_stop_are_not_both_right_alone_and_wrong_together() {
    let school = School::open().await;
    // Each of the fifty is in order with the four that are there, and with none of the others.
    let adding = (0..50).map(|n| {
        let sql = format!(
            "INSERT INTO route_stops (school_id, id, route_id, position, name, latitude, longitude, pickup_time)
             VALUES ('{}', '{}', '{}', {}, 'Stop', 0, 0, time '09:00' - interval '{n} minutes')",
            school.id,
            Uuid::now_v7(),
            school.route,
            5 + n
        );
        let school = &school;
        async move { school.attacker().attempt(&sql).await }
    });
    let outcomes = join_all(adding).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|error| error.constraint() == Some("route_stops_in_order")));
}

#[tokio::test]
async fn of_fifty_who_take_the_last_seat_at_the_database_one_does() {
    let school = School::open_with(1).await;
    let students = school.students(50).await;
    let taking = students.iter().map(|student| {
        let sql = format!(
            "INSERT INTO bus_assignments (school_id, id, student_id, route_id, route_capacity, stop_id, direction, seat, begin_date)
             VALUES ('{}', '{}', '{student}', '{}', 1, '{}', 'pickup', 1, '{}')",
            school.id,
            Uuid::now_v7(),
            school.route,
            school.stops[0],
            school.today
        );
        let school = &school;
        async move { school.attacker().attempt(&sql).await }
    });
    let outcomes = join_all(taking).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
}

#[tokio::test]
async fn of_fifty_seats_for_one_student_at_the_database_one_is_taken() {
    let school = School::open_with(50).await;
    // Fifty seats, and fifty times that overlap one another by a day at least.
    let taking = (0..50).map(|n| {
        let sql = format!(
            "INSERT INTO bus_assignments (school_id, id, student_id, route_id, route_capacity, stop_id, direction, seat, begin_date, end_date)
             VALUES ('{}', '{}', '{}', '{}', 50, '{}', 'pickup', {}, '{}', '{}')",
            school.id,
            Uuid::now_v7(),
            school.child,
            school.route,
            school.stops[0],
            n + 1,
            school.day(n),
            school.day(n + 50)
        );
        let school = &school;
        async move { school.attacker().attempt(&sql).await }
    });
    let outcomes = join_all(taking).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
}

#[tokio::test]
async fn every_rule_that_has_words_is_a_constraint() {
    let school = School::open().await;
    let known: Vec<String> = sqlx::query_scalar(
        "SELECT conname::text FROM pg_constraint UNION SELECT indexrelid::regclass::text FROM pg_index UNION SELECT tgname::text FROM pg_trigger",
    )
    .fetch_all(&mut school.fleet.database.superuser().await)
    .await
    .unwrap();
    let rules = include_str!("../../src/store/rules.rs");
    let named: Vec<&str> = rules.split("Rule::").skip(1).filter_map(|rule| rule.split('"').nth(1)).collect();
    assert!(named.len() > 10);
    for rule in named {
        assert!(known.iter().any(|name| name == rule), "{rule}");
    }
}
