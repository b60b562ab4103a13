//! A small library and a laboratory store: titles with their copies, instruments, things that are used up and partly run out, and who has borrowed what, what was lost,
//! mended and counted.

use anyhow::Context;
use chrono::{Days, Duration, NaiveDate};
use domain::Timestamp;
use serde_json::{Value, json};
use store::SchoolTransaction;
use uuid::Uuid;

use crate::ids::{Ids, Kind, id};
use crate::insert::school_rows;
use crate::random::Random;
use crate::roster::{Roster, StaffMember, Student};

const LIBRARIAN: &str = "Librarian";
const LAB_ASSISTANT: &str = "Laboratory assistant";
const STORE_KEEPER: &str = "Store keeper";
const CATEGORIES: [&str; 3] = ["Books", "Laboratory", "Stationery"];
const LOCATIONS: [&str; 3] = ["Library", "Laboratory store", "Store room"];
/// Suppliers, and where they take orders.
const SUPPLIERS: [(&str, &str); 3] = [
    ("City Book House", "orders@city-book-house.example"),
    ("Lens and Beaker", "service@lens-and-beaker.example"),
    ("Paper and Pen Mart", "sales@paper-and-pen.example"),
];
/// Titles, what a copy costs in minor units, who wrote them, and where they stand by Dewey's classification.
const TITLES: &[(&str, i64, Option<&str>, &str)] = &[
    ("Treasure Island", 19_900, Some("Stevenson, Robert Louis"), "823.8"),
    ("The Jungle Book", 22_500, Some("Kipling, Rudyard"), "823.8"),
    ("Gulliver's Travels", 24_000, Some("Swift, Jonathan"), "823.5"),
    ("Around the World in Eighty Days", 21_000, Some("Verne, Jules"), "843.8"),
    ("Black Beauty", 18_500, Some("Sewell, Anna"), "823.8"),
    ("The Secret Garden", 20_000, Some("Burnett, Frances Hodgson"), "813.4"),
    ("Alice's Adventures in Wonderland", 17_500, Some("Carroll, Lewis"), "823.8"),
    ("Robinson Crusoe", 23_000, Some("Defoe, Daniel"), "823.5"),
    ("Atlas of the World", 89_900, None, "912"),
    ("Dictionary of Science", 64_900, None, "503"),
];
const COPIES: usize = 4;
/// Instruments with serial numbers.
const INSTRUMENTS: &[(&str, i64)] = &[("Microscope", 845_000), ("Electronic balance", 420_000)];
const INSTRUMENTS_EACH: usize = 5;
/// What their stock and serial numbers begin with.
const INSTRUMENT: &str = "LAB";
/// What is used up: name, what it is counted in, category and location, how many came, what one costs, how many left, at how many it is ordered again.
const SUPPLIES: &[(&str, &str, usize, i32, i64, i32, i32)] = &[
    ("Litmus paper", "pack", 1, 40, 9_500, 31, 10),
    ("Copper sulphate, 500 g", "bottle", 1, 12, 38_000, 3, 4),
    ("Test tubes", "piece", 1, 200, 1_200, 45, 50),
    ("Chalk, white", "box", 2, 120, 4_500, 98, 25),
    ("Notebooks, ruled", "piece", 2, 600, 3_200, 210, 100),
    ("Whiteboard markers", "piece", 2, 150, 2_500, 137, 20),
];

/// Rows as they come about. Movements are in the order in which things moved.
#[derive(Default)]
struct Rows {
    items: Vec<Value>,
    books: Vec<Value>,
    units: Vec<Value>,
    loans: Vec<Value>,
    reservations: Vec<Value>,
    repairs: Vec<Value>,
    takes: Vec<Value>,
    counts: Vec<Value>,
    movements: Vec<Value>,
}

struct Keeper<'r> {
    roster: &'r Roster,
    user: Uuid,
    rows: Rows,
}

