//! Faults of questions in which something is put in its place, and of pictures.

use std::collections::HashMap;

use domain::Faults;

use super::{count, keys, optional, text};
use crate::model::drag::{Marker, Piece, Place, Places, Spot, Word, Zone};
use crate::model::picture::{Measured, Picture};
use crate::model::question::Spec;

/// All pictures of a question together, in bytes of base64.
const MAX_PICTURES: usize = 400 * 1024;
/// The longest word or name of a marker.
const MAX_WORD: usize = 500;

pub(super) fn words(faults: &mut Faults, spec: &Spec, stem: &str, places: &[Place], choices: &[Word]) {
    let few = count(faults, "/answer/choices", choices.len(), 1);
    if !count(faults, "/answer/places", places.len(), 1) || !few {
        return;
    }
    for (at, word) in choices.iter().enumerate() {
        text(faults, &format!("/answer/choices/{at}/text"), &word.text, MAX_WORD);
        let may = matches!(spec, Spec::DragWords { .. }) || !word.unlimited;
        faults.require(may, &format!("/answer/choices/{at}/unlimited"), "a list offers every word to every gap already");
    }
    keys(faults, "/answer/choices", choices.iter().map(|word| word.key.as_str()));
    keys(faults, "/answer/places", places.iter().map(|place| place.key.as_str()));
    for (at, place) in places.iter().enumerate() {
        super::stands_once(faults, stem, &format!("/answer/places/{at}/key"), &place.key);
    }
    if let Some(places) = Places::of(spec) {
        places.check(faults);
    }
}

fn picture(faults: &mut Faults, pointer: &str, picture: &Picture) -> Option<Measured> {
    text(faults, &format!("{pointer}/name"), &picture.name, 100);
    optional(faults, &format!("{pointer}/alt"), picture.alt.as_deref(), 1_000);
    let measured = picture.measure();
    let wrong = measured.as_ref().err().cloned();
    faults.require(wrong.is_none(), &format!("{pointer}/data"), wrong.unwrap_or_default());
    measured.ok()
}

pub(super) fn onto_picture(faults: &mut Faults, spec: &Spec, background: &Picture, places: &[Spot], choices: &[Piece]) {
    let few = count(faults, "/answer/choices", choices.len(), 1);
    if !count(faults, "/answer/places", places.len(), 1) || !few {
        return;
    }
    if spec.picture_bytes() > MAX_PICTURES {
        faults.require(false, "/answer/picture", "all pictures of a question together must be at most 300 KiB");
        return;
    }
    let measured = picture(faults, "/answer/picture", background);
    for (at, piece) in choices.iter().enumerate() {
        text(faults, &format!("/answer/choices/{at}/text"), &piece.text, MAX_WORD);
        if let Some(own) = &piece.picture {
            picture(faults, &format!("/answer/choices/{at}/picture"), own);
        }
    }
    for (at, spot) in places.iter().enumerate() {
        optional(faults, &format!("/answer/places/{at}/label"), spot.label.as_deref(), MAX_WORD);
        let fits = measured.is_none_or(|size| (0..=size.width).contains(&spot.at.x) && (0..=size.height).contains(&spot.at.y));
        faults.require(fits, &format!("/answer/places/{at}/at"), "must lie on the picture");
    }
    keys(faults, "/answer/choices", choices.iter().map(|piece| piece.key.as_str()));
    keys(faults, "/answer/places", places.iter().map(|spot| spot.key.as_str()));
    if let Some(places) = Places::of(spec) {
        places.check(faults);
    }
}

pub(super) fn markers(faults: &mut Faults, background: &Picture, zones: &[Zone], markers: &[Marker]) {
    let few = count(faults, "/answer/markers", markers.len(), 1);
    if !count(faults, "/answer/zones", zones.len(), 1) || !few {
        return;
    }
    let measured = picture(faults, "/answer/picture", background);
    let mut wanted: HashMap<usize, usize> = HashMap::new();
    for (at, zone) in zones.iter().enumerate() {
        let wrong = zone.shape.check(measured).err();
        faults.require(wrong.is_none(), &format!("/answer/zones/{at}/shape"), wrong.unwrap_or_default());
        let marker = usize::from(zone.marker).wrapping_sub(1);
        *wanted.entry(marker).or_default() += 1;
        faults.require(marker < markers.len(), &format!("/answer/zones/{at}/marker"), "is not the number of a marker");
    }
    for (at, marker) in markers.iter().enumerate() {
        text(faults, &format!("/answer/markers/{at}/text"), &marker.text, MAX_WORD);
        let enough = wanted.get(&at).copied().unwrap_or_default() <= marker.most();
        faults.require(enough, &format!("/answer/markers/{at}/count"), "is less than the zones that want it");
        faults.require(marker.count <= 50, &format!("/answer/markers/{at}/count"), "must be at most 50");
    }
    keys(faults, "/answer/markers", markers.iter().map(|marker| marker.key.as_str()));
}
