//! Distances on the globe.

/// The mean radius of the earth in metres (IUGG R₁).
const EARTH_RADIUS: f64 = 6_371_008.8;

/// A place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Degrees north, from -90 to 90.
    pub latitude: f64,
    /// Degrees east, from -180 to 180.
    pub longitude: f64,
}

/// Whether it is a latitude; no number is none.
#[must_use]
pub fn is_latitude(degrees: f64) -> bool {
    (-90.0..=90.0).contains(&degrees)
}

/// Whether it is a longitude.
#[must_use]
pub fn is_longitude(degrees: f64) -> bool {
    (-180.0..=180.0).contains(&degrees)
}

/// Metres between two places along the great circle, by the haversine formula (R. W. Sinnott, 1984):
/// `a = sin²(Δφ/2) + cos φ₁ cos φ₂ sin²(Δλ/2)`, `d = 2 R asin √a`. Right to half a per cent, for the earth is no sphere.
#[must_use]
pub fn haversine(from: Place, to: Place) -> f64 {
    let (first, second) = (from.latitude.to_radians(), to.latitude.to_radians());
    let north = ((to.latitude - from.latitude) / 2.0).to_radians().sin();
    let east = ((to.longitude - from.longitude) / 2.0).to_radians().sin();
    let a = north * north + first.cos() * second.cos() * east * east;
    2.0 * EARTH_RADIUS * a.clamp(0.0, 1.0).sqrt().asin()
}

/// How near the straight way between two places comes to a third, in metres, and at which part of it, from 0 to 1. On a plane that touches the earth there, which is
/// right to a few metres for ways of some kilometres.
#[must_use]
pub fn nearest(to: Place, begin: Place, end: Place) -> (f64, f64) {
    let metres = EARTH_RADIUS.to_radians();
    let plane = |place: Place| {
        // The short way round, across the date line too.
        let east = (place.longitude - to.longitude + 540.0).rem_euclid(360.0) - 180.0;
        (east * metres * to.latitude.to_radians().cos(), (place.latitude - to.latitude) * metres)
    };
    let ((x, y), (far_x, far_y)) = (plane(begin), plane(end));
    let (way_x, way_y) = (far_x - x, far_y - y);
    let length = way_x.mul_add(way_x, way_y * way_y);
    let part = if length > 0.0 { (-x.mul_add(way_x, y * way_y) / length).clamp(0.0, 1.0) } else { 0.0 };
    (part.mul_add(way_x, x).hypot(part.mul_add(way_y, y)), part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_distances_come_out() {
        let paris = Place { latitude: 48.8566, longitude: 2.3522 };
        let london = Place { latitude: 51.5074, longitude: -0.1278 };
        assert!((haversine(paris, london) - 343_556.0).abs() < 200.0, "{}", haversine(paris, london));
        // A degree of latitude, and one of longitude across the date line.
        let equator = |longitude| Place { latitude: 0.0, longitude };
        assert!((haversine(equator(179.5), equator(-179.5)) - 111_195.0).abs() < 1.0);
    }

    #[test]
    fn the_nearest_place_of_a_way_may_be_its_end() {
        let at = |latitude, longitude| Place { latitude, longitude };
        let (metres, part) = nearest(at(0.001, 0.5), at(0.0, 0.49), at(0.0, 0.53));
        assert!((metres - 111.2).abs() < 0.1 && (part - 0.25).abs() < 1e-9, "{metres} {part}");
        assert!(nearest(at(0.0, 0.5), at(0.0, 0.49), at(0.0, 0.48)).1 <= 0.0);
        assert!(nearest(at(0.0, 0.5), at(0.0, 0.48), at(0.0, 0.49)).1 >= 1.0);
        assert!(nearest(at(0.0, 180.0), at(0.0, 179.99), at(0.0, -179.99)).0 < 0.1);
    }

    proptest! {
        #[test]
        fn distances_are_the_same_both_ways_and_no_detour_is_shorter(
            a in (-90.0..90.0_f64, -180.0..180.0_f64), b in (-90.0..90.0_f64, -180.0..180.0_f64), c in (-90.0..90.0_f64, -180.0..180.0_f64),
        ) {
            let [a, b, c] = [a, b, c].map(|(latitude, longitude)| Place { latitude, longitude });
            prop_assert!(haversine(a, a) < 1e-6);
            prop_assert!((haversine(a, b) - haversine(b, a)).abs() < 1e-3);
            prop_assert!(haversine(a, c) <= haversine(a, b) + haversine(b, c) + 0.5);
        }

        #[test]
        fn standing_still_is_as_near_as_the_great_circle_says(
            latitude in -70.0..70.0_f64, longitude in -180.0..180.0_f64, north in -0.01..0.01_f64, east in -0.01..0.01_f64,
        ) {
            let (stop, bus) = (Place { latitude, longitude }, Place { latitude: latitude + north, longitude: longitude + east });
            prop_assert!((nearest(stop, bus, bus).0 - haversine(stop, bus)).abs() < 2.0);
        }
    }
}
