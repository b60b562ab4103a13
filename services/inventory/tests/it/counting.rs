//! Stock-takes: counting while things move, and posting the differences.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, count, statuses};

use crate::school::{School, put};

async fn begin(school: &School, place: &str) -> String {
    let answer = school.keeper.post("/api/v1/inventory/stock-takes", &json!({"location_id": place})).await;
    let path = answer.header("location").to_owned();
    answer.expect(201);
    path
}

async fn counted(school: &School, take: &str, counts: Value) -> Answer {
    put(&school.keeper, &format!("{take}/counts"), &json!({"counts": counts})).await
}

#[tokio::test]
async fn differences_are_posted_and_what_moved_meanwhile_is_no_difference() {
    let school = School::open().await;
    let (chalk, pens, paper) = (school.consumable("Chalk").await, school.consumable("Pens").await, school.consumable("Paper").await);
    for item in [&chalk, &pens, &paper] {
        school.receive(item, 10, 100).await;
    }
    let take = begin(&school, &school.store).await;
    assert_eq!(school.keeper.post("/api/v1/inventory/stock-takes", &json!({"location_id": school.store})).await.status, 409);
    // Two pieces of chalk leave before it is counted, three after.
    school.issue(&chalk, 2).await.expect(201);
    counted(&school, &take, json!([{"item_id": chalk, "counted": 7}, {"item_id": pens, "counted": 12}])).await.expect(200);
    school.issue(&chalk, 3).await.expect(201);
    let sheet = school.keeper.get(&format!("{take}/lines")).await.expect(200);
    let line = sheet["items"].as_array().unwrap().iter().find(|line| line["item_id"] == json!(chalk)).unwrap();
    assert_eq!((&line["expected"], &line["counted"], &line["on_hand"]), (&json!(8), &json!(7), &json!(5)));
    assert_eq!(sheet["items"].as_array().unwrap().len(), 3, "what is not counted yet is on the sheet too");
    assert_eq!(school.keeper.post_if(&format!("{take}/post"), "\"v1\"", &json!({})).await.status, 412, "it was counted since");
    let posted = school.keeper.post_if(&format!("{take}/post"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!((&posted["state"], &posted["differing_lines"]), (&json!("posted"), &json!(2)));
    assert_eq!((school.on_hand(&chalk).await, school.on_hand(&pens).await, school.on_hand(&paper).await), (4, 12, 10));
    assert_eq!(school.item(&pens).await["value_minor"], json!(1_200), "what turned up is worth the average");
    assert_eq!(counted(&school, &take, json!([{"item_id": chalk, "counted": 1}])).await.status, 409);
    school.check_books().await;
}

#[tokio::test]
async fn a_count_that_is_entered_later_is_compared_with_what_the_books_said_then() {
    let mut school = School::open_with_clock().await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 10, 100).await;
    let take = begin(&school, &school.store).await;
    school.days_pass(1).await;
    let at = school.keeper.get(&take).await.expect(200)["started_at"].clone();
    school.issue(&chalk, 4).await.expect(201);
    let answer = counted(&school, &take, json!([{"item_id": chalk, "counted": 9, "counted_at": at}])).await;
    let etag = answer.etag();
    answer.expect(200);
    school.keeper.post_if(&format!("{take}/post"), &etag, &json!({})).await.expect(200);
    assert_eq!(school.on_hand(&chalk).await, 5, "nine were there, four left since");
    school.check_books().await;
}

#[tokio::test]
async fn units_are_counted_one_by_one_and_what_moved_in_between_is_counted_again() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 3, None).await;
    let take = begin(&school, &school.library).await;
    let counts = json!([{"serial_number": "Atlas-1", "counted": 1}, {"serial_number": "Atlas-2", "counted": 0}, {"serial_number": "Atlas-3", "counted": 0}]);
    counted(&school, &take, counts).await.expect(200);
    // The second copy was not seen, and then it is lent: it must have been there.
    school.lend("Atlas-2").await.expect(201);
    let refused = school.keeper.post_if(&format!("{take}/post"), "\"v2\"", &json!({})).await;
    assert_eq!((refused.status, refused.pointers().len()), (409, 1));
    assert_eq!(school.on_hand(&atlas).await, 2, "nothing was posted");
    counted(&school, &take, json!([{"serial_number": "Atlas-2", "counted": 0}])).await.expect(200);
    school.keeper.post_if(&format!("{take}/post"), "\"v3\"", &json!({})).await.expect(200);
    assert_eq!(school.on_hand(&atlas).await, 1);
    // The third one turns up at the next count.
    let take = begin(&school, &school.library).await;
    counted(&school, &take, json!([{"serial_number": "Atlas-3", "counted": 1}])).await.expect(200);
    school.keeper.post_if(&format!("{take}/post"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!(school.on_hand(&atlas).await, 2);
    let bad =
        counted(&school, &take, json!([{"item_id": atlas, "counted": 1}, {"serial_number": "Atlas-1", "counted": 2}, {"counted": 1}]))
            .await;
    assert_eq!((bad.status, bad.pointers()), (422, vec!["/counts/1/counted", "/counts/2"]));
    school.check_books().await;
}

/// What each fault says, by its pointer.
fn advice(answer: &Answer) -> Vec<(&str, &str)> {
    let faults = answer.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    faults.iter().map(|fault| (fault["pointer"].as_str().unwrap(), fault["detail"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_unit_that_the_books_have_elsewhere_is_brought_back_before_it_is_counted() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 5, None).await;
    let loan = school.lend("Atlas-1").await.expect(201);
    let issue = json!({"item_id": atlas, "location_id": school.library, "serial_numbers": ["Atlas-2"], "issued_to": school.teacher_user});
    let issued = school.keeper.post("/api/v1/inventory/issues", &issue).await.expect(201);
    let repair = json!({"item_id": atlas, "location_id": school.library, "serial_number": "Atlas-3", "problem": "Torn"});
    let repair = school.keeper.post("/api/v1/inventory/repairs", &repair).await;
    let move_to =
        |from: &str, to: &str| json!({"item_id": atlas, "from_location_id": from, "to_location_id": to, "serial_numbers": ["Atlas-4"]});
    school.keeper.post("/api/v1/inventory/transfers", &move_to(&school.library, &school.store)).await.expect(201);
    let take = begin(&school, &school.library).await;
    let counts: Vec<Value> = (1..=5).map(|copy| json!({"serial_number": format!("Atlas-{copy}"), "counted": 1})).collect();
    let refused = counted(&school, &take, json!(counts)).await;
    let rest = "first and count it again, or count it as not there";
    let expected = [
        ("/counts/0/serial_number", format!("Atlas-1 is on loan: take it back {rest}")),
        ("/counts/1/serial_number", format!("Atlas-2 is issued: take it back {rest}")),
        ("/counts/2/serial_number", format!("Atlas-3 is in repair: finish the repair {rest}")),
        ("/counts/3/serial_number", format!("Atlas-4 is at Store room: transfer it {rest}")),
    ];
    assert_eq!(refused.status, 409, "{:#}", refused.body);
    assert!(advice(&refused).into_iter().eq(expected.iter().map(|(pointer, detail)| (*pointer, detail.as_str()))), "{:#}", refused.body);
    assert_eq!(school.keeper.get(&take).await.expect(200)["counted_lines"], json!(0), "nothing was written down");
    // The advice helps.
    school.give_back(&loan).await.expect(201);
    school.keeper.post("/api/v1/inventory/returns", &json!({"issue_id": issued["movements"][0]["id"]})).await.expect(201);
    let finish = format!("{}/finish", repair.header("location"));
    school.keeper.post_if(&finish, &repair.etag(), &json!({"outcome": "repaired"})).await.expect(200);
    school.keeper.post("/api/v1/inventory/transfers", &move_to(&school.store, &school.library)).await.expect(201);
    counted(&school, &take, json!(counts)).await.expect(200);
    let posted = school.keeper.post_if(&format!("{take}/post"), "\"v2\"", &json!({})).await.expect(200);
    assert_eq!((&posted["differing_lines"], school.on_hand(&atlas).await), (&json!(0), 5));
    school.check_books().await;
}

#[tokio::test]
async fn a_unit_that_turned_up_twice_is_where_the_books_have_it_and_posting_says_where() {
    let school = School::open().await;
    let atlas = school.book("Atlas/1", 2, None).await;
    let movement = |kind: &str, place: &str, copy: usize| json!({"kind": kind, "item_id": atlas, "location_id": place, "serial_numbers": [format!("Atlas/1-{copy}")], "reason": "x"});
    let enter = async |body: Value| school.keeper.post("/api/v1/inventory/movements", &body).await.expect(201);
    enter(movement("write_off", &school.library, 1)).await;
    enter(movement("write_off", &school.library, 2)).await;
    let take = begin(&school, &school.library).await;
    let there = json!([{"serial_number": "Atlas/1-1", "counted": 1}, {"serial_number": "Atlas/1-2", "counted": 1}]);
    counted(&school, &take, there.clone()).await.expect(200);
    // Before that is posted, somebody else enters that one is in the store room, and one is here and lent.
    enter(movement("adjust", &school.store, 1)).await;
    enter(movement("adjust", &school.library, 2)).await;
    let loan = school.lend("Atlas/1-2").await.expect(201);
    let refused = school.keeper.post_if(&format!("{take}/post"), "\"v2\"", &json!({})).await;
    let expected = [
        ("/counts/Atlas~11-1", "Atlas/1-1 is at Store room: transfer it first and count it again, or count it as not there"),
        ("/counts/Atlas~11-2", "Atlas/1-2 is on loan: take it back first and count it again, or count it as not there"),
    ];
    assert_eq!((refused.status, advice(&refused)), (409, expected.to_vec()), "{:#}", refused.body);
    let transfer =
        json!({"item_id": atlas, "from_location_id": school.store, "to_location_id": school.library, "serial_numbers": ["Atlas/1-1"]});
    school.keeper.post("/api/v1/inventory/transfers", &transfer).await.expect(201);
    school.give_back(&loan).await.expect(201);
    // They are where they were counted now, so that nothing has turned up: the difference would be posted twice.
    let refused = school.keeper.post_if(&format!("{take}/post"), "\"v2\"", &json!({})).await;
    assert!(advice(&refused).iter().all(|(_, detail)| *detail == "moved since it was counted; count it again"), "{:#}", refused.body);
    assert_eq!((refused.status, refused.pointers().len()), (409, 2));
    counted(&school, &take, there).await.expect(200);
    school.keeper.post_if(&format!("{take}/post"), "\"v3\"", &json!({})).await.expect(200);
    assert_eq!(school.on_hand(&atlas).await, 2);
    school.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_who_post_a_stock_take_while_things_are_issued_one_does() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 100, 100).await;
    let take = begin(&school, &school.store).await;
    counted(&school, &take, json!([{"item_id": chalk, "counted": 90}])).await.expect(200);
    let path = format!("{take}/post");
    let nothing = json!({});
    let (posts, issues) = tokio::join!(
        join_all((0..50).map(|_| school.keeper.post_if(&path, "\"v2\"", &nothing))),
        join_all((0..20).map(|_| school.issue(&chalk, 1)))
    );
    assert_eq!((count(&posts, 200), count(&posts, 412)), (1, 49), "{:?}", statuses(&posts));
    assert_eq!(count(&issues, 201), 20, "{:?}", statuses(&issues));
    assert_eq!(school.on_hand(&chalk).await, 70);
    school.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_who_count_at_once_are_all_written_down() {
    let school = School::open().await;
    let mut items = Vec::new();
    for n in 0..10 {
        let item = school.consumable(&format!("Thing {n}")).await;
        school.receive(&item, 5, 100).await;
        items.push(item);
    }
    let take = begin(&school, &school.store).await;
    let answers = join_all((0..50).map(|n| {
        // In different orders, so that whoever held them one by one would wait for another.
        let mut mine: Vec<Value> = items.iter().map(|item| json!({"item_id": item, "counted": 4})).collect();
        mine.rotate_left(n % 10);
        let (school, take) = (&school, &take);
        async move { counted(school, take, json!(mine)).await }
    }))
    .await;
    assert_eq!(count(&answers, 200), 50, "{:?}", statuses(&answers));
    let cancelled = school.keeper.post_if(&format!("{take}/cancel"), "\"v51\"", &json!({})).await.expect(200);
    assert_eq!((&cancelled["state"], &cancelled["counted_lines"]), (&json!("cancelled"), &json!(10)));
    assert_eq!(school.on_hand(&items[0]).await, 5);
}
