//! Pages of a list.

use actix_web::body::BoxBody;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// How many items a page holds: 1 to 200, 50 unless asked otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64")]
pub struct Limit(u16);

impl Limit {
    /// The most that one page holds.
    pub const MAX: u16 = 200;

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// One more than the number: read that many rows to know whether there is a next page.
    #[must_use]
    pub const fn plus_one(self) -> u64 {
        self.0 as u64 + 1
    }
}

/// Says of a list's `limit` and `cursor` that they don't decide what the list holds, for `skip_serializing_if`: what the rest of the query serializes to is
/// what a cursor is for. With plain `skip_serializing` a field is missing in the API document, too.
#[must_use]
pub const fn of_the_page<T>(_: &T) -> bool {
    true
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<i64> for Limit {
    type Error = &'static str;
    fn try_from(number: i64) -> Result<Self, Self::Error> {
        u16::try_from(number).ok().filter(|n| (1..=Self::MAX).contains(n)).map(Self).ok_or("must be from 1 to 200")
    }
}

impl utoipa::PartialSchema for Limit {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(200))
            .default(Some(50.into()))
            .description(Some("How many items a page holds."))
            .into()
    }
}
impl ToSchema for Limit {}

/// One page of a list, answered as `{"items":[…],"next_cursor":…}` with `Link: <…>; rel="next"`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page starts; null on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page from up to `limit + 1` rows: the one too many only tells that there is more. `seal` makes the cursor from the last item shown.
    pub fn of(mut rows: Vec<T>, limit: Limit, seal: impl FnOnce(&T) -> String) -> Self {
        let more = rows.len() > usize::from(limit.get());
        rows.truncate(limit.get().into());
        let next_cursor = if more { rows.last().map(seal) } else { None };
        Self { items: rows, next_cursor }
    }

    /// The same page of other items.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next_cursor: self.next_cursor }
    }
}

impl<T: Serialize> Responder for Page<T> {
    type Body = BoxBody;
    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if let Some(cursor) = &self.next_cursor {
            response.insert_header((header::LINK, format!("<{}>; rel=\"next\"", next(request, cursor))));
        }
        crate::respond::json(response, &self)
    }
}

/// The request's own path and query, with `cursor` replaced. As the client wrote it: proxies may have changed host and scheme, so a relative reference is the true one.
fn next(request: &HttpRequest, cursor: &str) -> String {
    let is_cursor = |pair: &&str| pair.split('=').next() == Some("cursor");
    let kept = request.query_string().split('&').filter(|pair| !pair.is_empty() && !is_cursor(pair));
    let pair = format!("cursor={cursor}");
    let query: Vec<&str> = kept.chain([pair.as_str()]).collect();
    // Characters that would end the reference early within `<…>`.
    let query = query.join("&").replace('<', "%3C").replace('>', "%3E");
    format!("{}?{query}", request.path())
}
