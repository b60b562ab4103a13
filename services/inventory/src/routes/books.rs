//! Books: what the catalogue says of a title, entered by hand or taken from the records that libraries exchange.

use std::collections::{BTreeMap, HashMap};

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, post, put};
use domain::{Fault, InventoryCategoryId, InventoryItemId, InventoryLocationId, Text, Version};
use records::{References, rows};
use serde::{Deserialize, Serialize};
use service_kit::{Body, CommonProblems, EditProblems, IdPath, IdempotencyKey, IfMatch, Params, Problem, Versioned};
use store::SchoolTransaction;
use store::entity::inventory_items::{ActiveModel, Entity};
use store::entity::{inventory_categories, inventory_locations};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::items::{NewItem, currency, insert};
use super::upload::{ImportFile, file, once, shown};
use crate::desk::KeepersDesk;
use crate::model::book::{Book, MOST_SUBJECTS, Title, interpret};
use crate::model::item::{Item, ItemKind};
use crate::model::marc::{Broken, read_binary, read_xml};
use crate::model::movement::Kind;
use crate::store::{Books, Note, RULES, item, item_of_title, items_of_serials, one_import_at_a_time, put_book};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(import).service(describe);
}

/// The largest file.
const LIMIT: usize = 4 * 1024 * 1024;
const BINARY: &str = "application/marc";
const XML: &str = "application/marcxml+xml";
/// The most notes in a report.
const MOST_NOTES: usize = 200;
/// The most units that are received at once.
const MOST_UNITS: usize = 200;

/// What the catalogue says of a book. What is left out is not known.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBook {
    /// Who wrote it.
    author: Option<Text<300>>,
    /// Who published it.
    publisher: Option<Text<300>>,
    /// In which year.
    #[schema(minimum = 1000, maximum = 2999)]
    published_year: Option<i32>,
    /// Which edition.
    edition: Option<Text<200>>,
    /// Its language, ISO 639-2, such as `eng`.
    #[schema(min_length = 3, max_length = 3)]
    language: Option<Text<3>>,
    /// Where it stands, by classification.
    call_number: Option<Text<64>>,
    /// What it is about.
    #[serde(default)]
    #[schema(max_items = 50)]
    subjects: Vec<Text<200>>,
    /// Under which number its catalogue record is known where it came from (MARC 001); once in the school.
    control_number: Option<Text<64>>,
}

impl NewBook {
    fn book(self) -> Result<Book, Problem> {
        let mut faults = Vec::new();
        if self.published_year.is_some_and(|year| !(1000..=2999).contains(&year)) {
            faults.push(Fault::new("/published_year", "must be from 1000 to 2999"));
        }
        let is_code = |code: &Text<3>| code.as_str().len() == 3 && code.as_str().bytes().all(|byte| byte.is_ascii_lowercase());
        if self.language.as_ref().is_some_and(|code| !is_code(code)) {
            faults.push(Fault::new("/language", "must be three small letters, as ISO 639-2 has them"));
        }
        if self.subjects.len() > MOST_SUBJECTS {
            faults.push(Fault::new("/subjects", format!("must be at most {MOST_SUBJECTS}")));
        }
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        Ok(Book {
            author: self.author.map(String::from),
            publisher: self.publisher.map(String::from),
            published_year: self.published_year,
            edition: self.edition.map(String::from),
            language: self.language.map(String::from),
            call_number: self.call_number.map(String::from),
            subjects: self.subjects.into_iter().map(String::from).collect(),
            control_number: self.control_number.map(String::from),
        })
    }
}

/// Says what the catalogue says of an item; all of it at once.
#[utoipa::path(
    params(("id" = InventoryItemId, Path), ("If-Match" = String, Header, description = "The item's `ETag` that was read.")),
    request_body = NewBook,
    responses((status = 200, body = Item), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[put("/api/v1/inventory/items/{id}/book")]
async fn describe(
    desk: KeepersDesk,
    id: IdPath<InventoryItemId>,
    based_on: IfMatch,
    body: Body<NewBook>,
) -> Result<Versioned<Item>, Problem> {
    let book = body.into_inner().book()?;
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        put_book(transaction, row.id, &book, desk.now()).await?;
        rows::save(transaction, RULES, &row, ActiveModel::default(), desk.now()).await?;
        let item = item(transaction, *id).await?;
        let version = Version::try_from(item.version).map_err(Problem::internal)?;
        Ok(Versioned(item, version))
    })
    .await
}

/// What to do with the file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BookImportOf {
    /// Only tell what would happen.
    #[serde(default)]
    dry_run: bool,
    /// What new titles are filed under.
    #[param(inline)]
    category_id: Option<InventoryCategoryId>,
    /// Where copies are that the records number (852, 876 or 952, subfield p); left out: only titles are taken.
    #[param(inline)]
    location_id: Option<InventoryLocationId>,
}

/// What the file did, or would do.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct BookImportReport {
    /// Whether nothing was written.
    dry_run: bool,
    /// Records in the file.
    records: usize,
    /// Titles that are new.
    created: usize,
    /// Titles that were there, and of which the catalogue says something now.
    changed: usize,
    /// Copies that were received.
    copies: usize,
    /// What stood in a record and was left out.
    notes: Vec<String>,
}

