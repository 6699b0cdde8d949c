//! Texts that are written into JSON.

/// A text between the quotes of JSON (RFC 8259 section 7).
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => escaped.push(c),
        }
    }
    escaped
}
