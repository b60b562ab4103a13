//! The books of one item, held while something moves. Whoever opens them queues up behind whoever has them open: what is checked here still holds when it is
//! written. The database checks all of it again. Who has opened them closes them: only then is it told what ran low, and is kept what somebody waits for.

use chrono::NaiveDate;
use domain::{Actor, Fault, InventoryItemId, InventoryLocationId, Role, Text, Timestamp, UserId};
use serde::Deserialize;
use service_kit::{Kind as ProblemKind, MayHold, Platform, Problem};
use sqlx::types::Json;
use store::SchoolTransaction;
use store::entity::inventory_locations;
use uuid::Uuid;

use super::entries::{self, Common, Entry};
use super::{Note, refuse, require_keeper};
use crate::desk::Desk;
use crate::events;
use crate::model::movement::{Kind, Movement};
use crate::model::queue::free_for;
use crate::model::valuation::{MOST_PIECES, Valuation, shares};

/// The most pieces in one movement.
const MOST_MOVED: i32 = 1_000_000;
/// The most units in one request.
const MOST_UNITS: usize = 200;

/// What moves: so many pieces, or these units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pieces {
    Count(i32),
    Units(Vec<Uuid>),
}

impl Pieces {
    /// How many.
    pub(crate) fn count(&self) -> i32 {
        match self {
            Self::Count(count) => *count,
            Self::Units(units) => i32::try_from(units.len()).unwrap_or(i32::MAX),
        }
    }

    /// As a loan or a repair has it: one unit, or some pieces.
    pub(crate) fn of(unit: Option<Uuid>, quantity: i32) -> Self {
        unit.map_or(Self::Count(quantity), |unit| Self::Units(vec![unit]))
    }
}

/// What the books have to know of their item.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Kept {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) is_serialised: bool,
    pub(crate) reorder_level: i32,
    pub(crate) replacement_cost_minor: Option<i64>,
    pub(crate) currency: String,
    pub(crate) category_id: Option<Uuid>,
    pub(crate) supplier_id: Option<Uuid>,
}

/// An item and its books, open.
pub(crate) struct Books<'t> {
    pub(crate) transaction: &'t mut SchoolTransaction,
    pub(crate) item: Kept,
    /// Who has them open; nobody, when time itself does something.
    pub(crate) actor: Option<Actor>,
    pub(crate) now: Timestamp,
    pub(crate) today: NaiveDate,
    valuation: Valuation,
    /// How many were on all shelves together when they were opened, and how many are now.
    opened_with: i32,
    there: i32,
}

impl<'t> Books<'t> {
    /// Opens the books of `item`; a fault at `pointer` if there is no such item.
    pub(crate) async fn open<P: MayHold>(
        desk: &Desk<P>,
        transaction: &'t mut SchoolTransaction,
        pointer: &str,
        item: InventoryItemId,
    ) -> Result<Self, Problem> {
        Self::open_for(desk.platform(), transaction, pointer, item, Some(desk.caller().actor())).await
    }

    /// The same, for whoever is at no desk.
    pub(crate) async fn open_for(
        platform: &Platform,
        transaction: &'t mut SchoolTransaction,
        pointer: &str,
        item: InventoryItemId,
        actor: Option<Actor>,
    ) -> Result<Self, Problem> {
        let school = transaction.school_id().as_uuid();
        let lock = "SELECT quantity, value_minor FROM inventory_valuations WHERE school_id = $1 AND item_id = $2 FOR UPDATE";
        let held: Option<(i32, i64)> =
            sqlx::query_as(lock).bind(school).bind(item.as_uuid()).fetch_optional(transaction.connection()?).await.map_err(refuse)?;
        let Some((quantity, value)) = held else {
            return Err(Problem::invalid(vec![Fault::new(pointer, "there is no such item in this school")]));
        };
        // The time is read once the books are open: times of an item's movements are in the order in which they happened. So is the rest: joined to the lock, it
        // would be as it was before the lock was waited for.
        let now = platform.clock().now();
        let query = "SELECT to_jsonb(i), ($3 AT TIME ZONE o.time_zone)::date,
                (SELECT coalesce(sum(s.on_hand), 0)::int FROM inventory_stock s WHERE s.school_id = i.school_id AND s.item_id = i.id)
            FROM inventory_items i JOIN schools o ON o.id = i.school_id WHERE i.school_id = $1 AND i.id = $2";
        let (Json(item), today, there): (Json<Kept>, NaiveDate, i32) =
            sqlx::query_as(query).bind(school).bind(item.as_uuid()).bind(now).fetch_one(transaction.connection()?).await.map_err(refuse)?;
        Ok(Self { item, actor, now, today, valuation: Valuation::new(quantity, value), opened_with: there, there, transaction })
    }

