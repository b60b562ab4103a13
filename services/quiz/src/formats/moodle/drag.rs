//! Moodle's questions in which something is put in its place: `gapselect`, `ddwtos`, `ddimageortext`, `ddmarker`.

use std::collections::HashMap;
use std::fmt::Write;

use super::read::{field, flag, plain};
use crate::formats::xml::{Node, escape};
use crate::formats::{Broken, Loss, key};
use crate::model::drag::{Marker, Piece, Place, Spot, Word, Zone};
use crate::model::picture::{Picture, Point, Shape};
use crate::model::question::Spec;

/// Words for gaps; the stem gets our marks for theirs, `[[2]]`.
pub(super) fn read_words(node: &Node, stem: &mut String, dragged: bool) -> Result<Spec, Broken> {
    let options = node.all(if dragged { "dragbox" } else { "selectoption" });
    let word = |(at, option): (usize, &Node)| {
        let group = field(option, "group").map_or(Some(1), |group| group.parse().ok());
        let group = group.ok_or_else(|| Broken::new(option.line, "the group is no number from 1 to 20"))?;
        Ok(Word { key: key(at), text: plain(option), group, unlimited: dragged && option.get("infinite").is_some() })
    };
    let choices = options.enumerate().map(word).collect::<Result<_, Broken>>()?;
    let (mut places, mut text, mut rest) = (Vec::new(), String::new(), stem.as_str());
    while let Some((head, tail)) = rest.split_once("[[") {
        text.push_str(head);
        let number = tail.split_once("]]").and_then(|(number, after)| Some((number.parse::<u16>().ok()?, after)));
        if let Some((choice, after)) = number {
            let key = (places.len() + 1).to_string();
            let _ = write!(text, "{{{{{key}}}}}");
            places.push(Place { key, choice });
            rest = after;
        } else {
            text.push_str("[[");
            rest = tail;
        }
    }
    text.push_str(rest);
    *stem = text;
    let shuffle = flag(node, "shuffleanswers", false);
    Ok(if dragged { Spec::DragWords { places, choices, shuffle } } else { Spec::SelectWords { places, choices, shuffle } })
}

/// The text with their marks, and the words; none if the text holds something that would be read as a gap.
pub(super) fn write_words(
    name: &str,
    stem: &mut String,
    (places, choices, shuffle): (&[Place], &[Word], bool),
    dragged: bool,
    losses: &mut Vec<Loss>,
) -> Option<String> {
    if stem.contains("[[") {
        losses.push(Loss::new(name, "the whole question: its text has double brackets that are no gaps"));
        return None;
    }
    let mark = |place: &Place| format!("{{{{{}}}}}", place.key);
    let mut at: Vec<usize> = places.iter().filter_map(|place| stem.find(&mark(place))).collect();
    let in_order = at.is_sorted();
    at.sort_unstable();
    if !in_order || places.iter().enumerate().any(|(at, place)| place.key != (at + 1).to_string()) {
        losses.push(Loss::new(name, "the keys and the order of the gaps, which are numbered anew"));
    }
    for place in places {
        *stem = stem.replace(&mark(place), &format!("[[{}]]", place.choice));
    }
    let tag = if dragged { "dragbox" } else { "selectoption" };
    let mut body = format!("    <shuffleanswers>{}</shuffleanswers>\n", u8::from(shuffle));
    for word in choices {
        let infinite = if word.unlimited { "<infinite/>" } else { "" };
        let _ = writeln!(body, "    <{tag}><text>{}</text><group>{}</group>{infinite}</{tag}>", escape(&word.text), word.group);
    }
    Some(body)
}

fn read_picture(node: &Node) -> Option<Picture> {
    let file = node.get("file")?;
    let data: String = file.text().chars().filter(|c| !c.is_whitespace()).collect();
    Some(Picture { name: file.attribute("name").unwrap_or("picture").to_owned(), data, alt: None })
}

fn background(node: &Node) -> Result<Picture, Broken> {
    read_picture(node).ok_or_else(|| Broken::new(node.line, "there is no picture"))
}

