//! Pictures that questions are made of, and shapes on them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The largest picture, in bytes. It travels with every paper that it stands on.
pub const MAX_PICTURE: usize = 256 * 1024;

/// A picture: PNG, JPEG, GIF or WebP. Nothing that could hold a script or point elsewhere is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// The file's name.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The file, in base64; at most 256 KiB.
    #[schema(content_encoding = "base64", max_length = 349_528)]
    pub data: String,
    /// What it shows, for who can't see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1_000)]
    pub alt: Option<String>,
}

/// What a picture's bytes say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Its media type.
    pub media_type: &'static str,
    /// In pixels.
    pub width: i32,
    /// In pixels.
    pub height: i32,
}

impl Picture {
    /// How large it is, if it is a picture at all.
    pub fn measure(&self) -> Result<Measured, String> {
        let most = MAX_PICTURE.div_ceil(3) * 4;
        let bytes = if self.data.len() > most { None } else { STANDARD.decode(&self.data).ok() };
        let bytes = bytes.filter(|bytes| bytes.len() <= MAX_PICTURE).ok_or("must be base64 of at most 256 KiB")?;
        let media_type = match imagesize::image_type(&bytes) {
            Ok(imagesize::ImageType::Png) => "image/png",
            Ok(imagesize::ImageType::Jpeg) => "image/jpeg",
            Ok(imagesize::ImageType::Gif) => "image/gif",
            Ok(imagesize::ImageType::Webp) => "image/webp",
            _ => return Err("must be a PNG, JPEG, GIF or WebP".to_owned()),
        };
        let size = imagesize::blob_size(&bytes).map_err(|_| "is damaged")?;
        let pixels = |length: usize| i32::try_from(length).ok().filter(|length| (1..=10_000).contains(length));
        let (width, height) = pixels(size.width).zip(pixels(size.height)).ok_or("must be 1 to 10000 pixels wide and high")?;
        Ok(Measured { media_type, width, height })
    }
}

/// A place on a picture, in pixels from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// To the right.
    pub x: i32,
    /// Downwards.
    pub y: i32,
}

/// A part of a picture; its edge belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    /// All that is no further than `radius` from a point.
    Circle {
        /// The point's x.
        x: i32,
        /// The point's y.
        y: i32,
        /// In pixels, 1 or more.
        radius: i32,
    },
    /// A box along the edges of the picture.
    Rectangle {
        /// Its left edge.
        x: i32,
        /// Its upper edge.
        y: i32,
        /// In pixels, 1 or more.
        width: i32,
        /// In pixels, 1 or more.
        height: i32,
    },
    /// What lies within a line through these points and back to the first.
    Polygon {
        /// At least three, at most fifty.
        points: Vec<Point>,
    },
}

impl Shape {
    /// Whether a point belongs to it. Exact: no number here is anything but whole.
    #[must_use]
    pub fn holds(&self, point: Point) -> bool {
        let (px, py) = (i64::from(point.x), i64::from(point.y));
        match self {
            Self::Circle { x, y, radius } => {
                let (dx, dy, radius) = (px - i64::from(*x), py - i64::from(*y), i64::from(*radius));
                dx * dx + dy * dy <= radius * radius
            }
            Self::Rectangle { x, y, width, height } => {
                let (left, top) = (i64::from(*x), i64::from(*y));
                (left..=left + i64::from(*width)).contains(&px) && (top..=top + i64::from(*height)).contains(&py)
            }
            Self::Polygon { points } => within(points, px, py),
        }
    }

    /// A point that belongs to it, in its middle where that is easily said.
    #[must_use]
    pub fn some_point(&self) -> Point {
        match self {
            Self::Circle { x, y, .. } => Point { x: *x, y: *y },
            Self::Rectangle { x, y, width, height } => Point { x: x.saturating_add(width / 2), y: y.saturating_add(height / 2) },
            Self::Polygon { points } => {
                let count = i64::try_from(points.len()).unwrap_or(1).max(1);
                let mean = |of: fn(&Point) -> i32| i32::try_from(points.iter().map(|point| i64::from(of(point))).sum::<i64>() / count);
                let middle = Point { x: mean(|point| point.x).unwrap_or_default(), y: mean(|point| point.y).unwrap_or_default() };
                let corner = points.first().copied().unwrap_or(middle);
                if self.holds(middle) { middle } else { corner }
            }
        }
    }

    /// What is wrong with it on a picture of this size.
    pub(super) fn check(&self, size: Option<Measured>) -> Result<(), String> {
        let inside = |x: i32, y: i32| size.is_none_or(|size| (0..=size.width).contains(&x) && (0..=size.height).contains(&y));
        let fits = match self {
            Self::Circle { x, y, radius } => inside(*x, *y) && (1..=10_000).contains(radius),
            Self::Rectangle { x, y, width, height } => {
                *width >= 1 && *height >= 1 && inside(*x, *y) && inside(x.saturating_add(*width), y.saturating_add(*height))
            }
            Self::Polygon { points } => {
                if !(3..=50).contains(&points.len()) {
                    return Err("a polygon has 3 to 50 points".to_owned());
                }
                points.iter().all(|point| inside(point.x, point.y))
            }
        };
        if fits { Ok(()) } else { Err("must lie on the picture and be at least one pixel wide and high".to_owned()) }
    }
}

