//! Which operation a request to an MCP server asks for: the call of a tool, the reading of a resource, a prompt.
//!
//! It only adds detail to an answer, and accepts nothing. A body that cannot be read strictly counts as no operation, and goes on
//! to the server, which makes its own checks.

use crate::jose::json::{self, Object, Value};
use crate::jose::plain_json::{Piece, Reader, SeenNames};

/// The longest body that is looked at, in bytes.
pub const LONGEST_BODY: usize = 64 * 1024;

/// The first protocol whose requests name their operation in headers, which the server compares with the body.
const FIRST_WITH_HEADERS: &[u8] = b"2026-07-28";

/// What names something that a server may demand scopes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `tools/call`
    CallTool,
    /// `resources/read`
    ReadResource,
    /// `prompts/get`
    GetPrompt,
}

impl Method {
    const ALL: [Self; 3] = [Self::CallTool, Self::ReadResource, Self::GetPrompt];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CallTool => "tools/call",
            Self::ReadResource => "resources/read",
            Self::GetPrompt => "prompts/get",
        }
    }

    /// The method of this name on the wire.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name().as_bytes() == name)
    }

    /// The parameter that says which tool, resource or prompt.
    fn parameter(self) -> &'static str {
        match self {
            Self::CallTool | Self::GetPrompt => "name",
            Self::ReadResource => "uri",
        }
    }
}

/// An operation, as a JSON-RPC request names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operation {
    /// What is done.
    pub method: Method,
    /// The name of the tool or prompt, or the URI of the resource.
    pub target: Box<str>,
    /// The version that is asked for in FastMCP's part of `_meta`, if one is.
    pub version: Option<Box<str>>,
}

impl Operation {
    /// The operation of a body. `None` for every other method, for a batch, a notification, more than [`LONGEST_BODY`], and for one
    /// that is not one strict JSON object: where a name stands twice, servers read the last.
    #[must_use]
    pub fn of_body(body: &[u8]) -> Option<Self> {
        if body.len() > LONGEST_BODY {
            return None;
        }
        match std::str::from_utf8(body).ok().and_then(plain::operation) {
            Some(found) => found.ok(),
            None => Self::strictly(body),
        }
    }

    /// The operation of any body, by the parser that decides.
    fn strictly(body: &[u8]) -> Option<Self> {
        let request = json::parse_object(body).ok()?;
        let method = Method::named(request.get("method")?.as_str()?.as_bytes())?;
        if !matches!(request.get("id")?, Value::String(_) | Value::Int(_) | Value::BigInt(_) | Value::Float(_)) {
            return None;
        }
        let Value::Object(params) = request.get("params")? else { return None };
        let target = params.get(method.parameter())?.as_str()?.into();
        Some(Self { method, target, version: version(params).ok()? })
    }
}

/// Bodies of plain JSON, as almost all are, without a tree of their values.
mod plain {
    use super::{Method, Operation, Piece, Reader, SeenNames};

    /// The body asks for nothing that can demand scopes.
    #[derive(Debug)]
    pub(super) struct NoOperation;

    /// The operation of a body. `None` leaves the body to the strict parser.
    pub(super) fn operation(body: &str) -> Option<Result<Operation, NoOperation>> {
        let mut reader = Reader::of_object(body)?;
        let mut names = SeenNames::new();
        let mut members = names.of_object();
        let (mut method, mut params, mut has_id, mut is_first) = (None, None, false, true);
        while let Some(name) = reader.next_name(is_first)? {
            is_first = false;
            names.add(&mut members, name)?;
            match (name, reader.value()?) {
                ("method", value) => match Method::named(value.plain()?.as_bytes()) {
                    // The rest does not matter: with a second method the body would not be strict JSON.
                    None => return Some(Err(NoOperation)),
                    known => method = known,
                },
                ("id", Piece::Int(_) | Piece::Text(_)) => has_id = true,
                ("id", _) => return None,
                ("params", Piece::Object) => params = Some(Params::read(&mut reader, &mut names)?),
                (_, value) => reader.finish(value, &mut names)?,
            }
        }
        if !reader.is_at_end() {
            return None;
        }
        let asked = method.filter(|_| has_id).zip(params);
        let Some((method, target)) = asked.and_then(|(method, params)| Some((method, params.target(method)?))) else {
            return Some(Err(NoOperation));
        };
        Some(Ok(Operation { method, target: target.into(), version: None }))
    }

