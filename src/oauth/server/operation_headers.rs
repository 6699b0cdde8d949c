//! The operation that a request to an MCP server asks for in its headers, as MCP has it from 2026-07-28 on.

use super::operation::{LONGEST_BODY, Method};

/// The first version of MCP in which requests name their operation in headers, and servers compare these with the body.
const FIRST_WITH_HEADERS: &[u8] = b"2026-07-28";

/// Where the operation of a request is named, by its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderView<'h> {
    /// There is none, or it is in a body that cannot be read.
    Nothing,
    /// The body may name one.
    InBody,
    /// The headers name it.
    Operation(Method, &'h str),
}

impl<'h> HeaderView<'h> {
    /// Whether the operation can depend on a header of this name.
    #[must_use]
    #[inline]
    pub fn reads(name: &[u8]) -> bool {
        matches!(name, b"mcp-protocol-version" | b"mcp-method" | b"mcp-name" | b"content-encoding" | b"content-length")
    }

    /// Reads the headers. Their names are in lower case, as in ASGI.
    ///
    /// `Mcp-Method` and `Mcp-Name` count only in versions of MCP in which servers compare them with the body.
    #[must_use]
    pub fn of(headers: impl Iterator<Item = (&'h [u8], &'h [u8])>) -> Self {
        let (mut protocol, mut method, mut target) = (Given::Never, Given::Never, Given::Never);
        let mut body_is_readable = true;
        for (name, value) in headers {
            match name {
                b"mcp-protocol-version" => protocol.add(value),
                b"mcp-method" => method.add(value),
                b"mcp-name" => target.add(value),
                b"content-encoding" => body_is_readable &= value.eq_ignore_ascii_case(b"identity"),
                b"content-length" => body_is_readable &= fits(value),
                _ => (),
            }
        }
        let in_body = if body_is_readable { Self::InBody } else { Self::Nothing };
        let (Given::Once(protocol), Given::Once(method)) = (protocol, method) else { return in_body };
        if protocol.len() != FIRST_WITH_HEADERS.len() || protocol < FIRST_WITH_HEADERS {
            return in_body;
        }
        let Some(method) = Method::named(method) else { return Self::Nothing };
        match target {
            // This prefix marks an encoded value, which the body has in plain.
            Given::Once(target) if !target.starts_with(b"=?") => match std::str::from_utf8(target) {
                Ok(target) if target.is_ascii() => Self::Operation(method, target),
                _ => in_body,
            },
            _ => in_body,
        }
    }
}

/// The value of a header that counts only if it is given once.
#[derive(Clone, Copy)]
enum Given<'h> {
    Never,
    Once(&'h [u8]),
    Often,
}

impl<'h> Given<'h> {
    fn add(&mut self, value: &'h [u8]) {
        *self = if matches!(self, Self::Never) { Self::Once(value) } else { Self::Often };
    }
}

fn fits(content_length: &[u8]) -> bool {
    let length = std::str::from_utf8(content_length).ok().and_then(|text| text.parse::<usize>().ok());
    length.is_some_and(|length| length <= LONGEST_BODY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view<'h>(headers: &[(&'h str, &'h str)]) -> HeaderView<'h> {
        HeaderView::of(headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }

    #[test]
    fn headers_count_from_the_protocol_on_whose_servers_check_them() {
        let named = [("mcp-method", "tools/call"), ("mcp-name", "save")];
        let at = |protocol| view(&[named[0], named[1], ("mcp-protocol-version", protocol)]);
        for checked in ["2026-07-28", "2027-01-01"] {
            assert_eq!(at(checked), HeaderView::Operation(Method::CallTool, "save"));
        }
        for unchecked in ["2025-11-25", "2025-06-18", "", "9"] {
            assert_eq!(at(unchecked), HeaderView::InBody, "{unchecked}");
        }
        assert_eq!(view(&named), HeaderView::InBody);
        assert_eq!(view(&[]), HeaderView::InBody);
    }

    #[test]
    fn headers_that_do_not_name_one_operation_leave_it_to_the_body() {
        let modern = ("mcp-protocol-version", "2026-07-28");
        let call = ("mcp-method", "tools/call");
        for headers in [
            &[modern, call][..],
            &[modern, call, ("mcp-name", "a"), ("mcp-name", "b")],
            &[modern, call, call, ("mcp-name", "a")],
            &[modern, modern, call, ("mcp-name", "a")],
            &[modern, call, ("mcp-name", "=?base64?w6k=?=")],
            &[modern, call, ("mcp-name", "\u{e9}")],
        ] {
            assert_eq!(view(headers), HeaderView::InBody, "{headers:?}");
        }
        assert_eq!(view(&[modern, ("mcp-method", "tools/list")]), HeaderView::Nothing);
    }

    #[test]
    fn a_body_that_is_compressed_or_too_large_is_not_looked_at() {
        for headers in [("content-encoding", "gzip"), ("content-length", "65537"), ("content-length", "-1")] {
            assert_eq!(view(&[headers]), HeaderView::Nothing, "{headers:?}");
        }
        assert_eq!(view(&[("content-encoding", "Identity"), ("content-length", "65536")]), HeaderView::InBody);
    }
}