fn write_picture(name: &str, picture: &Picture, losses: &mut Vec<Loss>) -> String {
    if picture.alt.is_some() {
        losses.push(Loss::new(name, "what a picture shows, for who can't see it"));
    }
    format!("<file name=\"{}\" path=\"/\" encoding=\"base64\">{}</file>", escape(&picture.name), escape(&picture.data))
}

/// The places of things in a list by the numbers that the file gives them, which may leave some out.
fn numbered(node: &Node, tag: &str) -> HashMap<u16, u16> {
    let number = |(at, own): (u16, &Node)| (field(own, "no").and_then(|no| no.parse().ok()).unwrap_or(at), at);
    (1..).zip(node.all(tag)).map(number).collect()
}

/// What a drop wants, by its place in our list; 0, which is none, if there is no such thing.
fn wanted(drop: &Node, numbers: &HashMap<u16, u16>) -> u16 {
    field(drop, "choice").and_then(|choice| choice.parse().ok()).and_then(|choice: u16| numbers.get(&choice).copied()).unwrap_or_default()
}

fn number<T: std::str::FromStr>(text: &str, node: &Node) -> Result<T, Broken> {
    text.trim().parse().map_err(|_| Broken::new(node.line, format!("{text:?} is no whole number")))
}

fn is_set(node: &Node, name: &str) -> bool {
    node.get(name).is_some_and(|own| own.text().trim() != "0")
}

pub(super) fn read_onto_picture(node: &Node) -> Result<Spec, Broken> {
    let piece = |(at, drag): (usize, &Node)| {
        let picture = read_picture(drag);
        let named = field(drag, "text").or_else(|| picture.as_ref().map(|picture| picture.name.clone()));
        Ok(Piece {
            key: key(at),
            text: named.unwrap_or_default(),
            picture,
            group: field(drag, "draggroup").map_or(Ok(1), |group| number(&group, drag))?,
            unlimited: drag.get("infinite").is_some(),
        })
    };
    let numbers = numbered(node, "drag");
    let spot = |(at, drop): (usize, &Node)| {
        let side = |name: &str| number(&field(drop, name).unwrap_or_default(), drop);
        let at_point = Point { x: side("xleft")?, y: side("ytop")? };
        Ok(Spot { key: format!("p{}", at + 1), at: at_point, choice: wanted(drop, &numbers), label: field(drop, "text") })
    };
    Ok(Spec::DragOntoPicture {
        picture: background(node)?,
        places: node.all("drop").enumerate().map(spot).collect::<Result<_, Broken>>()?,
        choices: node.all("drag").enumerate().map(piece).collect::<Result<_, Broken>>()?,
        shuffle: is_set(node, "shuffleanswers"),
    })
}

pub(super) fn write_onto_picture(
    name: &str,
    picture: &Picture,
    places: &[Spot],
    (choices, shuffle): (&[Piece], bool),
    losses: &mut Vec<Loss>,
) -> String {
    let mut body = if shuffle { "    <shuffleanswers/>\n".to_owned() } else { String::new() };
    let _ = writeln!(body, "    {}", write_picture(name, picture, losses));
    for (no, piece) in (1..).zip(choices) {
        let infinite = if piece.unlimited { "<infinite/>" } else { "" };
        let own = piece.picture.as_ref().map(|picture| write_picture(name, picture, losses)).unwrap_or_default();
        let _ = writeln!(
            body,
            "    <drag><no>{no}</no><text>{}</text><draggroup>{}</draggroup>{infinite}{own}</drag>",
            escape(&piece.text),
            piece.group
        );
    }
    for (no, spot) in (1..).zip(places) {
        let label = escape(spot.label.as_deref().unwrap_or_default());
        let (choice, Point { x, y }) = (spot.choice, spot.at);
        let _ =
            writeln!(body, "    <drop><text>{label}</text><no>{no}</no><choice>{choice}</choice><xleft>{x}</xleft><ytop>{y}</ytop></drop>");
    }
    body
}

