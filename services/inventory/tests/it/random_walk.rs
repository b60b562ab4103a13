//! Many hands, for a while, at random: whatever they did, the books are right.

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::school::School;

/// What one person tries, and the status that they got.
async fn step(school: &School, chalk: &str, atlas: &str, random: &mut StdRng) -> u16 {
    let places = [&school.store, &school.library];
    let (place, other) = (places[random.random_range(0..2)], places[random.random_range(0..2)]);
    let quantity = random.random_range(1..6);
    let serial = format!("Atlas-{}", random.random_range(1..5));
    let cost = random.random_range(0..1_000);
    let post = async |path: &str, body: Value| school.keeper.post(&format!("/api/v1/inventory/{path}"), &body).await.status;
    match random.random_range(0..11) {
        0 | 1 => {
            post(
                "movements",
                json!({"kind": "receive", "item_id": chalk, "location_id": place, "quantity": quantity, "unit_cost_minor": cost}),
            )
            .await
        }
        2 | 3 => post("issues", json!({"item_id": chalk, "location_id": place, "quantity": quantity})).await,
        4 => post("transfers", json!({"item_id": chalk, "from_location_id": place, "to_location_id": other, "quantity": quantity})).await,
        5 => {
            let fewer = quantity - 3;
            post("movements", json!({"kind": "adjust", "item_id": chalk, "location_id": place, "quantity": fewer, "reason": "x"})).await
        }
        6 => {
            post(
                "movements",
                json!({"kind": "write_off", "item_id": atlas, "location_id": place, "serial_numbers": [serial], "reason": "x"}),
            )
            .await
        }
        7 => post("loans", json!({"serial_number": serial, "student_id": school.student_id})).await,
        8 => post("returns", json!({"serial_number": serial})).await,
        9 => {
            post("transfers", json!({"item_id": atlas, "from_location_id": place, "to_location_id": other, "serial_numbers": [serial]}))
                .await
        }
        _ => {
            post("movements", json!({"kind": "adjust", "item_id": atlas, "location_id": place, "serial_numbers": [serial], "reason": "x"}))
                .await
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_four_hundred_random_steps_of_eight_people_the_books_are_right() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    let atlas = school.book("Atlas", 4, None).await;
    school.receive(&chalk, 20, 777).await;
    let walks = (0..8_u64).map(|person| {
        let (school, chalk, atlas) = (&school, &chalk, &atlas);
        async move {
            let mut random = StdRng::seed_from_u64(24 + person);
            let mut statuses = Vec::new();
            for _ in 0..50 {
                statuses.push(step(school, chalk, atlas, &mut random).await);
            }
            statuses
        }
    });
    let statuses: Vec<u16> = join_all(walks).await.into_iter().flatten().collect();
    assert!(statuses.iter().all(|status| matches!(status, 201 | 409 | 422)), "{statuses:?}");
    assert!(statuses.iter().filter(|status| **status == 201).count() > 100, "{statuses:?}");
    school.check_books().await;
}
