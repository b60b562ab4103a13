//! The same rules in the tables themselves, for whoever comes there in another way.

use futures_util::future::join_all;
use serde_json::json;
use store::StoreError;
use uuid::Uuid;

use crate::school::{School, id, put};

/// SQL that enters a movement; `more` are further columns, as `(name, value)`.
fn movement(school: &School, item: &str, place: &str, kind: &str, quantity: i32, more: &[(&str, &str)]) -> String {
    let names = more.iter().fold(String::new(), |names, (name, _)| names + ", " + *name);
    let values = more.iter().fold(String::new(), |values, (_, value)| values + ", " + *value);
    format!(
        "INSERT INTO stock_movements (school_id, id, item_id, location_id, kind, quantity, moved_by{names})
         VALUES ('{}', '{}', '{item}', '{place}', '{kind}', {quantity}, '{}'{values});",
        school.id,
        Uuid::now_v7(),
        school.teacher_user
    )
}

#[tokio::test]
async fn balances_values_and_units_follow_from_movements_and_from_nothing_else() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 10, 100).await;
    school.book("Atlas", 1, None).await;
    for statement in [
        "UPDATE inventory_stock SET on_hand = on_hand + 1",
        "DELETE FROM inventory_stock",
        "UPDATE inventory_valuations SET value_minor = value_minor + 1",
        "DELETE FROM inventory_valuations",
        "UPDATE inventory_units SET state = 'gone', location_id = NULL",
        "UPDATE stock_movements SET quantity = 99",
        "DELETE FROM stock_movements",
    ] {
        school.attacker().forbidden(statement).await;
    }
    let unit = format!(
        "INSERT INTO inventory_units (school_id, id, item_id, serial_number, state, location_id) SELECT school_id, gen_random_uuid(), item_id, 'Forged', 'in_stock',
         location_id FROM inventory_units WHERE school_id = '{}'",
        school.id
    );
    school.attacker().forbidden(&unit).await;
    school.attacker().attempt("UPDATE inventory_units SET note = 'Torn'").await.unwrap();
    // A movement makes its balance and its number itself, whatever it says.
    let store = school.store.clone();
    school
        .attacker()
        .attempt(&movement(&school, &chalk, &store, "issue", -3, &[("balance", "99"), ("entry", "77"), ("value_minor", "-300")]))
        .await
        .unwrap();
    assert_eq!(school.on_hand(&chalk).await, 7);
    school.check_books().await;
}

#[tokio::test]
async fn the_tables_refuse_what_the_service_would() {
    let school = School::open().await;
    let (chalk, store, library) = (school.consumable("Chalk").await, school.store.clone(), school.library.clone());
    school.receive(&chalk, 10, 100).await;
    let atlas = school.book("Atlas", 1, None).await;
    let unit: Uuid =
        sqlx::query_scalar("SELECT id FROM inventory_units").fetch_one(&mut school.fleet.database.superuser().await).await.unwrap();
    let unit = format!("'{unit}'");
    let of =
        |item: &str, place: &str, kind: &str, quantity: i32, more: &[(&str, &str)]| movement(&school, item, place, kind, quantity, more);
    school
        .attacker()
        .refused("inventory_stock_not_negative", &of(&chalk, &library, "transfer_out", -1, &[("transfer_id", "gen_random_uuid()")]))
        .await;
    school.attacker().refused("inventory_valuations_not_negative", &of(&chalk, &store, "issue", -11, &[])).await;
    school.attacker().refused("inventory_valuations_nothing_is_worth_nothing", &of(&chalk, &store, "issue", -10, &[])).await;
    school.attacker().refused("inventory_valuations_not_negative", &of(&chalk, &store, "issue", -1, &[("value_minor", "-1001")])).await;
    school.attacker().refused("stock_movements_direction", &of(&chalk, &store, "issue", 1, &[])).await;
    school.attacker().refused("stock_movements_value", &of(&chalk, &store, "receive", 1, &[("value_minor", "-1")])).await;
    school.attacker().refused("stock_movements_of_loan", &of(&chalk, &store, "loan", -1, &[])).await;
    school.attacker().refused("stock_movements_return_of_issue", &of(&chalk, &store, "return", 1, &[])).await;
    school.attacker().refused("transfer_is_whole", &of(&chalk, &store, "transfer_out", -1, &[("transfer_id", "gen_random_uuid()")])).await;
    school.attacker().refused("stock_movements_by_unit", &of(&atlas, &library, "issue", -1, &[("value_minor", "-40000")])).await;
    school.attacker().refused("stock_movements_by_unit", &of(&chalk, &store, "issue", -1, &[("unit_id", &unit)])).await;
    school.attacker().refused("stock_movements_unit_is_there", &of(&atlas, &library, "adjust", 1, &[("unit_id", &unit)])).await;
    for year in ["12026", "2201", "1899"] {
        school.attacker().refused("inventory_units_warranty", &format!("UPDATE inventory_units SET warranty_until = '{year}-01-01'")).await;
    }
    school.lend("Atlas-1").await.expect(201);
    school.attacker().refused("inventory_loans_due", "UPDATE inventory_loans SET due_on = '12026-01-01'").await;
    school.attacker().refused("inventory_loans_reminded", "UPDATE inventory_loans SET reminded_on = '12026-01-01'").await;
    school
        .keeper
        .post("/api/v1/inventory/reservations", &serde_json::json!({"item_id": atlas, "student_id": school.stranger_id}))
        .await
        .expect(201);
    school.attacker().refused("inventory_reservations_expires", "UPDATE inventory_reservations SET expires_on = '12026-01-01'").await;
    school.attacker().refused("inventory_items_stay", "UPDATE inventory_items SET is_serialised = false WHERE is_serialised").await;
    school
        .attacker()
        .refused(
            "inventory_items_serialised",
            "UPDATE inventory_items SET is_serialised = true, kind = 'consumable' WHERE false; INSERT INTO inventory_items \
        (school_id, id, name, currency, is_serialised) SELECT id, gen_random_uuid(), 'X', 'INR', true FROM schools",
        )
        .await;
    school.check_books().await;
}

