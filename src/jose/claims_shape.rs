//! The shape of an issuer's claims sets: the names in their order, and the values that all of them share.
//!
//! A comparison of bytes shows whether a text has a known shape. Then only the values that differ have to be read.

use super::plain_json::{Piece, Reader};
use super::seen_names::SeenNames;

/// The longest text that a shape is made of, in bytes. Each shape is kept, so its memory is bounded.
const MAX_BYTES: usize = 4096;
/// The most members of a shape.
const MAX_MEMBERS: usize = 32;

/// The most values that may differ.
pub const MAX_DIFFERING: usize = 16;

/// The values of a text that may differ from those of other texts, in their order. The rest of the array is empty.
pub type DifferingValues<'t> = [&'t str; MAX_DIFFERING];

/// The shape of claims sets that are plain JSON.
#[derive(Debug)]
pub struct ClaimsShape {
    members: Box<[ShapeMember]>,
    /// The text before each value that may differ.
    before: Box<[Box<str>]>,
    /// The text after the last one.
    end: Box<str>,
}

#[derive(Debug)]
struct ShapeMember {
    name: Box<str>,
    /// The JSON of the value, if all texts share it.
    value: Option<Box<str>>,
}

impl ClaimsShape {
    /// The shape of one claims set, in which no value differs. `None` if it is too large, or not plain JSON.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        Self::read(text, |_, _, _| Some(false))
    }

    /// The shape of these claims sets and of this text, if the text has the same names in the same order.
    #[must_use]
    pub fn widened(&self, text: &str) -> Option<Self> {
        let differs = |at: usize, name: &str, value: &str| {
            let member = self.members.get(at).filter(|member| *member.name == *name)?;
            Some(member.value.as_deref() != Some(value))
        };
        Self::read(text, differs).filter(|shape| shape.members.len() == self.members.len())
    }

    /// For each member in order, whether its value may differ.
    pub fn differing(&self) -> impl Iterator<Item = bool> {
        self.members.iter().map(|member| member.value.is_none())
    }

    /// The values that may differ, if the text has this shape. The text must be plain JSON: the parts that are compared here are not
    /// checked.
    #[must_use]
    pub fn values_of<'t>(&self, text: &'t str) -> Option<DifferingValues<'t>> {
        // The end first: texts of different shapes more often differ there than at the beginning.
        let mut rest = text.strip_suffix(&*self.end)?;
        let mut values = [""; MAX_DIFFERING];
        for (before, found) in self.before.iter().zip(&mut values) {
            let value = rest.strip_prefix(&**before)?;
            let mut reader = Reader::of_value(value);
            match reader.value()? {
                began @ (Piece::Array | Piece::Object) => reader.finish(began, &mut SeenNames::new())?,
                Piece::Null | Piece::Bool(_) | Piece::Int(_) | Piece::Text(_) => {}
            }
            (*found, rest) = reader.split();
        }
        if rest.is_empty() { Some(values) } else { None }
    }

    /// Reads the members of a text. `differs` returns for each whether its value may differ; `None` if the text has another shape.
    fn read(text: &str, differs: impl Fn(usize, &str, &str) -> Option<bool>) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let (mut members, mut before, mut behind) = (Vec::new(), Vec::new(), 0);
        let mut reader = Reader::of_object(text)?;
        while let Some(name) = reader.next_name(members.is_empty())? {
            let start = reader.start_of_value();
            let began = reader.value()?;
            reader.finish(began, &mut SeenNames::new())?;
            let value = reader.place_from(start)?.of(text);
            let may_differ = differs(members.len(), name, value)?;
            if may_differ {
                before.push(text.get(behind..start)?.into());
                behind = start + value.len();
            }
            members.push(ShapeMember { name: name.into(), value: (!may_differ).then(|| value.into()) });
        }
        if members.len() > MAX_MEMBERS || before.len() > MAX_DIFFERING {
            return None;
        }
        Some(Self { members: members.into(), before: before.into(), end: text.get(behind..)?.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(shape: &ClaimsShape, text: &str) -> Option<Vec<String>> {
        let values = shape.values_of(text)?;
        Some(values.iter().take(shape.before.len()).map(|&value| value.to_owned()).collect())
    }

    #[test]
    fn a_shape_widens_to_what_differs_and_gives_those_values() {
        let first = r#"{"iss":"i","sub":"a", "exp": 17,"aud":["x","y"],"n":null}"#;
        let shape = ClaimsShape::of(first).unwrap();
        assert_eq!(values(&shape, first), Some(vec![]));
        let second = r#"{"iss":"i","sub":"b", "exp": 18,"aud":["x","y"],"n":null}"#;
        assert_eq!(values(&shape, second), None);
        let shape = shape.widened(second).unwrap();
        assert_eq!(shape.differing().collect::<Vec<_>>(), [false, true, true, false, false]);
        assert_eq!(values(&shape, second), Some(vec!["\"b\"".to_owned(), "18".to_owned()]));
        let nested = r#"{"iss":"i","sub":"c \" \\", "exp": {"a":[1,{"b":[]}]},"aud":["x","y"],"n":null}"#;
        assert_eq!(values(&shape, nested).unwrap(), [r#""c \" \\""#, r#"{"a":[1,{"b":[]}]}"#]);
        let shape = shape.widened(r#"{"iss":"i","sub":"b", "exp": 18,"aud":["x"],"n":null}"#).unwrap();
        assert_eq!(values(&shape, first).unwrap(), ["\"a\"", "17", r#"["x","y"]"#]);
    }

    #[test]
    fn other_names_another_order_and_other_values_are_another_shape() {
        let shape = ClaimsShape::of(r#"{"a":"1","b":"2","c":3}"#).unwrap();
        let shape = shape.widened(r#"{"a":"1","b":"3","c":3}"#).unwrap();
        assert!(values(&shape, r#"{"a":"1","b":"x","c":3}"#).is_some());
        for other in [
            r#"{"a":"2","b":"x","c":3}"#,
            r#"{"a":"1","b":"x","c":34}"#,
            r#"{"a":"1","b":"x","c":3,"d":4}"#,
            r#"{"a":"1","b":"x"}"#,
            r#"{"a":"1","b":"x","d":3}"#,
            r#"{"b":"x","a":"1","c":3}"#,
            r#"{"a": "1","b":"x","c":3}"#,
            r#"{"a":"1","b":"x","c":3} "#,
            r#"{"a":"1","b":-1,"c":3}"#,
        ] {
            assert!(values(&shape, other).is_none(), "{other}");
        }
        for other in [r#"{"a":"1","b":"x"}"#, r#"{"b":"x","a":"1","c":3}"#, r#"{"a":"1","b":"x","c":3,"d":4}"#] {
            assert!(shape.widened(other).is_none(), "{other}");
        }
    }

    #[test]
    fn what_is_large_or_not_plain_has_no_shape() {
        let of = |count: usize| {
            let members: Vec<_> = (0..count).map(|at| format!("\"m{at}\":{at}")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(ClaimsShape::of(&of(MAX_MEMBERS)).is_some());
        assert!(ClaimsShape::of(&of(MAX_MEMBERS + 1)).is_none());
        assert!(ClaimsShape::of(&format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_BYTES))).is_none());
        assert!(ClaimsShape::of(r#"{"a":1.5}"#).is_none());
        let shifted = |count: usize| ClaimsShape::of(&of(count)).unwrap().widened(&of(count).replace(':', ":1"));
        assert!(shifted(MAX_DIFFERING).is_some());
        assert!(shifted(MAX_DIFFERING + 1).is_none());
    }
}
