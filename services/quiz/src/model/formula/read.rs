//! Reads a formula.

use super::{Function, MAX_DEPTH, Node, Operator, is_wildcard_name};

/// The tree of a formula, or what is wrong with it.
pub(super) fn whole(text: &str) -> Result<Node, String> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let node = reader.sum()?;
    reader.blanks();
    match reader.peek() {
        None => Ok(node),
        Some(c) => Err(reader.unexpected(c)),
    }
}

/// Reads from left to right; each rule calls the one that binds more tightly.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn takes(&mut self, sign: &str) -> bool {
        self.blanks();
        let is_there = self.rest().starts_with(sign);
        self.at += if is_there { sign.len() } else { 0 };
        is_there
    }

    fn wrong(&self, what: &str) -> String {
        format!("at character {}: {what}", self.text.get(..self.at).unwrap_or_default().chars().count() + 1)
    }

    fn unexpected(&self, c: char) -> String {
        match c {
            '^' => self.wrong("^ is not understood; a power is pow(a, b) or a ** b"),
            c => self.wrong(&format!("does not expect {c}")),
        }
    }

    /// What `rule` reads, one step deeper.
    fn deeper(&mut self, rule: fn(&mut Self) -> Result<Node, String>) -> Result<Node, String> {
        if self.depth >= MAX_DEPTH {
            return Err(format!("is nested more than {MAX_DEPTH} deep"));
        }
        self.depth += 1;
        let node = rule(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn sum(&mut self) -> Result<Node, String> {
        let mut left = self.product()?;
        loop {
            let operator = if self.takes("+") {
                Operator::Plus
            } else if self.takes("-") {
                Operator::Minus
            } else {
                return Ok(left);
            };
            left = Node::Binary(operator, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Node, String> {
        let mut left = self.signed()?;
        loop {
            let operator = if self.takes("*") {
                Operator::Times
            } else if self.takes("/") {
                Operator::By
            } else if self.takes("%") {
                Operator::Modulo
            } else {
                return Ok(left);
            };
            left = Node::Binary(operator, Box::new(left), Box::new(self.signed()?));
        }
    }

    /// A sign binds less tightly than a power: `-2 ** 2` is minus four.
    fn signed(&mut self) -> Result<Node, String> {
        if self.takes("-") {
            return Ok(Node::Negative(Box::new(self.deeper(Self::signed)?)));
        }
        if self.takes("+") {
            return self.deeper(Self::signed);
        }
        let base = self.atom()?;
        if !self.takes("**") {
            return Ok(base);
        }
        // From right to left: `2 ** 3 ** 2` is two to the ninth.
        Ok(Node::Binary(Operator::Power, Box::new(base), Box::new(self.deeper(Self::signed)?)))
    }

    fn atom(&mut self) -> Result<Node, String> {
        if self.takes("(") {
            let inner = self.deeper(Self::sum)?;
            return if self.takes(")") { Ok(inner) } else { Err(self.wrong("a bracket is not closed")) };
        }
        if self.takes("{") {
            let (name, _) = self.rest().split_once('}').ok_or_else(|| self.wrong("a brace is not closed"))?;
            if !is_wildcard_name(name) {
                return Err(self.wrong("a wildcard's name is a letter, and letters, digits and _ behind it"));
            }
            let name = name.to_owned();
            self.at += name.len() + 1;
            return Ok(Node::Wildcard(name));
        }
        match self.peek() {
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.function(),
            Some(c) => Err(self.unexpected(c)),
            None => Err(self.wrong("ends too early")),
        }
    }

    fn number(&mut self) -> Result<Node, String> {
        let bytes = self.rest().as_bytes();
        let digits = |from: usize| bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
        let mut end = digits(0);
        if bytes.get(end) == Some(&b'.') {
            end += 1 + digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            end += if exponent > 0 { 1 + sign + exponent } else { 0 };
        }
        let value = self.rest().get(..end).and_then(|text| text.parse::<f64>().ok()).filter(|value| value.is_finite());
        let value = value.ok_or_else(|| self.wrong("is no number"))?;
        self.at += end;
        Ok(Node::Number(value))
    }

    fn function(&mut self) -> Result<Node, String> {
        let name: String = self.rest().chars().take_while(char::is_ascii_alphanumeric).collect();
        let (function, takes) =
            Function::named(&name.to_ascii_lowercase()).ok_or_else(|| self.wrong(&format!("there is no function {name}")))?;
        self.at += name.len();
        if !self.takes("(") {
            return Err(self.wrong(&format!("{name} needs brackets")));
        }
        let mut arguments = Vec::new();
        if !self.takes(")") {
            loop {
                arguments.push(self.deeper(Self::sum)?);
                if self.takes(")") {
                    break;
                }
                if !self.takes(",") {
                    return Err(self.wrong("a bracket is not closed"));
                }
            }
        }
        if takes.contains(&arguments.len()) {
            return Ok(Node::Call(function, arguments));
        }
        Err(self.wrong(&format!("{name} takes {} to {} values", takes.start(), takes.end())))
    }
}
