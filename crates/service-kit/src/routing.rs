//! Which path belongs to which service: the table that nginx, Helm and Istio are written from.
//!
//! It is made of the documented paths, so it can't forget one. A longer pattern comes before a shorter one: `/api/v1/students/{id}/attendance` of one
//! service wins over `/api/v1/students` of another.

use std::collections::BTreeMap;

use domain::ServiceName;
use serde::Serialize;

use crate::openapi;
use crate::service::Service;

/// A rule: what matches `pattern` goes to `service`. The first match counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Where to.
    pub service: ServiceName,
    /// A regular expression over the path, such as `^/api/v1/homework(/|$)`.
    pub pattern: String,
    /// A documented path that goes this way, with an id filled in.
    pub example: String,
}

/// A parsed path: `None` stands for a parameter.
#[derive(Debug, Default)]
struct Node {
    owner: Option<(ServiceName, String)>,
    children: BTreeMap<Option<String>, Node>,
}

/// The rules for `services`, in the order in which they are to be tried.
#[must_use]
pub fn table(services: &[Service]) -> Vec<Route> {
    let mut root = Node::default();
    for service in services {
        for path in openapi::document(&[*service]).paths.paths.keys() {
            root.insert(path, service.name);
        }
    }
    let mut found = Vec::new();
    root.collect(&mut Vec::new(), None, &mut found);
    // More segments first; of as many, those that name more of them.
    found.sort_by_key(|(segments, route)| {
        (std::cmp::Reverse(segments.len()), segments.iter().filter(|s| s.is_none()).count(), route.pattern.clone())
    });
    found.into_iter().map(|(_, route)| route).collect()
}

/// An example of a documented path: parameters become an id.
#[must_use]
pub fn example(path: &str) -> String {
    let fill = |segment: &str| if segment.contains('{') { "0190a5c4-0000-7000-8000-000000000000".to_owned() } else { segment.to_owned() };
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

impl Node {
    fn insert(&mut self, path: &str, service: ServiceName) {
        let mut node = self;
        for segment in path.split('/').skip(1) {
            let key = if segment.contains('{') { None } else { Some(segment.to_owned()) };
            node = node.children.entry(key).or_default();
        }
        node.owner.get_or_insert((service, path.to_owned()));
    }

    /// The one service that owns everything below, and one of its paths.
    fn only_owner(&self) -> Option<(ServiceName, &str)> {
        let mut owners = self.children.values().map(Self::only_owner);
        let first = match &self.owner {
            Some((service, path)) => (*service, path.as_str()),
            None => owners.next()??,
        };
        owners.all(|owner| owner.is_some_and(|(service, _)| service == first.0)).then_some(first)
    }

    fn collect(&self, at: &mut Vec<Option<String>>, inherited: Option<ServiceName>, found: &mut Vec<(Vec<Option<String>>, Route)>) {
        let own = self.owner.as_ref().map(|(service, path)| (*service, path.as_str()));
        // The service of the path itself, or of all below: everything under it goes there unless a longer pattern says otherwise.
        let here = own.or_else(|| self.only_owner());
        let mut inherited = inherited;
        if let Some((service, path)) = here
            && inherited != Some(service)
            && names_a_resource(at)
        {
            found.push((at.clone(), Route { service, pattern: pattern(at), example: example(path) }));
            inherited = Some(service);
        }
        for (segment, child) in &self.children {
            at.push(segment.clone());
            child.collect(at, inherited, found);
            at.pop();
        }
    }
}

/// `/api` and `/api/v1` are everybody's, whoever is alone there today.
fn names_a_resource(at: &[Option<String>]) -> bool {
    !at.iter().map(Option::as_deref).eq(["api", "v1"].into_iter().map(Some).take(at.len()))
}

fn pattern(segments: &[Option<String>]) -> String {
    let mut pattern = String::from("^");
    for segment in segments {
        pattern.push('/');
        match segment {
            None => pattern.push_str("[^/]+"),
            Some(literal) => pattern.push_str(&literal.replace('.', "\\.")),
        }
    }
    pattern.push_str("(/|$)");
    pattern
}