    /// Those of the parameters that can name something, where no version is asked for.
    #[derive(Default)]
    struct Params<'t> {
        name: Option<&'t str>,
        uri: Option<&'t str>,
    }

    impl<'t> Params<'t> {
        fn read(reader: &mut Reader<'t>, names: &mut SeenNames<'t>) -> Option<Self> {
            let mut params = Self::default();
            let mut members = names.of_object();
            let mut is_first = true;
            while let Some(name) = reader.next_name(is_first)? {
                is_first = false;
                names.add(&mut members, name)?;
                match (name, reader.value()?) {
                    ("name", value) => params.name = Some(value.plain()?),
                    ("uri", value) => params.uri = Some(value.plain()?),
                    ("_meta", Piece::Object) => without_fastmcp(reader, names)?,
                    (_, value) => reader.finish(value, names)?,
                }
            }
            names.end(&members);
            Some(params)
        }

        fn target(&self, method: Method) -> Option<&'t str> {
            if method.parameter() == "uri" { self.uri } else { self.name }
        }
    }

    /// Reads the members of `_meta`. `None` where FastMCP's part is among them, which may ask for a version.
    fn without_fastmcp<'t>(reader: &mut Reader<'t>, names: &mut SeenNames<'t>) -> Option<()> {
        let mut members = names.of_object();
        let mut is_first = true;
        while let Some(name) = reader.next_name(is_first)? {
            is_first = false;
            names.add(&mut members, name)?;
            if name == "fastmcp" {
                return None;
            }
            let value = reader.value()?;
            reader.finish(value, names)?;
        }
        names.end(&members);
        Some(())
    }
}

/// The version is no text.
struct UnknownVersion;

/// The version in `_meta`, where there is one.
fn version(params: &Object) -> Result<Option<Box<str>>, UnknownVersion> {
    let Some(Value::Object(meta)) = params.get("_meta") else { return Ok(None) };
    let Some(Value::Object(fastmcp)) = meta.get("fastmcp") else { return Ok(None) };
    match fastmcp.get("version") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(version)) => Ok((!version.is_empty()).then(|| version.clone())),
        Some(_) => Err(UnknownVersion),
    }
}

/// What the headers of a request say of its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderView<'h> {
    /// There is no operation, or it is in a body that cannot be read.
    Nothing,
    /// The body has to be looked at.
    InBody,
    /// They name it.
    Operation(Method, &'h str),
}

impl<'h> HeaderView<'h> {
    /// Whether the operation can depend on a header of this name.
    #[must_use]
    #[inline]
    pub fn reads(name: &[u8]) -> bool {
        matches!(name, b"mcp-protocol-version" | b"mcp-method" | b"mcp-name" | b"content-encoding" | b"content-length")
    }

    /// Reads the headers, whose names are in lower case as ASGI has them.
    ///
    /// `Mcp-Method` and `Mcp-Name` count from the protocol on whose servers compare them with the body.
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
            // This prefix marks an encoded value.
            Given::Once(target) if !target.starts_with(b"=?") => match std::str::from_utf8(target) {
                Ok(target) if target.is_ascii() => Self::Operation(method, target),
                _ => in_body,
            },
            _ => in_body,
        }
    }
}

