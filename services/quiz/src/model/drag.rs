//! Questions in which something is put in its place: words into a text, words or pictures onto a picture, markers onto parts of one.

use std::collections::{BTreeMap, HashSet};

use domain::Faults;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mark::Fraction;
use super::picture::{Picture, Point, Shape};
use super::question::Spec;

/// The most markers of one kind that an answer may have.
pub const MAX_OF_A_MARKER: usize = 50;

const fn first_group() -> u8 {
    1
}

const fn once() -> u8 {
    1
}

/// A gap in a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its mark in the stem, and its name in answers.
    pub key: String,
    /// What belongs into it: the how-manieth of the choices, from 1.
    #[schema(minimum = 1)]
    pub choice: u16,
}

/// A word, or a few, for gaps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// Names it in answers; made up if left out.
    #[serde(default)]
    pub key: String,
    /// What it says.
    pub text: String,
    /// What is offered for a gap is what is in the group of its right choice.
    #[serde(default = "first_group")]
    #[schema(minimum = 1, maximum = 20)]
    pub group: u8,
    /// Dragged: whether it may go into several gaps.
    #[serde(default)]
    pub unlimited: bool,
}

/// A place on a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Spot {
    /// Names it in answers; made up if left out.
    #[serde(default)]
    pub key: String,
    /// Its upper left corner.
    pub at: Point,
    /// What belongs there: the how-manieth of the choices, from 1.
    #[schema(minimum = 1)]
    pub choice: u16,
    /// What it is called, for who can't see the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// A word or a picture that is dragged onto a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// Names it in answers; made up if left out.
    #[serde(default)]
    pub key: String,
    /// What it says; what it shows, if it is a picture.
    pub text: String,
    /// The picture, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    /// What fits a place is what is in the group of its right choice.
    #[serde(default = "first_group")]
    #[schema(minimum = 1, maximum = 20)]
    pub group: u8,
    /// Whether it may go to several places.
    #[serde(default)]
    pub unlimited: bool,
}

/// A part of a picture that wants a marker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// The part.
    pub shape: Shape,
    /// What belongs there: the how-manieth of the markers, from 1.
    #[schema(minimum = 1)]
    pub marker: u16,
}

/// Something that marks a part of a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// Names it in answers; made up if left out.
    #[serde(default)]
    pub key: String,
    /// What it says.
    pub text: String,
    /// How many there are of it; 0 for as many as one likes.
    #[serde(default = "once")]
    #[schema(maximum = 50)]
    pub count: u8,
}

impl Marker {
    /// The most that an answer may have of it.
    #[must_use]
    pub const fn most(&self) -> usize {
        if self.count == 0 { MAX_OF_A_MARKER } else { self.count as usize }
    }
}

/// A choice of any of the types in which each place takes one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer<'q> {
    pub(super) key: &'q str,
    pub(super) text: &'q str,
    pub(super) picture: Option<&'q Picture>,
    pub(super) group: u8,
    /// Whether it may be used once only.
    pub(super) is_single: bool,
}

impl Offer<'_> {
    /// Whether a student could tell one from the other.
    fn looks_like(&self, other: &Self) -> bool {
        self.group == other.group && self.text == other.text && self.picture == other.picture
    }
}

/// What goes where, of any of the types in which each place takes one choice.
#[derive(Debug, Clone)]
pub(super) struct Places<'q> {
    /// The key of each place, and which of the offers belongs there.
    pub(super) places: Vec<(&'q str, usize)>,
    pub(super) offers: Vec<Offer<'q>>,
}

impl<'q> Places<'q> {
    /// Those of a question; none if it is of another type.
    pub(super) fn of(spec: &'q Spec) -> Option<Self> {
        let index = |choice: u16| usize::from(choice).wrapping_sub(1);
        let words = |places: &'q [Place], choices: &'q [Word], dragged: bool| Self {
            places: places.iter().map(|place| (place.key.as_str(), index(place.choice))).collect(),
            offers: choices
                .iter()
                .map(|word| Offer {
                    key: &word.key,
                    text: &word.text,
                    picture: None,
                    group: word.group,
                    is_single: dragged && !word.unlimited,
                })
                .collect(),
        };
        match spec {
            Spec::SelectWords { places, choices, .. } => Some(words(places, choices, false)),
            Spec::DragWords { places, choices, .. } => Some(words(places, choices, true)),
            Spec::DragOntoPicture { places, choices, .. } => Some(Self {
                places: places.iter().map(|spot| (spot.key.as_str(), index(spot.choice))).collect(),
                offers: choices
                    .iter()
                    .map(|piece| Offer {
                        key: &piece.key,
                        text: &piece.text,
                        picture: piece.picture.as_ref(),
                        group: piece.group,
                        is_single: !piece.unlimited,
                    })
                    .collect(),
            }),
            _ => None,
        }
    }