/// What moves.
#[derive(Clone, Copy)]
struct Moved {
    item: Uuid,
    unit: Option<Uuid>,
    place: usize,
}

/// What else is known of a movement.
#[derive(Clone, Copy, Default)]
struct Note {
    party: Option<Uuid>,
    supplier: Option<Uuid>,
    class: Option<Uuid>,
    loan: Option<Uuid>,
    repair: Option<Uuid>,
    take: Option<Uuid>,
    purpose: Option<&'static str>,
    reason: Option<&'static str>,
}

impl Keeper<'_> {
    fn id(&self, kind: Kind, number: usize) -> Uuid {
        id(self.roster.spec.number, kind, number)
    }

    fn moves(&mut self, at: Timestamp, what: Moved, kind: &str, quantity: i32, value: i64, note: Note) {
        let row = json!({"item_id": what.item, "unit_id": what.unit, "location_id": self.id(Kind::StoreLocation, what.place + 1),
            "kind": kind, "quantity": quantity, "value_minor": value, "loan_id": note.loan, "repair_id": note.repair, "stock_take_id": note.take,
            "party_user_id": note.party, "supplier_id": note.supplier, "class_id": note.class, "purpose": note.purpose, "reason": note.reason,
            "moved_by": self.user, "moved_at": at, "created_at": at});
        self.rows.movements.push(row);
    }

    /// An item with units, all of which were bought at the beginning of the year.
    fn with_units(&mut self, number: usize, name: &str, cost: i64, place: usize, prefix: &str, count: usize) -> Vec<Moved> {
        let item = self.id(Kind::StoreItem, number);
        let bought = self.roster.dates.at(self.roster.dates.year.from, 9, 0);
        self.rows.items.push(json!({"id": item, "name": name, "kind": "asset", "unit": "piece", "sku": format!("{prefix}-{number:03}"),
            "barcode": barcode(number), "category_id": self.id(Kind::StoreCategory, place + 1), "supplier_id": self.id(Kind::Supplier, place + 1),
            "is_serialised": true, "reorder_level": 0, "replacement_cost_minor": cost, "currency": self.roster.spec.currency, "created_at": bought}));
        let supplier = Note { supplier: Some(self.id(Kind::Supplier, place + 1)), ..Note::default() };
        // Instruments were sold with two years of warranty.
        let warranty = (prefix == INSTRUMENT).then(|| self.roster.dates.year.from + Days::new(730));
        let mut units = Vec::new();
        for copy in 1..=count {
            let unit = self.id(Kind::StoreUnit, number * 100 + copy);
            self.rows.units.push(
                json!({"id": unit, "item_id": item, "serial_number": format!("{prefix}-{number:03}-{copy}"), "warranty_until": warranty,
                    "created_at": bought}),
            );
            let moved = Moved { item, unit: Some(unit), place };
            self.moves(bought, moved, "receive", 1, cost, supplier);
            units.push(moved);
        }
        units
    }

    /// A loan of two weeks, which may have come back.
    fn lends(&mut self, loan: usize, what: Moved, student: &Student, lent_on: NaiveDate, back_on: Option<NaiveDate>) {
        let (id, dates) = (self.id(Kind::Loan, loan), &self.roster.dates);
        let (lent, back) = (dates.at(lent_on, 11, 30), back_on.map(|day| dates.at(day, 13, 0)));
        let borrower = student.person.user;
        self.rows.loans.push(json!({"id": id, "item_id": what.item, "unit_id": what.unit, "location_id": self.id(Kind::StoreLocation, what.place + 1),
            "borrower_user_id": borrower, "student_id": student.id, "quantity": 1, "lent_at": lent, "due_on": lent_on + Days::new(14), "lent_by": self.user,
            "currency": self.roster.spec.currency, "penalty_per_day_minor": 200, "penalty_grace_days": 1, "penalty_cap_minor": 10_000,
            "state": if back.is_some() { "returned" } else { "open" }, "returned_at": back, "closed_by": back.map(|_| self.user),
            "penalty_minor": back.map(|_| 0), "lost_at": null, "renewals": 0, "created_at": lent}));
        let note = Note { loan: Some(id), party: Some(borrower), ..Note::default() };
        self.moves(lent, what, "loan", -1, 0, note);
        if let Some(back) = back {
            self.moves(back, what, "loan_return", 1, 0, note);
        }
    }

    /// A copy that a teacher lost, and pays for at the office.
    fn loses(&mut self, loan: usize, what: Moved, cost: i64, teacher: Uuid, lent_on: NaiveDate, lost_on: NaiveDate) {
        let (id, dates) = (self.id(Kind::Loan, loan), &self.roster.dates);
        let (lent, lost) = (dates.at(lent_on, 11, 30), dates.at(lost_on, 13, 0));
        self.rows.loans.push(json!({"id": id, "item_id": what.item, "unit_id": what.unit, "location_id": self.id(Kind::StoreLocation, what.place + 1),
            "borrower_user_id": teacher, "student_id": null, "quantity": 1, "lent_at": lent, "due_on": lent_on + Days::new(14), "lent_by": self.user,
            "currency": self.roster.spec.currency, "penalty_per_day_minor": 200, "penalty_grace_days": 1, "penalty_cap_minor": 10_000, "state": "lost",
            "returned_at": null, "closed_by": self.user, "penalty_minor": cost, "lost_at": lost, "renewals": 0, "created_at": lent}));
        let note = Note { loan: Some(id), party: Some(teacher), ..Note::default() };
        self.moves(lent, what, "loan", -1, 0, note);
        self.moves(lost, what, "loan_return", 1, 0, Note { reason: Some("Left on a train"), ..note });
        self.moves(lost, what, "write_off", -1, -cost, Note { party: Some(teacher), reason: Some("Left on a train"), ..Note::default() });
    }

    /// A repair, which may be over; then with what it cost.
    fn repairs(&mut self, number: usize, what: Moved, problem: &str, sent: NaiveDate, back: Option<(NaiveDate, i64)>) {
        let (id, dates) = (self.id(Kind::StoreRepair, number), &self.roster.dates);
        let (sent, finished) = (dates.at(sent, 14, 0), back.map(|(day, _)| dates.at(day, 10, 0)));
        let supplier = self.id(Kind::Supplier, what.place + 1);
        self.rows.repairs.push(
            json!({"id": id, "item_id": what.item, "unit_id": what.unit, "location_id": self.id(Kind::StoreLocation, what.place + 1),
            "quantity": 1, "problem": problem, "supplier_id": supplier, "state": if back.is_some() { "repaired" } else { "open" },
            "cost_minor": back.map(|(_, cost)| cost), "sent_at": sent, "sent_by": self.user, "finished_at": finished,
            "finished_by": finished.map(|_| self.user), "created_at": sent}),
        );
        let note = Note { repair: Some(id), ..Note::default() };
        self.moves(sent, what, "repair", -1, 0, Note { supplier: Some(supplier), ..note });
        if let Some(finished) = finished {
            self.moves(finished, what, "repair_return", 1, 0, note);
        }
    }
}