#[tokio::test]
async fn a_loan_and_its_movements_say_the_same_and_a_unit_has_one_open_loan() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 1, None).await;
    let loan = school.lend("Atlas-1").await.expect(201);
    let copy = "INSERT INTO inventory_loans SELECT (jsonb_populate_record(l, jsonb_build_object('id', gen_random_uuid()))).* FROM inventory_loans l";
    school.attacker().refused("inventory_loans_one_open", copy).await;
    school
        .attacker()
        .refused(
            "loan_is_moved",
            &format!("{copy} WHERE false; UPDATE inventory_loans SET state = 'returned', returned_at = lent_at, penalty_minor = 0"),
        )
        .await;
    let back = movement(
        &school,
        &atlas,
        &school.library,
        "loan_return",
        1,
        &[("loan_id", &format!("'{}'", id(&loan))), ("unit_id", "(SELECT id FROM inventory_units LIMIT 1)")],
    );
    school.attacker().refused("loan_is_moved", &back).await;
    school
        .attacker()
        .attempt(&format!("{back} UPDATE inventory_loans SET state = 'returned', returned_at = lent_at, penalty_minor = 0"))
        .await
        .unwrap();
    school
        .attacker()
        .refused("inventory_loans_over", "UPDATE inventory_loans SET state = 'open', returned_at = NULL, penalty_minor = NULL")
        .await;
    school.attacker().refused("stock_movements_unit_is_there", &back).await;
    school.check_books().await;
}

#[tokio::test]
async fn a_repair_and_its_movements_say_the_same() {
    let school = School::open().await;
    let item = school.consumable("Projector lamps").await;
    school.receive(&item, 5, 100).await;
    let (repair, user) = (Uuid::now_v7(), school.keeper_user);
    let (school_id, store) = (school.id, school.store.clone());
    let row = format!(
        "INSERT INTO inventory_repairs (school_id, id, item_id, location_id, quantity, problem, sent_at, sent_by)
         VALUES ('{school_id}', '{repair}', '{item}', '{store}', 2, 'Dark', now(), '{user}');"
    );
    let of_repair = format!("'{repair}'");
    let moves = |kind: &str, quantity: i32| movement(&school, &item, &store, kind, quantity, &[("repair_id", &of_repair)]);
    school.attacker().refused("repair_is_moved", &row).await;
    school.attacker().refused("repair_is_moved", &format!("{row} {}", moves("repair", -1))).await;
    school.attacker().refused("repair_is_moved", &format!("{row} {} {}", moves("repair", -2), moves("repair_return", 2))).await;
    school.attacker().attempt(&format!("{row} {}", moves("repair", -2))).await.unwrap();
    let over = "UPDATE inventory_repairs SET state = 'repaired', finished_at = sent_at;";
    school.attacker().refused("repair_is_moved", over).await;
    school.attacker().refused("repair_is_moved", &moves("repair_return", 2)).await;
    school.attacker().refused("repair_is_moved", &format!("{over} {}", moves("repair_return", 1))).await;
    school.attacker().attempt(&format!("{over} {}", moves("repair_return", 2))).await.unwrap();
    school.attacker().refused("inventory_repairs_over", "UPDATE inventory_repairs SET state = 'open', finished_at = NULL").await;
    school.check_books().await;
}

