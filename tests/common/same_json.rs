//! Compares what the reader of plain JSON finds with what the strict parser found in the same text.

use super::{Object, Piece, Reader, Value};

/// Whether the members that the reader comes to are those of the object; `None` where the text is not plain JSON.
pub(crate) fn is_object(reader: &mut Reader<'_>, strict: &Object) -> Option<bool> {
    for (at, (name, value)) in strict.iter().enumerate() {
        if reader.next_name(at == 0)? != Some(name) || !is_value(reader, value)? {
            return Some(false);
        }
    }
    Some(reader.next_name(strict.iter().len() == 0)?.is_none())
}

fn is_value(reader: &mut Reader<'_>, strict: &Value) -> Option<bool> {
    Some(match (reader.value()?, strict) {
        (Piece::Null, Value::Null) => true,
        (Piece::Bool(one), Value::Bool(other)) => one == *other,
        (Piece::Int(one), Value::Int(other)) => one == *other,
        (Piece::Text(text), Value::String(other)) => text.read() == **other,
        (Piece::Array, Value::Array(items)) => {
            for (at, item) in items.iter().enumerate() {
                if !reader.next_item(at == 0)? || !is_value(reader, item)? {
                    return Some(false);
                }
            }
            !reader.next_item(items.is_empty())?
        }
        (Piece::Object, Value::Object(object)) => is_object(reader, object)?,
        _ => false,
    })
}