/// A number for use within the school (GS1 prefix 20), with its check digit.
fn barcode(number: usize) -> String {
    let digits = format!("20{number:010}");
    let weighted = digits.bytes().rev().zip([3, 1].into_iter().cycle()).map(|(digit, weight)| u32::from(digit - b'0') * weight);
    format!("{digits}{}", (10 - weighted.sum::<u32>() % 10) % 10)
}

/// Everything of the library and the stores.
pub(crate) async fn write(transaction: &mut SchoolTransaction, roster: &Roster) -> anyhow::Result<()> {
    let number = roster.spec.number;
    let librarian = roster.staff.iter().find(|member| member.position == LIBRARIAN).or(roster.staff.first());
    let user = librarian.map(|member| member.person.user).context("a school has staff")?;
    let mut keeper = Keeper { roster, user, rows: Rows::default() };
    let mut copies = Vec::new();
    for (place, (name, cost, author, call_number)) in TITLES.iter().enumerate() {
        copies.extend(keeper.with_units(place + 1, name, *cost, 0, "LIB", COPIES));
        let item = keeper.id(Kind::StoreItem, place + 1);
        keeper.rows.books.push(json!({"item_id": item, "author": author, "language": "eng", "call_number": call_number, "subjects": []}));
    }
    let mut instruments = Vec::new();
    for (place, (name, cost)) in INSTRUMENTS.iter().enumerate() {
        instruments.extend(keeper.with_units(TITLES.len() + place + 1, name, *cost, 1, INSTRUMENT, INSTRUMENTS_EACH));
    }
    supplies(&mut keeper);
    loans(&mut keeper, &copies);
    mishaps(&mut keeper, &copies, &instruments);
    reservations(&mut keeper);
    stock_take(&mut keeper);
    let Rows { items, books, units, loans, reservations, repairs, takes, counts, mut movements } = keeper.rows;
    // Things move in the order of time, and what moves at the same time in the order in which it was said.
    movements.sort_by_key(|row| row.get("moved_at").and_then(Value::as_str).map(str::to_owned));
    let mut ids = Ids::of(number, Kind::StockMovement);
    for movement in movements.iter_mut().filter_map(Value::as_object_mut) {
        movement.insert("id".to_owned(), json!(ids.next()));
    }
    let named = |names: [&'static str; 3], kind: Kind| {
        names.into_iter().enumerate().map(move |(place, name)| json!({"id": id(number, kind, place + 1), "name": name})).collect::<Vec<_>>()
    };
    let suppliers = SUPPLIERS.iter().enumerate().map(|(place, (name, email))| {
        json!({"id": id(number, Kind::Supplier, place + 1), "name": name, "contact": "Orders desk", "email": email})
    });
    let suppliers: Vec<Value> = suppliers.collect();
    let mut categories = named(CATEGORIES, Kind::StoreCategory);
    for (category, (penalty, cap)) in categories.iter_mut().zip([(200, Some(10_000)), (1_000, Some(100_000)), (0, None)]) {
        if let Some(row) = category.as_object_mut() {
            let terms = [("loan_days", json!(14)), ("max_renewals", json!(2)), ("hold_days", json!(3)), ("penalty_grace_days", json!(1))];
            row.extend(terms.map(|(name, value)| (name.to_owned(), value)));
            row.insert("penalty_per_day_minor".to_owned(), json!(penalty));
            row.insert("penalty_cap_minor".to_owned(), json!(cap));
        }
    }
    let (school, now) = (roster.school, roster.dates.now);
    let connection = transaction.connection()?;
    school_rows(connection, school, now, "inventory_categories", &categories).await?;
    school_rows(connection, school, now, "inventory_suppliers", &suppliers).await?;
    school_rows(connection, school, now, "inventory_locations", &named(LOCATIONS, Kind::StoreLocation)).await?;
    school_rows(connection, school, now, "inventory_keepers", &keepers(roster)).await?;
    school_rows(connection, school, now, "inventory_items", &items).await?;
    school_rows(connection, school, now, "inventory_books", &books).await?;
    school_rows(connection, school, now, "inventory_units", &units).await?;
    school_rows(connection, school, now, "inventory_loans", &loans).await?;
    school_rows(connection, school, now, "inventory_reservations", &reservations).await?;
    school_rows(connection, school, now, "inventory_repairs", &repairs).await?;
    school_rows(connection, school, now, "inventory_stock_takes", &takes).await?;
    school_rows(connection, school, now, "inventory_counts", &counts).await?;
    school_rows(connection, school, now, "stock_movements", &movements).await?;
    // What was counted can't be entered for a stock-take that is over.
    let post = "UPDATE inventory_stock_takes SET state = 'posted', finished_at = started_at + interval '2 hours', finished_by = started_by,
        version = version + 1, updated_at = started_at + interval '2 hours' WHERE school_id = $1";
    sqlx::query(post).bind(school).execute(connection).await.context("can't post the stock-take")?;
    Ok(())
}