    /// As if they had been opened before so many came, or, below zero, went: for what was entered for many items at once.
    pub(crate) fn before(mut self, moved: i32) -> Self {
        self.opened_with = self.there.saturating_sub(moved);
        self
    }

    /// Closes the books. What came and went between opening and closing made no difference: `stock:low` is told if there are no more than the reorder level now and
    /// there were then, and the queue is settled by what is there now.
    pub(crate) async fn close(mut self) -> Result<(), Problem> {
        let level = self.item.reorder_level;
        if level > 0 && self.there <= level && level < self.opened_with {
            let left = self.there;
            events::stock_low(&mut self, left).await?;
        }
        self.settle_queue().await
    }

    /// Who has the books open. What has to say who did it is refused by the tables where nobody did.
    pub(crate) fn by(&self) -> Uuid {
        self.actor.map_or(Uuid::nil(), |actor| actor.user_id.as_uuid())
    }

    /// What is owned and what it is worth.
    pub(crate) const fn valuation(&self) -> Valuation {
        self.valuation
    }

    /// 409 if nothing new is to happen with the item.
    pub(crate) fn require_active(&self) -> Result<(), Problem> {
        if self.item.status == "active" {
            return Ok(());
        }
        Err(Problem::conflict(ProblemKind::Conflict, "The item is inactive.").with_faults(vec![Fault::new("/item_id", "is inactive")]))
    }

    /// What a request names: pieces by their number, units by their serial numbers. Units that are named must be there.
    pub(crate) async fn pieces(&mut self, quantity: Option<i32>, serials: Option<&[Text<64>]>) -> Result<Pieces, Problem> {
        let fault = |pointer: &str, detail: String| Err(Problem::invalid(vec![Fault::new(pointer, detail)]));
        if !self.item.is_serialised {
            return match (quantity, serials) {
                (_, Some(_)) => fault("/serial_numbers", "the item has no serial numbers; give a quantity".to_owned()),
                (Some(quantity), None) if (1..=MOST_MOVED).contains(&quantity) => Ok(Pieces::Count(quantity)),
                _ => fault("/quantity", format!("must be from 1 to {MOST_MOVED}")),
            };
        }
        let serials = serials.unwrap_or_default();
        check_serials(quantity, serials)?;
        let names: Vec<&str> = serials.iter().map(Text::as_str).collect();
        let query = "SELECT u.id FROM unnest($3::text[]) WITH ORDINALITY AS n (serial, place)
                     LEFT JOIN inventory_units u ON u.school_id = $1 AND u.item_id = $2 AND u.serial_number = n.serial ORDER BY n.place";
        let found: Vec<Option<Uuid>> = sqlx::query_scalar(query)
            .bind(self.transaction.school_id().as_uuid())
            .bind(self.item.id)
            .bind(names)
            .fetch_all(self.transaction.connection()?)
            .await
            .map_err(refuse)?;
        let missing = found.iter().enumerate().filter(|(_, unit)| unit.is_none());
        let faults: Vec<Fault> =
            missing.map(|(place, _)| Fault::new(format!("/serial_numbers/{place}"), "is of no unit of this item")).collect();
        if faults.is_empty() { Ok(Pieces::Units(found.into_iter().flatten().collect())) } else { Err(Problem::invalid(faults)) }
    }