/// Takes titles, and their copies, from MARC 21 records: binary (ISO 2709) in UTF-8, or MARCXML. A title is known again by its control number (001) or its ISBN
/// (020), a copy by its number; so the same file again adds nothing. New titles are assets whose copies have serial numbers; copies are received at no cost. A
/// name that was changed here stays. All or nothing; a fault's `pointer` names the record, `/records/3`.
#[utoipa::path(
    params(
        BookImportOf,
        ("Idempotency-Key" = String, Header, description = "Required: a retry under the same key gets the first answer, and moves nothing.")
    ),
    request_body(
        description = "At most 4 MiB and 500 records.",
        content((ImportFile = "application/marc"), (ImportFile = "application/marcxml+xml"))
    ),
    responses(
        (status = 200, body = BookImportReport, description = "A dry run."),
        (status = 201, body = BookImportReport),
        CommonProblems,
        EditProblems
    ),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/books/import")]
async fn import(
    desk: KeepersDesk,
    _key: IdempotencyKey,
    params: Params<BookImportOf>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (media_type, bytes) = file(&request, payload, &[BINARY, XML], LIMIT).await?;
    let titles = titles(media_type, &bytes)?;
    let work = async |transaction: &mut SchoolTransaction| take(&desk, transaction, &params, &titles).await;
    once(&desk, &request, params.dry_run, &bytes, "/api/v1/inventory/items", work).await
}

/// The titles of a file, each with the number of its record.
fn titles(media_type: &str, bytes: &[u8]) -> Result<Vec<(usize, Title)>, Problem> {
    let records = if media_type == XML {
        let document = std::str::from_utf8(bytes).map_err(|_| Problem::malformed("The file is not UTF-8."))?;
        read_xml(document)
    } else {
        read_binary(bytes)
    };
    let broken = |Broken { record, detail }| Problem::invalid(vec![Fault::new(format!("/records/{record}"), detail)]);
    let read = records.map_err(broken)?;
    if read.is_empty() {
        return Err(Problem::invalid(vec![Fault::new("", "has no record")]));
    }
    let (mut titles, mut faults) = (Vec::with_capacity(read.len()), Vec::new());
    for (number, record) in (1..).zip(&read) {
        match interpret(record) {
            Some(title) => titles.push((number, title)),
            None => faults.push(Fault::new(format!("/records/{number}"), "has no title (245 a)")),
        }
    }
    if faults.is_empty() { Ok(titles) } else { Err(shown(faults)) }
}

async fn take(
    desk: &KeepersDesk,
    transaction: &mut SchoolTransaction,
    params: &BookImportOf,
    titles: &[(usize, Title)],
) -> Result<BookImportReport, Problem> {
    one_import_at_a_time(transaction).await?;
    let mut references = References::default();
    references.check::<inventory_categories::Entity>(transaction, "/category_id", params.category_id).await?;
    references.check::<inventory_locations::Entity>(transaction, "/location_id", params.location_id).await?;
    references.settle()?;
    let currency = currency(transaction).await?;
    let mut report = BookImportReport { dry_run: params.dry_run, records: titles.len(), ..BookImportReport::default() };
    let serials: Vec<&str> = titles.iter().flat_map(|(_, title)| &title.copies).map(Text::as_str).collect();
    let mut known: HashMap<String, Uuid> = items_of_serials(transaction, &serials).await?;
    let mut received: BTreeMap<Uuid, Vec<Text<64>>> = BTreeMap::new();
    let mut faults = Vec::new();
    for (number, title) in titles {
        let notes = title.notes.iter().map(|note| format!("record {number}: {note}"));
        let room = MOST_NOTES.saturating_sub(report.notes.len());
        report.notes.extend(notes.take(room));
        let at = format!("/records/{number}");
        let item = match item_of_title(transaction, title).await? {
            Some((_, false)) => {
                faults.push(Fault::new(at, "is an item here whose pieces have no numbers"));
                continue;
            }
            Some((item, true)) => {
                report.changed += 1;
                item
            }
            None => {
                report.created += 1;
                insert(transaction, new_item(title, params.category_id), &currency, desk.now()).await?
            }
        };
        put_book(transaction, item, &title.book, desk.now()).await?;
        for copy in &title.copies {
            match known.insert(copy.as_str().to_owned(), item) {
                None => received.entry(item).or_default().push(copy.clone()),
                Some(other) if other != item => faults.push(Fault::new(&at, format!("{copy} is a copy of another title"))),
                Some(_) => {}
            }
        }
    }
    if !faults.is_empty() {
        return Err(shown(faults));
    }
    let Some(place) = params.location_id else { return Ok(report) };
    // Items in the order of their ids, as everybody holds the books of several.
    for (item, copies) in received {
        let mut books = Books::open(desk, transaction, "/item_id", InventoryItemId::from_uuid(item)).await?;
        for copies in copies.chunks(MOST_UNITS) {
            let pieces = books.new_pieces(None, Some(copies), None).await?;
            let note = Note { reason: Some("Taken from the catalogue".to_owned()), ..Note::default() };
            books.put(place, &pieces, Kind::Receive, 0, &note).await?;
            report.copies += copies.len();
        }
        books.close().await?;
    }
    Ok(report)
}

fn new_item(title: &Title, category_id: Option<InventoryCategoryId>) -> NewItem {
    NewItem {
        name: title.name.clone(),
        kind: ItemKind::Asset,
        unit: None,
        sku: None,
        barcode: title.isbn.clone(),
        category_id,
        supplier_id: None,
        is_serialised: true,
        reorder_level: 0,
        replacement_cost_minor: None,
    }
}
