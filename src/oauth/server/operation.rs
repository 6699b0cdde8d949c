//! The operation that a request to an MCP server asks for in its body: to call a tool, to read a resource, to get a prompt.
//!
//! It decides only whether a refusal names scopes; no request is accepted by it. A body that is not strict JSON names no operation
//! here, and goes on to the server, which makes its own checks.

use crate::jose::json::{self, Object, Value};
use crate::jose::plain_json::{Piece, Reader};
use crate::jose::seen_names::SeenNames;

/// The longest body that is read, in bytes.
pub const LONGEST_BODY: usize = 64 * 1024;

/// The methods of JSON-RPC that name something for which a server may demand scopes.
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
    /// The method.
    pub method: Method,
    /// The name of the tool or prompt, or the URI of the resource.
    pub target: Box<str>,
    /// The version of the tool, resource or prompt, if FastMCP's part of `_meta` names one.
    pub version: Option<Box<str>>,
}

impl Operation {
    /// The operation of a body. `None` for other methods, batches and notifications, for a body longer than [`LONGEST_BODY`], and
    /// for one that is not a strict JSON object: of two members with one name, servers read the last.
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

    /// The operation of any body, by the strict parser.
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

/// Reads bodies of plain JSON, as almost all are, without a tree of their values.
mod plain {
    use super::{Method, Operation, Piece, Reader, SeenNames};

    /// The body names no operation.
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
                    // The rest does not matter: a second `method` would make the body no strict JSON.
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

    /// The parameters that can name a tool, a resource or a prompt, of a request that names no version.
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

    /// Reads the members of `_meta`. `None` if FastMCP's part is among them, since it may name a version.
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

/// The version is not a text.
struct UnknownVersion;

/// The version in `_meta`, if there is one.
fn version(params: &Object) -> Result<Option<Box<str>>, UnknownVersion> {
    let Some(Value::Object(meta)) = params.get("_meta") else { return Ok(None) };
    let Some(Value::Object(fastmcp)) = meta.get("fastmcp") else { return Ok(None) };
    match fastmcp.get("version") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(version)) => Ok((!version.is_empty()).then(|| version.clone())),
        Some(_) => Err(UnknownVersion),
    }
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
}
