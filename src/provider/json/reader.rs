//! The reader's loop: one byte tells what comes next, and a list remembers what is open.
//!
//! It checks the grammar of RFC 8259 to the letter and decodes nothing; [`super::text`] does that, for
//! the few strings that are asked for.

use super::{Document, Kind, NOTHING, Node, NotJson};

/// What must come next.
enum Expected {
    Value,
    FirstOfArray,
    FirstOfObject,
    Key,
    AfterValue,
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    /// The indices of the containers that are not closed yet, outermost first.
    open: Vec<usize>,
    depth: usize,
}

pub(super) fn read(text: &str) -> Result<Document<'_>, NotJson> {
    // A node costs about ten bytes of a usual body, and one byte at the least.
    let nodes = Vec::with_capacity(text.len() / 8);
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, nodes, open: Vec::new(), depth: 0 };
    let mut expected = Expected::Value;
    loop {
        reader.skip_blanks();
        expected = match expected {
            Expected::Value => reader.value()?,
            Expected::FirstOfArray if reader.peek() == Some(b']') => Expected::AfterValue,
            Expected::FirstOfArray => reader.value()?,
            Expected::FirstOfObject if reader.peek() == Some(b'}') => Expected::AfterValue,
            Expected::FirstOfObject | Expected::Key => reader.key()?,
            Expected::AfterValue => match reader.open.last() {
                Some(container) => reader.separator(*container)?,
                None => return reader.finish(),
            },
        };
    }
}

impl<'a> Reader<'a> {
    fn finish(self) -> Result<Document<'a>, NotJson> {
        if self.at == self.bytes.len() {
            Ok(Document { text: self.text, nodes: self.nodes, depth: self.depth })
        } else {
            Err(NotJson)
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn advance(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn skip_while(&mut self, belongs: fn(u8) -> bool) {
        while self.peek().is_some_and(belongs) {
            self.advance();
        }
    }

    fn skip_blanks(&mut self) {
        self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn take(&mut self, wanted: u8) -> Result<(), NotJson> {
        if self.peek() != Some(wanted) {
            return Err(NotJson);
        }
        self.advance();
        Ok(())
    }

    fn value(&mut self) -> Result<Expected, NotJson> {
        match self.peek().ok_or(NotJson)? {
            b'{' => return Ok(self.enter(Kind::Object)),
            b'[' => return Ok(self.enter(Kind::Array)),
            b'"' => self.string()?,
            b'n' => self.word("null", Kind::Null)?,
            b't' => self.word("true", Kind::Bool)?,
            b'f' => self.word("false", Kind::Bool)?,
            _ => self.number()?,
        }
        Ok(Expected::AfterValue)
    }

    fn enter(&mut self, kind: Kind) -> Expected {
        self.open.push(self.nodes.len());
        self.depth = self.depth.max(self.open.len());
        self.nodes.push(Node { kind, ..NOTHING });
        self.advance();
        if kind == Kind::Object { Expected::FirstOfObject } else { Expected::FirstOfArray }
    }

    /// What follows a value inside a container: a comma, or the container's end.
    fn separator(&mut self, container: usize) -> Result<Expected, NotJson> {
        let after = self.nodes.len();
        let node = self.nodes.get_mut(container).ok_or(NotJson)?;
        let is_object = node.kind == Kind::Object;
        let next = match self.bytes.get(self.at) {
            Some(b',') if is_object => Expected::Key,
            Some(b',') => Expected::Value,
            Some(b'}') if is_object => Expected::AfterValue,
            Some(b']') if !is_object => Expected::AfterValue,
            _ => return Err(NotJson),
        };
        if matches!(next, Expected::AfterValue) {
            node.after = after;
            self.open.pop();
        }
        self.advance();
        Ok(next)
    }

    fn key(&mut self) -> Result<Expected, NotJson> {
        self.string()?;
        self.skip_blanks();
        self.take(b':')?;
        Ok(Expected::Value)
    }

    fn push(&mut self, kind: Kind, start: usize) {
        let after = self.nodes.len().saturating_add(1);
        self.nodes.push(Node { kind, start, end: self.at, after });
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<(), NotJson> {
        let start = self.at;
        word.bytes().try_for_each(|byte| self.take(byte))?;
        self.push(kind, start);
        Ok(())
    }

    fn string(&mut self) -> Result<(), NotJson> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            self.skip_while(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                // A bare control character, or the end of the text.
                _ => return Err(NotJson),
            }
        }
        self.push(Kind::Text, start);
        self.take(b'"')
    }

    fn escape(&mut self) -> Result<(), NotJson> {
        self.advance();
        let is_unicode = match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => false,
            Some(b'u') => true,
            _ => return Err(NotJson),
        };
        self.advance();
        if is_unicode {
            let end = self.at.saturating_add(4);
            let hex = self.bytes.get(self.at..end).ok_or(NotJson)?;
            if !hex.iter().all(u8::is_ascii_hexdigit) {
                return Err(NotJson);
            }
            self.at = end;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.advance();
        }
        match self.peek() {
            // Nothing may follow a leading zero but a point or an exponent.
            Some(b'0') => self.advance(),
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.advance();
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.advance();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.advance();
            }
            self.digits()?;
        }
        self.push(Kind::Number, start);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        self.skip_while(|byte| byte.is_ascii_digit());
        if self.at == start { Err(NotJson) } else { Ok(()) }
    }
}