#[tokio::test]
async fn a_loan_is_split_in_two_that_are_the_whole_and_what_is_owed_can_be_charged() {
    let school = School::open().await;
    let item = id(&school.keeper.post("/api/v1/inventory/items", &json!({"name": "Ball", "kind": "asset"})).await.expect(201));
    school.receive(&item, 5, 100).await;
    let lend = json!({"item_id": item, "location_id": school.store, "quantity": 3, "student_id": school.student_id});
    let loan = id(&school.keeper.post("/api/v1/inventory/loans", &lend).await.expect(201));
    let store = school.store.clone();
    let of = |loan: &str, kind: &str, quantity: i32| movement(&school, &item, &store, kind, quantity, &[("loan_id", &format!("'{loan}'"))]);
    let back = of(&loan, "loan_return", 3);
    let close = format!("{back} UPDATE inventory_loans SET state = 'split', split_at = lent_at, penalty_minor = 0;");
    school.attacker().refused("loan_is_split_in_two", &close).await;
    let part = |quantity: i32| {
        let part = Uuid::now_v7().to_string();
        let row = format!(
            "INSERT INTO inventory_loans SELECT (jsonb_populate_record(l, jsonb_build_object('id', '{part}', 'split_of', '{loan}', 'quantity', {quantity},
                'state', 'open', 'split_at', NULL, 'penalty_minor', NULL))).* FROM inventory_loans l WHERE l.id = '{loan}';"
        );
        format!("{row} {}", of(&part, "loan", -quantity))
    };
    school.attacker().refused("loan_is_split_in_two", &part(1)).await;
    school.attacker().refused("loan_is_split_in_two", &format!("{close} {}", part(3))).await;
    school.attacker().refused("loan_is_split_in_two", &format!("{close} {} {}", part(1), part(1))).await;
    school.attacker().refused("loan_is_split_in_two", &format!("{close} {} {} {}", part(1), part(1), part(1))).await;
    let free = format!("{back} UPDATE inventory_loans SET state = 'split', split_at = lent_at, penalty_minor = 1;");
    school.attacker().refused("inventory_loans_split_owes_nothing", &free).await;
    let dear = format!("{back} UPDATE inventory_loans SET state = 'returned', returned_at = lent_at, penalty_minor = 1000000000001;");
    school.attacker().refused("inventory_loans_chargeable", &dear).await;
    school.attacker().attempt(&format!("{close} {} {}", part(1), part(2))).await.unwrap();
    school.check_books().await;
}