/// `circle` with `80,100;20`, `rectangle` with `80,100;20,10`, `polygon` with `20,60;70,100;20,100`.
fn read_shape(drop: &Node) -> Result<Shape, Broken> {
    let coords = field(drop, "coords").unwrap_or_default();
    let pair = |text: &str| {
        let (x, y) = text.split_once(',').ok_or_else(|| Broken::new(drop.line, format!("{text:?} is no pair of numbers")))?;
        Ok(Point { x: number(x, drop)?, y: number(y, drop)? })
    };
    let (first, rest) = coords.split_once(';').unwrap_or((&coords, ""));
    match field(drop, "shape").unwrap_or_default().to_lowercase().as_str() {
        "circle" => {
            let Point { x, y } = pair(first)?;
            Ok(Shape::Circle { x, y, radius: number(rest, drop)? })
        }
        "rectangle" => {
            let (Point { x, y }, Point { x: width, y: height }) = (pair(first)?, pair(rest)?);
            Ok(Shape::Rectangle { x, y, width, height })
        }
        "polygon" => Ok(Shape::Polygon { points: coords.split(';').take(1_000).map(pair).collect::<Result<_, Broken>>()? }),
        other => Err(Broken::new(drop.line, format!("there is no shape {other:?}"))),
    }
}

pub(super) fn read_markers(node: &Node, lose: &mut impl FnMut(String)) -> Result<Spec, Broken> {
    if is_set(node, "showmisplaced") {
        lose("that misplaced markers are shown".to_owned());
    }
    let marker = |(at, drag): (usize, &Node)| {
        let count = field(drag, "noofdrags").map_or(Ok(1), |count| number(&count, drag))?;
        Ok(Marker { key: key(at), text: plain(drag), count: if drag.get("infinite").is_some() { 0 } else { count } })
    };
    let numbers = numbered(node, "drag");
    let zone = |drop: &Node| Ok(Zone { shape: read_shape(drop)?, marker: wanted(drop, &numbers) });
    Ok(Spec::DragMarkers {
        picture: background(node)?,
        zones: node.all("drop").map(zone).collect::<Result<_, Broken>>()?,
        markers: node.all("drag").enumerate().map(marker).collect::<Result<_, Broken>>()?,
        shuffle: is_set(node, "shuffleanswers"),
    })
}