/// Who keeps what. The office's first member of staff, whose login is documented, keeps everything.
fn keepers(roster: &Roster) -> Vec<Value> {
    let of = |position: &str| roster.staff.iter().find(|member| member.position == position);
    let places = [(of(LIBRARIAN), 1), (of(LAB_ASSISTANT), 2), (of(STORE_KEEPER), 3)];
    let place = |number| Some(id(roster.spec.number, Kind::StoreLocation, number));
    let everything = roster.staff.first().map(|member| (member, None));
    let kept = places.into_iter().filter_map(|(member, number)| Some((member?, place(number)))).chain(everything);
    let row = |(number, (member, place)): (usize, (&StaffMember, Option<Uuid>))| {
        json!({"id": id(roster.spec.number, Kind::StoreKeeper, number + 1), "user_id": member.person.user, "location_id": place,
            "appointed_by": roster.admin.user})
    };
    kept.enumerate().map(row).collect()
}

fn supplies(keeper: &mut Keeper<'_>) {
    let bought = keeper.roster.dates.at(keeper.roster.dates.year.from, 9, 30);
    let used = keeper.roster.dates.now - Duration::days(2);
    let class = keeper.roster.classes.first().map(|class| class.id);
    for (place, (name, unit, group, came, cost, left, reorder)) in SUPPLIES.iter().enumerate() {
        let number = 50 + place;
        let item = keeper.id(Kind::StoreItem, number);
        keeper.rows.items.push(json!({"id": item, "name": name, "kind": "consumable", "unit": unit, "sku": format!("SUP-{number:03}"),
            "barcode": barcode(number), "category_id": keeper.id(Kind::StoreCategory, group + 1), "supplier_id": keeper.id(Kind::Supplier, group + 1),
            "is_serialised": false, "reorder_level": reorder, "replacement_cost_minor": null, "currency": keeper.roster.spec.currency, "created_at": bought}));
        let moved = Moved { item, unit: None, place: *group };
        let supplier = Note { supplier: Some(keeper.id(Kind::Supplier, group + 1)), ..Note::default() };
        keeper.moves(bought, moved, "receive", *came, i64::from(*came) * cost, supplier);
        // The laboratory's went to lessons of one class, the others to all of them.
        let class = class.filter(|_| *group == 1);
        let purpose = if class.is_some() { "Practical lessons" } else { "Classrooms" };
        keeper.moves(used, moved, "issue", -left, -i64::from(*left) * cost, Note { class, purpose: Some(purpose), ..Note::default() });
    }
}

