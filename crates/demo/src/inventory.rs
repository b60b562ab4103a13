//! A small library and a laboratory store: titles with their copies, instruments, things that are used up and partly run out, and who has borrowed what.

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
const SUPPLIERS: [&str; 3] = ["City Book House", "Lens and Beaker", "Paper and Pen Mart"];
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

impl Keeper<'_> {
    fn id(&self, kind: Kind, number: usize) -> Uuid {
        id(self.roster.spec.number, kind, number)
    }

    fn moves(&mut self, at: Timestamp, what: Moved, kind: &str, quantity: i32, value: i64, loan: Option<(Uuid, Uuid)>) {
        let row = json!({"item_id": what.item, "unit_id": what.unit, "location_id": self.id(Kind::StoreLocation, what.place + 1),
            "kind": kind, "quantity": quantity, "value_minor": value, "loan_id": loan.map(|(loan, _)| loan),
            "party_user_id": loan.map(|(_, borrower)| borrower), "moved_by": self.user, "moved_at": at, "created_at": at});
        self.rows.movements.push(row);
    }

    /// An item with units, all of which were bought at the beginning of the year.
    fn with_units(&mut self, number: usize, name: &str, cost: i64, place: usize, prefix: &str, count: usize) -> Vec<Moved> {
        let item = self.id(Kind::StoreItem, number);
        let bought = self.roster.dates.at(self.roster.dates.year.from, 9, 0);
        self.rows.items.push(json!({"id": item, "name": name, "kind": "asset", "unit": "piece", "sku": format!("{prefix}-{number:03}"),
            "barcode": barcode(number), "category_id": self.id(Kind::StoreCategory, place + 1), "supplier_id": self.id(Kind::Supplier, place + 1),
            "is_serialised": true, "reorder_level": 0, "replacement_cost_minor": cost, "currency": self.roster.spec.currency, "created_at": bought}));
        let mut units = Vec::new();
        for copy in 1..=count {
            let unit = self.id(Kind::StoreUnit, number * 100 + copy);
            self.rows
                .units
                .push(json!({"id": unit, "item_id": item, "serial_number": format!("{prefix}-{number:03}-{copy}"), "created_at": bought}));
            let moved = Moved { item, unit: Some(unit), place };
            self.moves(bought, moved, "receive", 1, cost, None);
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
            "penalty_minor": back.map(|_| 0), "renewals": 0, "created_at": lent}));
        self.moves(lent, what, "loan", -1, 0, Some((id, borrower)));
        if let Some(back) = back {
            self.moves(back, what, "loan_return", 1, 0, Some((id, borrower)));
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
    for (place, (name, cost)) in INSTRUMENTS.iter().enumerate() {
        keeper.with_units(TITLES.len() + place + 1, name, *cost, 1, "LAB", INSTRUMENTS_EACH);
    }
    supplies(&mut keeper);
    loans(&mut keeper, &copies);
    let Rows { items, books, units, loans, mut movements } = keeper.rows;
    // Things move in the order of time, and what moves at the same time in the order in which it was said.
    movements.sort_by_key(|row| row.get("moved_at").and_then(Value::as_str).map(str::to_owned));
    let mut ids = Ids::of(number, Kind::StockMovement);
    for movement in movements.iter_mut().filter_map(Value::as_object_mut) {
        movement.insert("id".to_owned(), json!(ids.next()));
    }
    let named = |names: [&'static str; 3], kind: Kind| {
        names.into_iter().enumerate().map(move |(place, name)| json!({"id": id(number, kind, place + 1), "name": name})).collect::<Vec<_>>()
    };
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
    school_rows(connection, school, now, "inventory_suppliers", &named(SUPPLIERS, Kind::Supplier)).await?;
    school_rows(connection, school, now, "inventory_locations", &named(LOCATIONS, Kind::StoreLocation)).await?;
    school_rows(connection, school, now, "inventory_keepers", &keepers(roster)).await?;
    school_rows(connection, school, now, "inventory_items", &items).await?;
    school_rows(connection, school, now, "inventory_books", &books).await?;
    school_rows(connection, school, now, "inventory_units", &units).await?;
    school_rows(connection, school, now, "inventory_loans", &loans).await?;
    school_rows(connection, school, now, "stock_movements", &movements).await
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
    for (place, (name, unit, group, came, cost, left, reorder)) in SUPPLIES.iter().enumerate() {
        let number = 50 + place;
        let item = keeper.id(Kind::StoreItem, number);
        keeper.rows.items.push(json!({"id": item, "name": name, "kind": "consumable", "unit": unit, "sku": format!("SUP-{number:03}"),
            "barcode": barcode(number), "category_id": keeper.id(Kind::StoreCategory, group + 1), "supplier_id": keeper.id(Kind::Supplier, group + 1),
            "is_serialised": false, "reorder_level": reorder, "replacement_cost_minor": null, "currency": keeper.roster.spec.currency, "created_at": bought}));
        let moved = Moved { item, unit: None, place: *group };
        keeper.moves(bought, moved, "receive", *came, i64::from(*came) * cost, None);
        keeper.moves(used, moved, "issue", -left, -i64::from(*left) * cost, None);
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
