//! A small tree of XML, for documents that are no larger than a request. Without document types and entities: neither a file of the server nor a thousand
//! million laughs can be asked for.

use std::fmt::Write;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::{Broken, line_of};

const DEEPEST: usize = 64;
const MOST: usize = 500_000;

/// An element.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// Its name, without a prefix.
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    /// Elements and pieces of text, in order.
    pub(super) content: Vec<Piece>,
    pub(super) line: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Piece {
    Node(Node),
    Text(String),
}

impl Node {
    pub(super) fn children(&self) -> impl Iterator<Item = &Self> {
        self.content.iter().filter_map(|piece| match piece {
            Piece::Node(node) => Some(node),
            Piece::Text(_) => None,
        })
    }

    pub(super) fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Self> {
        self.children().filter(move |node| node.name == name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.children().find(|node| node.name == name)
    }

    /// The first of this name, however deep.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        self.children().find_map(|node| if node.name == name { Some(node) } else { node.find(name) })
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// All text in it.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.collect(&mut text);
        text
    }

    fn collect(&self, into: &mut String) {
        for piece in &self.content {
            match piece {
                Piece::Text(text) => into.push_str(text),
                Piece::Node(node) => node.collect(into),
            }
        }
    }
}

/// The root of a document.
pub(super) fn parse(document: &str) -> Result<Node, Vec<Broken>> {
    let mut reader = Reader::from_str(document);
    let mut open: Vec<Node> = Vec::new();
    let mut root = None;
    let mut count = 0;
    let mut lines = Lines { document: document.as_bytes(), read: 0, line: 1 };
    loop {
        let at = lines.up_to(reader.buffer_position());
        let broken = |detail: &str| vec![Broken::new(at, detail)];
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => {
                return Err(vec![Broken::new(lines.up_to(reader.error_position()), format!("the XML is not well formed: {error}"))]);
            }
        };
        match event {
            Event::Start(tag) => {
                count += 1;
                if open.len() >= DEEPEST || count > MOST {
                    return Err(broken("the XML is nested too deeply or has too many elements"));
                }
                open.push(node(&tag, at)?);
            }
            Event::Empty(tag) => {
                count += 1;
                if count > MOST {
                    return Err(broken("the XML has too many elements"));
                }
                close(node(&tag, at)?, &mut open, &mut root).map_err(broken)?;
            }
            Event::End(_) => match open.pop() {
                Some(node) => close(node, &mut open, &mut root).map_err(broken)?,
                None => return Err(broken("an end without a beginning")),
            },
            Event::Text(text) => push(&text, &mut open),
            Event::CData(text) => push(&text, &mut open),
            Event::GeneralRef(reference) => {
                let predefined = match &*reference {
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "amp" => Some('&'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => reference.resolve_char_ref().ok().flatten(),
                };
                let c = predefined.ok_or_else(|| broken("an entity that is not one of the five of XML is refused"))?;
                push(c.encode_utf8(&mut [0; 4]), &mut open);
            }
            Event::DocType(_) => return Err(broken("a document type is refused")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match (open.last(), root) {
        (Some(node), _) => Err(vec![Broken::new(node.line, format!("<{}> is not closed", node.name))]),
        (None, Some(root)) => Ok(root),
        (None, None) => Err(vec![Broken::new(1, "there is no element")]),
    }
}

/// Counts lines as the document is read: each byte once, however many elements there are.
struct Lines<'d> {
    document: &'d [u8],
    read: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line at `offset`; offsets don't go back.
    fn up_to(&mut self, offset: u64) -> usize {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(self.document.len());
        let passed = self.document.get(self.read..offset).unwrap_or_default();
        self.line += line_of(passed) - 1;
        self.read = self.read.max(offset);
        self.line
    }
}

fn node(tag: &BytesStart<'_>, line: usize) -> Result<Node, Vec<Broken>> {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| vec![Broken::new(line, format!("an attribute can't be read: {error}"))])?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|_| vec![Broken::new(line, "an attribute has an entity that is not one of the five of XML")])?;
        attributes.push((attribute.key.local_name().into_inner().to_owned(), value.into_owned()));
    }
    Ok(Node { name: tag.local_name().into_inner().to_owned(), attributes, content: Vec::new(), line })
}

fn close(node: Node, open: &mut [Node], root: &mut Option<Node>) -> Result<(), &'static str> {
    match (open.last_mut(), &root) {
        (Some(parent), _) => parent.content.push(Piece::Node(node)),
        (None, None) => *root = Some(node),
        (None, Some(_)) => return Err("there are two roots"),
    }
    Ok(())
}

fn push(text: &str, open: &mut [Node]) {
    if let Some(node) = open.last_mut() {
        match node.content.last_mut() {
            Some(Piece::Text(own)) => own.push_str(text),
            _ => node.content.push(Piece::Text(text.to_owned())),
        }
    }
}

/// `text` as it stands in XML. Blanks at the ends and line breaks are spelt out, or a reader would be free to lose them.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\r' | '\t' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_server_and_a_thousand_million_laughs_are_refused() {
        let attacks = [
            "<?xml version=\"1.0\"?><!DOCTYPE quiz [<!ENTITY xxe SYSTEM \"file:///etc/passwd\">]><quiz>&xxe;</quiz>",
            "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]><quiz>&lol2;</quiz>",
            "<quiz>&xxe;</quiz>",
            "<quiz a=\"&xxe;\"/>",
        ];
        for attack in attacks {
            assert!(parse(attack).is_err(), "{attack}");
        }
        let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
        assert!(parse(&deep).is_err());
        assert!(parse(&format!("<quiz>{}</quiz>", "<a/>".repeat(MOST))).is_err(), "too many elements");
    }

    #[test]
    fn what_is_not_well_formed_is_told_with_its_line() {
        let line = |document: &str| parse(document).unwrap_err()[0].line;
        assert_eq!(line("<quiz>\n<a>\n</b>\n</quiz>"), 3);
        assert_eq!(line("<quiz>\n<a>"), 2);
        assert_eq!(line(""), 1);
        let root = parse("<q x='1 &lt; 2'>a &amp; <b>c</b>&#233;<![CDATA[<d>]]></q>").unwrap();
        assert_eq!((root.text().as_str(), root.attribute("x")), ("a & cé<d>", Some("1 < 2")));
    }
}
