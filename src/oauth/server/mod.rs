//! A resource server: what it answers to a client, which operation a client asks for, and how it asks an authorization
//! server about a token.

pub mod answer;
pub mod answer_cache;
pub mod challenge;
pub mod dpop;
mod fair_queue;
pub mod introspection;
pub mod introspection_client;
pub mod introspection_request;
pub mod introspection_result;
pub mod introspection_settings;
pub mod json_verification;
pub mod operation;
pub mod operation_headers;
mod queue_flow;
pub mod resource_server;
pub mod sealed_answer;
pub mod token_introspection;
pub mod token_syntax;
pub mod type_demand;
pub mod wire_format;
