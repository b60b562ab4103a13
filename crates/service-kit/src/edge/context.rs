//! Which request the code is working for: its id and path, for error bodies and logs, wherever they are made.

use std::rc::Rc;

use uuid::Uuid;

/// The request at hand.
#[derive(Debug)]
pub(crate) struct RequestContext {
    pub(crate) id: String,
    pub(crate) path: String,
}

tokio::task_local! {
    pub(crate) static CURRENT: Rc<RequestContext>;
}

/// The id of the request at hand, if there is one.
pub(crate) fn request_id() -> Option<String> {
    CURRENT.try_with(|context| context.id.clone()).ok()
}

/// The path of the request at hand, if there is one.
pub(crate) fn path() -> Option<String> {
    CURRENT.try_with(|context| context.path.clone()).ok()
}

/// The id that a proxy or client gave, if it is fit for a log line and a header; else a new one.
pub(crate) fn accept_id(given: Option<&str>) -> String {
    let fit = |id: &&str| {
        (8..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
    };
    given.filter(fit).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}