/// Some came back, some are out, some are overdue. The documented student has one of those that are out.
fn loans(keeper: &mut Keeper<'_>, copies: &[Moved]) {
    let roster = keeper.roster;
    let today = roster.dates.today;
    let mut random = Random::of(roster.spec.number, "loans");
    let documented = roster.spec.known.map(|known| known.student);
    let known = roster.students().map(|(_, student)| student).find(|student| Some(student.person.email.as_str()) == documented);
    let step = (roster.spec.students / 24).max(1);
    let readers: Vec<&Student> = known.into_iter().chain(roster.students().map(|(_, student)| student).step_by(step)).take(20).collect();
    let ago = |days: u32| today - Days::new(days.into());
    for (number, (student, copy)) in readers.into_iter().zip(copies.iter().step_by(2)).enumerate() {
        let (lent, back) = match number % 4 {
            0 => (ago(random.between(3, 10)), None),
            1 => (ago(random.between(17, 26)), None),
            _ => {
                let lent = ago(random.between(20, 40));
                (lent, Some(lent + Days::new(random.between(2, 13).into())))
            }
        };
        keeper.lends(number + 1, *copy, student, lent, back);
    }
}

/// What happens to things: one is lost, one written off, one away to be mended and one back from there, and one was handed out, under warranty.
fn mishaps(keeper: &mut Keeper<'_>, copies: &[Moved], instruments: &[Moved]) {
    let roster = keeper.roster;
    let ago = |days: u64| roster.dates.today - Days::new(days);
    let Some(teacher) = roster.teachers.first().map(|teacher| teacher.person.user) else { return };
    // Every other copy is lent or was; these are of the others.
    if let [_, lost, _, torn, ..] = copies {
        let cost = TITLES.first().map_or(0, |(_, cost, ..)| *cost);
        keeper.loses(LOST_LOAN, *lost, cost, teacher, ago(19), ago(8));
        let note = Note { reason: Some("Torn beyond use"), ..Note::default() };
        keeper.moves(roster.dates.at(ago(12), 15, 0), *torn, "write_off", -1, -cost, note);
    }
    if let [away, mended, ..] = instruments {
        keeper.repairs(1, *away, "The fine focus slips", ago(6), None);
        keeper.repairs(2, *mended, "The lamp is dark", ago(45), Some((ago(31), 65_000)));
    }
    if let (Some(balance), Some((_, cost))) = (instruments.last(), INSTRUMENTS.last()) {
        let note = Note { party: Some(teacher), purpose: Some("Science fair"), ..Note::default() };
        keeper.moves(roster.dates.at(ago(20), 9, 15), *balance, "issue", -1, -cost, note);
    }
}