#[tokio::test]
async fn a_reservation_that_is_over_and_what_was_counted_for_a_stock_take_that_is_over_stay_as_they_are() {
    let school = School::open().await;
    let (chalk, ball) = (
        school.consumable("Chalk").await,
        id(&school.keeper.post("/api/v1/inventory/items", &json!({"name": "Ball", "kind": "asset"})).await.expect(201)),
    );
    school.receive(&chalk, 5, 100).await;
    let wish = json!({"item_id": ball, "student_id": school.student_id});
    let reservation = id(&school.keeper.post("/api/v1/inventory/reservations", &wish).await.expect(201));
    school.attacker().attempt("UPDATE inventory_reservations SET expires_on = expires_on").await.unwrap();
    school.keeper.post_if(&format!("/api/v1/inventory/reservations/{reservation}/cancel"), "\"v1\"", &json!({})).await.expect(200);
    school.attacker().refused("inventory_reservations_over", "UPDATE inventory_reservations SET state = 'waiting'").await;
    for (end, expected) in [("post", 3), ("cancel", 4)] {
        let take = school.keeper.post("/api/v1/inventory/stock-takes", &json!({"location_id": school.store})).await;
        let path = take.header("location").to_owned();
        let take = id(&take.expect(201));
        let counted = put(&school.keeper, &format!("{path}/counts"), &json!({"counts": [{"item_id": chalk, "counted": expected}]})).await;
        let etag = counted.etag();
        counted.expect(200);
        school
            .attacker()
            .attempt(&format!("UPDATE inventory_counts SET counted_at = counted_at WHERE stock_take_id = '{take}'"))
            .await
            .unwrap();
        school.keeper.post_if(&format!("{path}/{end}"), &etag, &json!({})).await.expect(200);
        let change = format!("UPDATE inventory_counts SET counted = 99 WHERE stock_take_id = '{take}'");
        school.attacker().refused("inventory_counts_over", &change).await;
        school.attacker().refused("inventory_counts_over", &format!("DELETE FROM inventory_counts WHERE stock_take_id = '{take}'")).await;
        let more = format!(
            "INSERT INTO inventory_counts (school_id, id, stock_take_id, item_id, expected, counted, counted_at, counted_by)
             VALUES ('{}', gen_random_uuid(), '{take}', '{ball}', 0, 1, now(), '{}')",
            school.id, school.keeper_user
        );
        school.attacker().refused("inventory_counts_over", &more).await;
    }
    let of_use = movement(&school, &chalk, &school.store, "write_off", -1, &[("purpose", "'Cleaning'"), ("value_minor", "-100")]);
    school.attacker().refused("stock_movements_of_use", &of_use).await;
    school.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_who_go_to_the_database_themselves_take_ten_of_ten_and_opposite_transfers_do_not_deadlock() {
    let school = School::open().await;
    let (chalk, pens) = (school.consumable("Chalk").await, school.consumable("Pens").await);
    school.receive(&chalk, 10, 0).await;
    school.receive(&pens, 50, 0).await;
    let takes: Vec<String> = (0..50).map(|_| movement(&school, &chalk, &school.store, "issue", -1, &[])).collect();
    let outcomes = join_all(takes.iter().map(|take| school.attacker().attempt(take))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 10, "{outcomes:?}");
    let moves: Vec<String> = (0..50)
        .map(|n| {
            let (from, to) = if n % 2 == 0 { (&school.store, &school.library) } else { (&school.library, &school.store) };
            let transfer = format!("'{}'", Uuid::now_v7());
            let out = movement(&school, &pens, from, "transfer_out", -1, &[("transfer_id", &transfer)]);
            let into = movement(&school, &pens, to, "transfer_in", 1, &[("transfer_id", &transfer)]);
            format!("{out} {into}")
        })
        .collect();
    let outcomes = join_all(moves.iter().map(|transfer| school.attacker().attempt(transfer))).await;
    let lost: Vec<&StoreError> =
        outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).filter(|error| error.constraint().is_none()).collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert_eq!(school.on_hand(&pens).await, 50);
    school.check_books().await;
}

#[tokio::test]
async fn of_fifty_who_lend_one_unit_at_the_database_one_does_and_of_fifty_who_take_it_back_one_closes_the_loan() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 2, None).await;
    let other = id(&school.lend("Atlas-2").await.expect(201));
    let unit = "(SELECT id FROM inventory_units WHERE serial_number = 'Atlas-1')";
    let of = |loan: Uuid, kind: &str, quantity: i32| {
        movement(&school, &atlas, &school.library, kind, quantity, &[("loan_id", &format!("'{loan}'")), ("unit_id", unit)])
    };
    let lend = |loan: Uuid| {
        format!(
            "INSERT INTO inventory_loans SELECT (jsonb_populate_record(l, jsonb_build_object('id', '{loan}', 'unit_id', {unit}))).*
             FROM inventory_loans l WHERE id = '{other}'; {}",
            of(loan, "loan", -1)
        )
    };
    let loans: Vec<Uuid> = (0..50).map(|_| Uuid::now_v7()).collect();
    let lendings: Vec<String> = loans.iter().map(|loan| lend(*loan)).collect();
    let outcomes = join_all(lendings.iter().map(|lending| school.attacker().attempt(lending))).await;
    let done: Vec<Uuid> = loans.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(loan, _)| *loan).collect();
    let [loan] = done[..] else { panic!("{outcomes:?}") };
    let close = format!("UPDATE inventory_loans SET state = 'returned', returned_at = lent_at, penalty_minor = 0 WHERE id = '{loan}';");
    let returns: Vec<String> = (0..50)
        .map(|n| {
            let back = of(loan, "loan_return", 1);
            if n % 2 == 0 { format!("{close} {back}") } else { format!("{back} {close}") }
        })
        .collect();
    let outcomes = join_all(returns.iter().map(|one| school.attacker().attempt(one))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert_eq!(school.count("SELECT count(*) FROM stock_movements WHERE kind = 'loan_return'").await, 1);
    school.check_books().await;
}

#[tokio::test]
async fn every_rule_that_is_put_into_words_exists() {
    School::open().await.fleet.database.has_rules(inventory::store::RULES.iter().map(|rule| rule.constraint)).await;
}
