//! The books of one item, held while something moves. Whoever opens them queues up behind whoever has them open: what is checked here still holds when it is
//! written. The database checks all of it again.

use chrono::NaiveDate;
use domain::{Actor, Fault, InventoryItemId, InventoryLocationId, MovementId, Role, SupplierId, Text, Timestamp, UserId};
use records::rows;
use service_kit::{Kind as ProblemKind, MayHold, Platform, Problem};
use sqlx::types::Json;
use store::SchoolTransaction;
use store::entity::{inventory_items, inventory_locations};
use uuid::Uuid;

use super::{refuse, require_keeper, school_day};
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

/// What else is known about a movement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Note {
    pub(crate) unit_cost_minor: Option<i64>,
    pub(crate) transfer: Option<Uuid>,
    pub(crate) loan: Option<Uuid>,
    pub(crate) repair: Option<Uuid>,
    pub(crate) returns: Option<Uuid>,
    pub(crate) supplier: Option<SupplierId>,
    pub(crate) party: Option<UserId>,
    pub(crate) reason: Option<String>,
}

/// An item and its books, open.
pub(crate) struct Books<'t> {
    pub(crate) transaction: &'t mut SchoolTransaction,
    pub(crate) item: inventory_items::Model,
    /// Who has them open; nobody, when time itself does something.
    pub(crate) actor: Option<Actor>,
    pub(crate) now: Timestamp,
    pub(crate) today: NaiveDate,
    valuation: Valuation,
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
        let item = rows::find::<inventory_items::Entity>(transaction, item.as_uuid()).await?;
        // The time is read once the books are open: times of an item's movements are in the order in which they happened.
        let now = platform.clock().now();
        let today = school_day(transaction, now).await?;
        Ok(Self { item, actor, now, today, valuation: Valuation::new(quantity, value), transaction })
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

    /// How many are at a place; none means all places together.
    pub(crate) async fn on_hand(&mut self, place: Option<InventoryLocationId>) -> Result<i32, Problem> {
        let query = "SELECT coalesce(sum(on_hand), 0)::int FROM inventory_stock WHERE school_id = $1 AND item_id = $2 AND ($3::uuid IS NULL OR location_id = $3)";
        sqlx::query_scalar(query)
            .bind(self.transaction.school_id().as_uuid())
            .bind(self.item.id)
            .bind(place.map(InventoryLocationId::as_uuid))
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
        let there = self.on_hand(None).await?;
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
                let there = self.on_hand(Some(from)).await?;
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
        let movements = self.enter(from, pieces, kind, -1, value, note).await?;
        if kind != Kind::TransferOut && self.item.reorder_level > 0 {
            let left = self.on_hand(None).await?;
            let level = self.item.reorder_level;
            if left <= level && level < left.saturating_add(pieces.count()) {
                events::stock_low(self, left).await?;
            }
        }
        Ok(movements)
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
        let there = self.on_hand(Some(to)).await?;
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
        let lines: Vec<(Option<Uuid>, i32, i64)> = match pieces {
            Pieces::Count(count) => vec![(None, *count, value)],
            Pieces::Units(units) => units.iter().zip(shares(value, units.len())).map(|(unit, value)| (Some(*unit), 1, value)).collect(),
        };
        let mut movements = Vec::with_capacity(lines.len());
        for (unit, quantity, value) in lines {
            let insert = "INSERT INTO stock_movements AS m (school_id, id, item_id, location_id, unit_id, kind, quantity, value_minor, unit_cost_minor,
                    transfer_id, loan_id, repair_id, returns_id, supplier_id, party_user_id, reason, moved_by, moved_at, created_at, updated_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18, $18) RETURNING to_jsonb(m)";
            let Json(movement) = sqlx::query_scalar::<_, Json<Movement>>(insert)
                .bind(self.transaction.school_id().as_uuid())
                .bind(MovementId::generate().as_uuid())
                .bind(self.item.id)
                .bind(place.as_uuid())
                .bind(unit)
                .bind(kind.as_str())
                .bind(sign * quantity)
                .bind(i64::from(sign) * value)
                .bind(note.unit_cost_minor)
                .bind(note.transfer)
                .bind(note.loan)
                .bind(note.repair)
                .bind(note.returns)
                .bind(note.supplier.map(SupplierId::as_uuid))
                .bind(note.party.map(UserId::as_uuid))
                .bind(note.reason.as_deref())
                .bind(self.by())
                .bind(self.now)
                .fetch_one(self.transaction.connection()?)
                .await
                .map_err(refuse)?;
            movements.push(movement);
        }
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