/// A header that must be given once.
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

    fn of(body: &str) -> Option<(&'static str, String, Option<String>)> {
        let read = Operation::of_body(body.as_bytes());
        if body.len() <= LONGEST_BODY {
            assert_eq!(read, Operation::strictly(body.as_bytes()), "{}", &body[..body.len().min(100)]);
        }
        let read = read?;
        Some((read.method.name(), read.target.into(), read.version.map(Into::into)))
    }

    fn call(params: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#)
    }

    fn view<'h>(headers: &[(&'h str, &'h str)]) -> HeaderView<'h> {
        HeaderView::of(headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }

    #[test]
    fn a_body_names_its_operation() {
        assert_eq!(of(&call(r#"{"name":"save","arguments":{"n":[1]}}"#)), Some(("tools/call", "save".into(), None)));
        assert_eq!(
            of(r#"{"params":{"uri":"note://1"},"method":"resources/read","id":"a"}"#),
            Some(("resources/read", "note://1".into(), None))
        );
        assert_eq!(
            of(r#"{"params":{"name":"\u0061sk"},"method":"prompts/get","id":1.5}"#),
            Some(("prompts/get", "ask".into(), None))
        );
    }

    #[test]
    fn a_version_is_read_where_fastmcp_reads_it() {
        let with = |version: &str| call(&format!(r#"{{"name":"save","_meta":{{"fastmcp":{{"version":{version}}}}}}}"#));
        assert_eq!(of(&with("\"1.0\"")).unwrap().2, Some("1.0".into()));
        for absent in ["\"\"", "null"] {
            assert_eq!(of(&with(absent)).unwrap().2, None);
        }
        for unknown in ["1", "{\"eq\":\"1\"}", "[]"] {
            assert_eq!(of(&with(unknown)), None, "{unknown}");
        }
        assert_eq!(of(&call(r#"{"name":"save","_meta":{"version":"1"}}"#)).unwrap().2, None);
    }

    #[test]
    fn whatever_else_a_body_is_names_none() {
        let one = call(r#"{"name":"save"}"#);
        let twice = call(r#"{"name":"save","name":"load"}"#);
        let deep = call(&format!(r#"{{"name":"save","arguments":{{"a":{}{}}}}}"#, "[".repeat(40), "]".repeat(40)));
        let large = call(&format!(r#"{{"name":"save","arguments":{{"a":"{}"}}}}"#, "x".repeat(LONGEST_BODY)));
        for other in [
            "",
            "null",
            "[]",
            &format!("[{one}]"),
            &format!("{one}{one}"),
            &format!("\u{feff}{one}"),
            &twice,
            &deep,
            &large,
            &call("[]"),
            &call(r#"{"uri":"save"}"#),
            &call(r#"{"name":1}"#),
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"save"}}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"save"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"name":"save"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"name":"save"}}"#,
        ] {
            assert_eq!(of(other), None, "{}", &other[..other.len().min(100)]);
        }
    }

    #[test]
    fn a_body_with_any_byte_changed_is_read_as_the_strict_parser_reads_it() {
        let meta = r#""_meta":{"progressToken":7,"x":{"name":"other"}}"#;
        let bodies = [
            call(&format!(r#"{{"name":"save","arguments":{{"a":[1,true,null,"b"],"uri":{{}}}},{meta}}}"#)),
            format!(
                r#" {{ "params":{{ {meta}, "uri":"note://1" }}, "id":"a", "method":"resources/read", "x":{{}} }} "#
            ),
            r#"{"id":1,"method":"prompts/get","params":{"name":"ask","method":"a","id":2}}"#.to_owned(),
        ];
        for body in bodies {
            let found = plain::operation(&body);
            assert!(matches!(found, Some(Ok(_))), "{body}");
            for at in 0..body.len() {
                for byte in *b"\"\\{}[]:,0-aenu \x1f_" {
                    let mut changed = body.clone().into_bytes();
                    changed[at] = byte;
                    assert_eq!(
                        Operation::of_body(&changed),
                        Operation::strictly(&changed),
                        "{}",
                        String::from_utf8_lossy(&changed)
                    );
                    changed.remove(at);
                    assert_eq!(
                        Operation::of_body(&changed),
                        Operation::strictly(&changed),
                        "{}",
                        String::from_utf8_lossy(&changed)
                    );
                }
            }
        }
    }

    #[test]
    fn the_longest_body_is_still_looked_at() {
        let frame = call(r#"{"name":"save","arguments":{"a":""}}"#).len();
        let body = call(&format!(r#"{{"name":"save","arguments":{{"a":"{}"}}}}"#, "x".repeat(LONGEST_BODY - frame)));
        assert_eq!(body.len(), LONGEST_BODY);
        assert!(of(&body).is_some());
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