    /// New units under `serials`, or so many new pieces.
    pub(crate) async fn new_pieces(
        &mut self,
        quantity: Option<i32>,
        serials: Option<&[Text<64>]>,
        warranty_until: Option<NaiveDate>,
    ) -> Result<Pieces, Problem> {
        if !self.item.is_serialised {
            return self.pieces(quantity, serials).await;
        }
        let serials = serials.unwrap_or_default();
        check_serials(quantity, serials)?;
        let names: Vec<&str> = serials.iter().map(Text::as_str).collect();
        let ids: Vec<Uuid> = serials.iter().map(|_| Uuid::now_v7()).collect();
        let insert = "INSERT INTO inventory_units (school_id, id, item_id, serial_number, warranty_until, created_at, updated_at)
                      SELECT $1, n.id, $2, n.serial, $5, $6, $6 FROM unnest($3::uuid[], $4::text[]) AS n (id, serial)";
        sqlx::query(insert)
            .bind(self.transaction.school_id().as_uuid())
            .bind(self.item.id)
            .bind(&ids)
            .bind(names)
            .bind(warranty_until)
            .bind(self.now)
            .execute(self.transaction.connection()?)
            .await
            .map_err(refuse)?;
        Ok(Pieces::Units(ids))
    }

    /// How many are on all shelves together.
    pub(super) const fn there(&self) -> i32 {
        self.there
    }

    /// How many are at a place.
    async fn on_hand(&mut self, place: InventoryLocationId) -> Result<i32, Problem> {
        let query = "SELECT coalesce(sum(on_hand), 0)::int FROM inventory_stock WHERE school_id = $1 AND item_id = $2 AND location_id = $3";
        sqlx::query_scalar(query)
            .bind(self.transaction.school_id().as_uuid())
            .bind(self.item.id)
            .bind(place.as_uuid())
            .fetch_one(self.transaction.connection()?)
            .await
            .map_err(refuse)
    }

    /// 409 if `count` pieces are not free for `who`: some are kept for those who wait for them.
    pub(crate) async fn require_free(&mut self, count: i32, who: Option<UserId>) -> Result<(), Problem> {
        let places = self.queue().await?;
        if places.is_empty() {
            return Ok(());
        }
        let there = self.there;
        let free = free_for(&places, there, who.map_or(Uuid::nil(), UserId::as_uuid), self.now, self.today);
        // What is not there at all is told apart from what is kept for somebody.
        if count <= free || count > there {
            return Ok(());
        }
        Err(short("/quantity", &format!("{free} of it are free; the others are kept for those who wait for them")))
    }

    /// Takes pieces away from a place. They must be there.
    pub(crate) async fn take(
        &mut self,
        from: InventoryLocationId,
        pieces: &Pieces,
        kind: Kind,
        note: &Note,
    ) -> Result<Vec<Movement>, Problem> {
        match pieces {
            Pieces::Count(count) => {
                let there = self.on_hand(from).await?;
                if there < *count {
                    return Err(short("/quantity", &format!("{there} of it are at this location")));
                }
            }
            Pieces::Units(units) => self.require_there(from, units).await?,
        }
        let mut value = 0;
        if kind.changes_ownership() {
            let taken = self.valuation.without(pieces.count());
            (self.valuation, value) = taken.ok_or_else(|| short("/quantity", "the school does not own so many"))?;
        }
        self.enter(from, pieces, kind, -1, value, note).await
    }