/// By the number of edges that a ray from the point to the right crosses; M. Shimrat, "Algorithm 112: Position of point relative to polygon" (1962).
fn within(points: &[Point], px: i64, py: i64) -> bool {
    let next = points.iter().skip(1).chain(points.first());
    let mut inside = false;
    for (from, to) in points.iter().zip(next) {
        let (ax, ay, bx, by) = (i64::from(from.x), i64::from(from.y), i64::from(to.x), i64::from(to.y));
        // Twice the area of the triangle of edge and point: nothing if they are in line.
        let cross = (bx - ax) * (py - ay) - (by - ay) * (px - ax);
        if cross == 0 && (ax.min(bx)..=ax.max(bx)).contains(&px) && (ay.min(by)..=ay.max(by)).contains(&py) {
            return true;
        }
        if (ay > py) != (by > py) && (cross > 0) == (by > ay) {
            inside = !inside;
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::testing::png;

    #[test]
    fn a_picture_is_what_its_bytes_say_and_nothing_else_is_one() {
        let picture = |bytes: &[u8]| Picture { name: "p".into(), data: STANDARD.encode(bytes), alt: None };
        let bytes = STANDARD.decode(png(320, 200)).unwrap();
        assert_eq!(picture(&bytes).measure(), Ok(Measured { media_type: "image/png", width: 320, height: 200 }));
        let large = [bytes.clone(), vec![0; MAX_PICTURE]].concat();
        for bad in [b"<svg xmlns='http://www.w3.org/2000/svg'/>".as_slice(), b"", b"GIF", &bytes[..12], &large] {
            assert!(picture(bad).measure().is_err());
        }
        assert!(Picture { name: "p".into(), data: "not base64!".into(), alt: None }.measure().is_err());
        assert!(picture(&STANDARD.decode(png(0, 5)).unwrap()).measure().is_err());
    }

    fn corners(shape: &[(i32, i32)]) -> Vec<Point> {
        shape.iter().map(|(x, y)| Point { x: *x, y: *y }).collect()
    }

    #[test]
    fn a_dent_is_outside_and_every_edge_inside() {
        // An L.
        let shape = Shape::Polygon { points: corners(&[(0, 0), (10, 0), (10, 4), (4, 4), (4, 10), (0, 10)]) };
        for (x, y, holds) in [
            (2, 2, true),
            (8, 2, true),
            (2, 8, true),
            (8, 8, false),
            (5, 5, false),
            (4, 7, true),
            (10, 4, true),
            (11, 2, false),
            (-1, 0, false),
        ] {
            assert_eq!(shape.holds(Point { x, y }), holds, "{x} {y}");
        }
        assert!(shape.holds(shape.some_point()));
    }

    fn point() -> impl Strategy<Value = (i32, i32)> {
        (-30..30_i32, -30..30_i32)
    }

    proptest! {
        #[test]
        fn a_box_of_points_holds_what_the_box_does(x in -20..20_i32, y in -20..20_i32, width in 1..20_i32, height in 1..20_i32, (px, py) in point()) {
            let rectangle = Shape::Rectangle { x, y, width, height };
            let polygon = Shape::Polygon { points: corners(&[(x, y), (x + width, y), (x + width, y + height), (x, y + height)]) };
            prop_assert_eq!(rectangle.holds(Point { x: px, y: py }), polygon.holds(Point { x: px, y: py }));
        }

        #[test]
        fn a_triangle_holds_what_lies_on_one_side_of_all_its_edges(a in point(), b in point(), c in point(), p in point()) {
            let side = |(ax, ay): (i32, i32), (bx, by): (i32, i32)| ((bx - ax) * (p.1 - ay) - (by - ay) * (p.0 - ax)).signum();
            let sides = [side(a, b), side(b, c), side(c, a)];
            let area = (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0);
            prop_assume!(area != 0);
            let expected = sides.iter().all(|side| *side >= 0) || sides.iter().all(|side| *side <= 0);
            let shape = Shape::Polygon { points: corners(&[a, b, c]) };
            prop_assert_eq!(shape.holds(Point { x: p.0, y: p.1 }), expected);
        }

        #[test]
        fn where_the_line_begins_and_which_way_it_runs_does_not_matter_and_some_point_is_inside(
            mut line in proptest::collection::vec(point(), 3..9), turn in 0_usize..9, p in point(),
        ) {
            let holds = |line: &[(i32, i32)]| Shape::Polygon { points: corners(line) }.holds(Point { x: p.0, y: p.1 });
            let first = holds(&line);
            let shape = Shape::Polygon { points: corners(&line) };
            prop_assert!(shape.holds(shape.some_point()));
            let turn = turn % line.len();
            line.rotate_left(turn);
            prop_assert_eq!(holds(&line), first);
            line.reverse();
            prop_assert_eq!(holds(&line), first);
        }

        #[test]
        fn a_circle_is_a_distance(x in -20..20_i32, y in -20..20_i32, radius in 1..20_i32, (px, py) in point()) {
            let far = f64::from(px - x).hypot(f64::from(py - y));
            prop_assume!((far - f64::from(radius)).abs() > 1e-9 || far.fract() == 0.0);
            prop_assert_eq!(Shape::Circle { x, y, radius }.holds(Point { x: px, y: py }), far <= f64::from(radius));
        }
    }
}