pub(super) fn write_markers(
    name: &str,
    picture: &Picture,
    zones: &[Zone],
    (markers, shuffle): (&[Marker], bool),
    losses: &mut Vec<Loss>,
) -> String {
    let mut body = if shuffle { "    <shuffleanswers/>\n".to_owned() } else { String::new() };
    let _ = writeln!(body, "    {}", write_picture(name, picture, losses));
    for (no, marker) in (1..).zip(markers) {
        let count = if marker.count == 0 { "<infinite/>".to_owned() } else { format!("<noofdrags>{}</noofdrags>", marker.count) };
        let _ = writeln!(body, "    <drag><no>{no}</no><text>{}</text>{count}</drag>", escape(&marker.text));
    }
    for (no, zone) in (1..).zip(zones) {
        let (shape, coords) = match &zone.shape {
            Shape::Circle { x, y, radius } => ("circle", format!("{x},{y};{radius}")),
            Shape::Rectangle { x, y, width, height } => ("rectangle", format!("{x},{y};{width},{height}")),
            Shape::Polygon { points } => {
                ("polygon", points.iter().map(|point| format!("{},{}", point.x, point.y)).collect::<Vec<_>>().join(";"))
            }
        };
        let choice = zone.marker;
        let _ = writeln!(body, "    <drop><no>{no}</no><shape>{shape}</shape><coords>{coords}</coords><choice>{choice}</choice></drop>");
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::moodle::{export, import};
    use crate::formats::{Draft, Loss};
    use crate::model::testing::png;

    fn read(questions: &str) -> (Vec<Spec>, Vec<String>) {
        let imported = import(&format!("<quiz>{questions}</quiz>")).unwrap();
        let told = imported.losses.iter().map(|Loss { question, detail }| format!("{question}: {detail}")).collect();
        (imported.questions.into_iter().map(|draft| draft.content.answer).collect(), told)
    }

    #[test]
    fn what_moodle_writes_of_these_types_is_read() {
        let picture = png(320, 200);
        let (specs, told) = read(&format!(
            r#"<question type="ddwtos"><name><text>Words</text></name><questiontext format="html"><text>The [[2]] sat on [[1]] [[x]].</text></questiontext>
                <shuffleanswers>1</shuffleanswers><dragbox><text>mat</text><group>1</group><infinite/></dragbox><dragbox><text>cat</text><group>2</group></dragbox>
                <hint format="html"><text>Think</text><shownumcorrect/></hint></question>
            <question type="ddimageortext"><name><text>Map</text></name><questiontext format="html"><text>Where?</text></questiontext><shuffleanswers/>
                <file name="map.png" path="/" encoding="base64">{picture}</file>
                <drag><no>1</no><text>Berne</text><draggroup>1</draggroup></drag><drag><no>3</no><text/><draggroup>1</draggroup><file name="b.png" encoding="base64">{picture}</file></drag>
                <drop><text/><no>1</no><choice>3</choice><xleft>12</xleft><ytop>34</ytop></drop></question>
            <question type="ddmarker"><name><text>Cell</text></name><questiontext format="html"><text>Mark it.</text></questiontext><showmisplaced/>
                <file name="cell.png" path="/" encoding="base64">{picture}</file><drag><no>1</no><text>wall</text><noofdrags>2</noofdrags></drag>
                <drop><no>1</no><shape>polygon</shape><coords>20,60;70,100;20,100</coords><choice>1</choice></drop>
                <drop><no>2</no><shape>circle</shape><coords>80,100;20</coords><choice>1</choice></drop></question>"#
        ));
        let [
            Spec::DragWords { places, choices, shuffle: true },
            Spec::DragOntoPicture { places: spots, choices: pieces, .. },
            Spec::DragMarkers { zones, markers, shuffle: false, .. },
        ] = &specs[..]
        else {
            panic!("{specs:?}")
        };
        assert_eq!(places.iter().map(|place| place.choice).collect::<Vec<_>>(), [2, 1]);
        assert_eq!((choices[0].unlimited, choices[1].group), (true, 2));
        assert_eq!((spots[0].choice, spots[0].at, pieces[1].text.as_str()), (2, Point { x: 12, y: 34 }, "b.png"));
        assert_eq!((zones[1].shape.clone(), markers[0].count), (Shape::Circle { x: 80, y: 100, radius: 20 }, 2));
        assert_eq!(told, ["Words: what a hint does besides what it says", "Cell: that misplaced markers are shown"]);
    }

    #[test]
    fn what_can_t_be_said_is_told_and_what_is_broken_is_refused_with_its_line() {
        let content = |stem: &str, key: &str| {
            serde_json::from_value(
                serde_json::json!({"name": "n", "stem": stem, "answer": {"type": "select_words", "places": [{"key": key, "choice": 1}],
                "choices": [{"key": "a", "text": "x"}]}}),
            )
            .unwrap()
        };
        let told = |stem: &str, key: &str| {
            let draft = Draft { line: 0, category: Vec::new(), content: content(stem, key), tags: Vec::new(), difficulty: None };
            export(&[draft]).losses.into_iter().map(|loss| loss.detail).collect::<Vec<_>>()
        };
        assert!(told("a {{1}}", "1").is_empty());
        assert!(told("a {{gap}}", "gap")[0].contains("numbered anew"));
        assert!(told("a {{1}} [[2]]", "1")[0].starts_with("the whole question"));
        for broken in [
            "<question type=\"ddmarker\"><drag><no>1</no><text>a</text></drag></question>",
            "<question type=\"ddmarker\"><file name=\"a\">aa</file><drop><shape>star</shape><coords>1,1</coords></drop></question>",
            "<question type=\"ddmarker\"><file name=\"a\">aa</file><drop><shape>circle</shape><coords>1;1</coords></drop></question>",
            "<question type=\"ddimageortext\"><file name=\"a\">aa</file><drop><xleft>left</xleft></drop></question>",
            "<question type=\"gapselect\"><selectoption><text>a</text><group>many</group></selectoption></question>",
            "<question type=\"calculated\"><answer fraction=\"100\"><text>1</text><tolerancetype>9</tolerancetype></answer></question>",
        ] {
            let faults = import(&format!("<quiz>\n{broken}</quiz>")).expect_err(broken);
            assert_eq!(faults[0].line, 2, "{broken}: {faults:?}");
        }
    }
}