    fn right(&self, place: &str) -> Option<&Offer<'q>> {
        let (_, at) = self.places.iter().find(|(key, _)| *key == place)?;
        self.offers.get(*at)
    }

    fn offer(&self, key: &str) -> Option<&Offer<'q>> {
        self.offers.iter().find(|offer| offer.key == key)
    }

    /// The group that is offered for a place.
    pub(super) fn group(&self, place: &str) -> Option<u8> {
        self.right(place).map(|right| right.group)
    }

    /// The share of places that have what belongs there, or what looks just like it.
    pub(super) fn grade(&self, given: &BTreeMap<String, String>) -> Fraction {
        let is_right = |(place, _): &&(&str, usize)| {
            let found = given.get(*place).and_then(|key| self.offer(key));
            found.zip(self.right(place)).is_some_and(|(found, right)| found.key == right.key || found.looks_like(right))
        };
        Fraction::of(self.places.iter().filter(is_right).count(), self.places.len())
    }

    /// What belongs where.
    pub(super) fn solution(&self) -> BTreeMap<String, String> {
        self.places.iter().filter_map(|(key, at)| Some(((*key).to_owned(), self.offers.get(*at)?.key.to_owned()))).collect()
    }

    /// What filling each place blindly from its group earns on average: what fits a place may be dragged there or not, so each is a choice of its own.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn guess(&self) -> f64 {
        let chance = |(place, _): &(&str, usize)| {
            let right = self.right(place);
            let group: Vec<&Offer<'_>> = self.offers.iter().filter(|offer| right.is_some_and(|right| right.group == offer.group)).collect();
            let hits = group.iter().filter(|offer| right.is_some_and(|right| offer.key == right.key || offer.looks_like(right))).count();
            hits as f64 / group.len().max(1) as f64
        };
        self.places.iter().map(chance).sum::<f64>() / self.places.len().max(1) as f64
    }

    /// Every fault of an answer that says what goes where.
    pub(super) fn check_answer(&self, pointer: &str, given: &BTreeMap<String, String>, faults: &mut Faults) {
        let mut used = HashSet::new();
        for (place, choice) in given.iter().filter(|(_, choice)| !choice.is_empty()) {
            let Some(group) = self.group(place) else {
                faults.require(false, pointer, "names a place that is not there");
                continue;
            };
            let Some(offer) = self.offer(choice).filter(|offer| offer.group == group) else {
                faults.require(false, pointer, "names a choice that does not go there");
                continue;
            };
            faults.require(!offer.is_single || used.insert(offer.key), pointer, "uses a choice twice that there is once");
        }
    }

    /// Every fault of what belongs where.
    pub(super) fn check(&self, faults: &mut Faults) {
        let mut used = HashSet::new();
        for (at, (_, choice)) in self.places.iter().enumerate() {
            let pointer = format!("/answer/places/{at}/choice");
            let Some(offer) = self.offers.get(*choice) else {
                faults.require(false, &pointer, "is not the number of a choice");
                continue;
            };
            faults.require(!offer.is_single || used.insert(*choice), &pointer, "belongs to two places, and there is only one of it");
        }
        for (at, offer) in self.offers.iter().enumerate() {
            faults.require((1..=20).contains(&offer.group), &format!("/answer/choices/{at}/group"), "must be from 1 to 20");
        }
    }
}

/// What markers that were put on a picture earn: the share of zones that are hit by a marker of their own, of as many zones as there are or markers as were
/// used, whichever is more, so that markers all over the picture earn little. Each marker counts for one zone; where several could, as many zones as possible
/// get one. Source, but for the last: `qtype_ddmarker_question::grade_response`, <https://docs.moodle.org/en/Drag_and_drop_markers_question_type>.
pub(super) fn grade_markers(zones: &[Zone], markers: &[Marker], given: &BTreeMap<String, Vec<Point>>) -> Fraction {
    let items: Vec<(&str, Point)> = given.iter().flat_map(|(key, points)| points.iter().map(move |point| (key.as_str(), *point))).collect();
    let fits = |zone: &Zone, (key, point): (&str, Point)| {
        let marker = markers.get(usize::from(zone.marker).wrapping_sub(1));
        marker.is_some_and(|marker| marker.key == key) && zone.shape.holds(point)
    };
    let reach: Vec<Vec<usize>> =
        zones.iter().map(|zone| (0..items.len()).filter(|at| items.get(*at).is_some_and(|item| fits(zone, *item))).collect()).collect();
    let mut owner: Vec<Option<usize>> = vec![None; items.len()];
    let hit = (0..zones.len()).filter(|zone| place(*zone, &reach, &mut owner, &mut HashSet::new())).count();
    Fraction::of(hit, zones.len().max(items.len()))
}

/// Finds a marker for `zone`, moving others on where that helps: an augmenting path of a bipartite matching; H. W. Kuhn, "The Hungarian method" (1955).
fn place(zone: usize, reach: &[Vec<usize>], owner: &mut [Option<usize>], tried: &mut HashSet<usize>) -> bool {
    for item in reach.get(zone).into_iter().flatten() {
        if !tried.insert(*item) {
            continue;
        }
        let before = owner.get(*item).copied().flatten();
        if before.is_none_or(|before| place(before, reach, owner, tried)) {
            if let Some(own) = owner.get_mut(*item) {
                *own = Some(zone);
            }
            return true;
        }
    }
    false
}

/// Markers where they belong.
pub(super) fn right_markers(zones: &[Zone], markers: &[Marker]) -> BTreeMap<String, Vec<Point>> {
    let mut right: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    for zone in zones {
        if let Some(marker) = markers.get(usize::from(zone.marker).wrapping_sub(1)) {
            right.entry(marker.key.clone()).or_default().push(zone.shape.some_point());
        }
    }
    right
}

#[cfg(test)]
mod tests;