/// The number of the loan that did not come back; the others have lower ones.
const LOST_LOAN: usize = 90;

/// Two who wait: for one an atlas is kept, and one did not fetch theirs.
fn reservations(keeper: &mut Keeper<'_>) {
    let roster = keeper.roster;
    let (now, today) = (roster.dates.now, roster.dates.today);
    let atlas = keeper.id(Kind::StoreItem, 9);
    for (number, ((_, student), (state, days_ago))) in roster.students().skip(2).zip([("ready", 1), ("expired", 30)]).enumerate() {
        let since = now - Duration::days(days_ago);
        keeper.rows.reservations.push(json!({"id": keeper.id(Kind::StoreReservation, number + 1), "item_id": atlas,
            "borrower_user_id": student.person.user, "student_id": student.id, "state": state, "expires_on": today + Days::new(60),
            "held_until": since + Duration::days(3), "reserved_by": keeper.user, "version": if state == "ready" { 2 } else { 3 }, "created_at": since}));
    }
}

/// The store room was counted three weeks ago: two boxes of chalk were missing.
fn stock_take(keeper: &mut Keeper<'_>) {
    let roster = keeper.roster;
    let at = roster.dates.at(roster.dates.today - Days::new(21), 8, 0);
    let (take, place) = (keeper.id(Kind::StoreTake, 1), 2);
    keeper.rows.takes.push(json!({"id": take, "location_id": keeper.id(Kind::StoreLocation, place + 1), "note": "Quarterly count",
        "started_by": keeper.user, "started_at": at, "created_at": at}));
    let here = SUPPLIES.iter().enumerate().filter(|(_, supply)| supply.2 == place);
    for (line, (number, (name, _, _, came, cost, ..))) in here.enumerate() {
        let missing = if name.starts_with("Chalk") { 2 } else { 0 };
        let item = keeper.id(Kind::StoreItem, 50 + number);
        let counted_at = at + Duration::minutes(20);
        keeper
            .rows
            .counts
            .push(json!({"id": keeper.id(Kind::StoreCount, line + 1), "stock_take_id": take, "item_id": item, "expected": came,
            "counted": came - missing, "counted_at": counted_at, "counted_by": keeper.user, "created_at": counted_at}));
        if missing > 0 {
            let note = Note { take: Some(take), reason: Some("Stock-take"), ..Note::default() };
            keeper.moves(at + Duration::hours(2), Moved { item, unit: None, place }, "adjust", -missing, -i64::from(missing) * cost, note);
        }
    }
}