    /// Puts pieces to a place; what is owned from now on is worth `value_minor`.
    pub(crate) async fn put(
        &mut self,
        to: InventoryLocationId,
        pieces: &Pieces,
        kind: Kind,
        value_minor: i64,
        note: &Note,
    ) -> Result<Vec<Movement>, Problem> {
        let there = self.on_hand(to).await?;
        let fits = there.checked_add(pieces.count()).is_some_and(|sum| sum <= MOST_PIECES);
        if kind.changes_ownership() {
            let with = self.valuation.with(pieces.count(), value_minor);
            self.valuation = with.ok_or_else(|| short("/quantity", "more than can be kept in the books"))?;
        } else if !fits {
            return Err(short("/quantity", "more than can be kept in the books"));
        }
        self.enter(to, pieces, kind, 1, value_minor, note).await
    }

    async fn require_there(&mut self, place: InventoryLocationId, units: &[Uuid]) -> Result<(), Problem> {
        let query = "SELECT id FROM inventory_units WHERE school_id = $1 AND id = ANY($2) AND location_id = $3";
        let there: Vec<Uuid> = sqlx::query_scalar(query)
            .bind(self.transaction.school_id().as_uuid())
            .bind(units)
            .bind(place.as_uuid())
            .fetch_all(self.transaction.connection()?)
            .await
            .map_err(refuse)?;
        let away = units.iter().enumerate().filter(|(_, unit)| !there.contains(unit));
        let faults: Vec<Fault> =
            away.map(|(at, _)| Fault::new(format!("/serial_numbers/{at}"), "is of a unit that is not at this location")).collect();
        if faults.is_empty() {
            return Ok(());
        }
        Err(Problem::conflict(ProblemKind::Conflict, "A unit is not where it is to be taken from.").with_faults(faults))
    }

    async fn enter(
        &mut self,
        place: InventoryLocationId,
        pieces: &Pieces,
        kind: Kind,
        sign: i32,
        value: i64,
        note: &Note,
    ) -> Result<Vec<Movement>, Problem> {
        // A transfer may bring things to a place that somebody else keeps; taking them from there is another matter.
        if let Some(actor) = self.actor.filter(|actor| actor.role == Role::Staff && kind != Kind::TransferIn) {
            require_keeper(self.transaction, actor.user_id, Some(place)).await?;
        }
        let item = self.item.id;
        let entry = |unit, quantity: i32, value: i64| Entry { item, unit, quantity: sign * quantity, value_minor: i64::from(sign) * value };
        let lines: Vec<Entry> = match pieces {
            Pieces::Count(count) => vec![entry(None, *count, value)],
            Pieces::Units(units) => {
                units.iter().zip(shares(value, units.len())).map(|(unit, value)| entry(Some(*unit), 1, value)).collect()
            }
        };
        let common = Common { place, kind, note, by: self.by(), at: self.now };
        let movements = entries::enter(self.transaction, common, &lines).await?;
        self.there = self.there.saturating_add(sign * pieces.count());
        Ok(movements)
    }

    /// A place that things can be put to.
    pub(crate) async fn open_place(&self, pointer: &str, place: InventoryLocationId) -> Result<(), Problem> {
        let mut references = records::References::default();
        references.get::<inventory_locations::Entity>(self.transaction, pointer, place.as_uuid()).await?;
        references.settle()
    }
}

fn short(pointer: &str, detail: &str) -> Problem {
    Problem::conflict(ProblemKind::Conflict, format!("That is not possible: {detail}.")).with_faults(vec![Fault::new(pointer, detail)])
}

fn check_serials(quantity: Option<i32>, serials: &[Text<64>]) -> Result<(), Problem> {
    let mut faults = Vec::new();
    if !(1..=MOST_UNITS).contains(&serials.len()) {
        faults.push(Fault::new("/serial_numbers", format!("must name 1 to {MOST_UNITS} units of the item")));
    } else if quantity.is_some_and(|quantity| usize::try_from(quantity) != Ok(serials.len())) {
        faults.push(Fault::new("/quantity", "must be the number of serial numbers, or be left out"));
    }
    let repeated = serials.iter().enumerate().filter(|(at, serial)| serials.iter().take(*at).any(|other| other == *serial));
    faults.extend(repeated.map(|(at, _)| Fault::new(format!("/serial_numbers/{at}"), "is given a second time")));
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}
