//! The client of server reflection: `grpc.reflection.v1`, then `v1alpha`.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use thiserror::Error;
use tokio::time::timeout;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::CompressionEncoding,
    codegen::{http::uri::PathAndQuery, tokio_stream},
    metadata::MetadataMap,
};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, ServerReflectionResponse, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};

use super::join;
use crate::{
    grpc::descriptors::{MAX_FILES, MAX_SET_BYTES, file_name, imports},
    tap::dial::{Connection, DialError, DialOptions, Target, dial},
};

/// Paths of the two versions of the method; their messages are the same on the wire.
const METHODS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/// Largest response in bytes: most clients take 4 MiB. Its parts take 12 times as much as they are decoded, when they
/// are empty.
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// Largest number of services that are requested.
const MAX_SERVICES: usize = 1000;

/// Errors of server reflection.
#[derive(Debug, Error)]
pub(crate) enum ReflectError {
    /// No connection was made.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The server does not implement reflection.
    #[error("the server does not offer reflection")]
    Unimplemented,
    /// The server refused the request.
    #[error("the server's reflection answered {code}: {message}")]
    Refused {
        /// The gRPC status.
        code: String,
        /// Its message.
        message: String,
    },
    /// The response is not usable.
    #[error("the server's reflection returned a schema that cannot be used: {0}")]
    Useless(String),
    /// The time limit was reached.
    #[error("the server's reflection did not answer within {0:?}")]
    Limit(Duration),
}

/// Loads the descriptor set of every service of the server, over a separate short connection.
///
/// # Errors
/// When there is no connection, no reflection, no usable answer, or no answer within `limit`.
pub(crate) async fn reflect(target: &Target, options: &DialOptions, limit: Duration) -> Result<Vec<u8>, ReflectError> {
    let options = DialOptions {
        connect_timeout: options.connect_timeout.min(limit),
        ..options.clone()
    };
    let asked = async {
        let connection = dial(target, &options).await?;
        match fetch(&connection, METHODS[0]).await {
            Err(ReflectError::Unimplemented) => fetch(&connection, METHODS[1]).await,
            done => done,
        }
    };
    timeout(limit, asked).await.unwrap_or(Err(ReflectError::Limit(limit)))
}

async fn fetch(connection: &Connection, method: &'static str) -> Result<Vec<u8>, ReflectError> {
    let services = match ask(connection, method, MessageRequest::ListServices("*".to_owned())).await? {
        MessageResponse::ListServicesResponse(list) => list.service,
        other => return Err(unexpected(&other)),
    };
    let mut files = Files::default();
    let mut refused = Vec::new();
    // Reflection itself is no part of what is recorded.
    let wanted = services
        .into_iter()
        .filter(|service| !service.name.starts_with("grpc.reflection."));
    for service in wanted.take(MAX_SERVICES) {
        let what = MessageRequest::FileContainingSymbol(service.name.clone());
        match ask(connection, method, what).await.and_then(|answer| files.add(answer)) {
            Ok(()) => {}
            // Of one service it may not know the files; what it knows of the others is kept.
            Err(error @ (ReflectError::Refused { .. } | ReflectError::Useless(_))) => {
                refused.push((service.name, error));
            }
            Err(error) => return Err(error),
        }
    }
    if !refused.is_empty() {
        let names: Vec<_> = refused.iter().take(3).map(|(name, _)| name.as_str()).collect();
        let more = match refused.len().saturating_sub(names.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let names = format!("{}{more}", names.join(", "));
        if files.by_name.is_empty()
            && let Some((_, error)) = refused.pop()
        {
            return Err(error);
        }
        tracing::warn!("the server's reflection does not return the files of {names}; the schema lacks them");
    }
    while let Some(missing) = files.missing() {
        let answer = ask(connection, method, MessageRequest::FileByFilename(missing.clone())).await;
        match answer.and_then(|answer| files.add(answer)) {
            Ok(()) if files.has(&missing) => {}
            // Whether the schema can do without it, decoding it tells.
            _ => files.give_up(missing),
        }
    }
    join(None, &files.set()).map_err(ReflectError::Useless)
}

async fn ask(
    connection: &Connection,
    method: &'static str,
    what: MessageRequest,
) -> Result<MessageResponse, ReflectError> {
    let question = ServerReflectionRequest {
        host: connection.authority.clone(),
        message_request: Some(what),
    };
    let mut request = Request::new(tokio_stream::once(question));
    *request.metadata_mut() = MetadataMap::from_headers(connection.metadata.clone());
    let grpc = Grpc::new(connection.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES);
    let mut grpc = grpc
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Deflate);
    let not_ready = |error: tonic::transport::Error| ReflectError::Useless(error.to_string());
    grpc.ready().await.map_err(not_ready)?;
    let codec: ProstCodec<ServerReflectionRequest, ServerReflectionResponse> = ProstCodec::default();
    let answers = grpc.streaming(request, PathAndQuery::from_static(method), codec).await;
    let answer = match answers {
        Ok(answers) => answers.into_inner().message().await,
        Err(status) => Err(status),
    };
    let answer = answer.map_err(|status| refused(&status))?;
    match answer.and_then(|answer| answer.message_response) {
        Some(MessageResponse::ErrorResponse(error)) => Err(ReflectError::Refused {
            code: crate::grpc::status::name(u32::try_from(error.error_code).unwrap_or(2)),
            message: error.error_message,
        }),
        Some(answer) => Ok(answer),
        None => Err(ReflectError::Useless("it gave no answer".to_owned())),
    }
}

fn refused(status: &Status) -> ReflectError {
    match status.code() {
        Code::Unimplemented => ReflectError::Unimplemented,
        code => ReflectError::Refused {
            code: crate::grpc::status::name(code as u32),
            message: status.message().to_owned(),
        },
    }
}

fn unexpected(answer: &MessageResponse) -> ReflectError {
    let what = match answer {
        MessageResponse::FileDescriptorResponse(_) => "files",
        MessageResponse::AllExtensionNumbersResponse(_) => "extensions",
        MessageResponse::ListServicesResponse(_) => "services",
        MessageResponse::ErrorResponse(_) => "an error",
    };
    ReflectError::Useless(format!("it answered with {what} when it was asked for something else"))
}

/// The received files, byte for byte: options that nobody here knows stay in them.
#[derive(Debug, Default)]
struct Files {
    by_name: BTreeMap<String, Bytes>,
    /// Imports that are missing so far; false when they were asked for in vain.
    imports: BTreeMap<String, bool>,
    bytes: usize,
}

impl Files {
    fn add(&mut self, answer: MessageResponse) -> Result<(), ReflectError> {
        let MessageResponse::FileDescriptorResponse(answer) = answer else {
            return Err(unexpected(&answer));
        };
        for bytes in answer.file_descriptor_proto {
            let name = file_name(&bytes);
            if self.by_name.contains_key(&name) {
                continue;
            }
            self.bytes += bytes.len();
            if self.bytes > MAX_SET_BYTES || self.by_name.len() >= MAX_FILES {
                let what = format!("it has more than {MAX_FILES} files or {MAX_SET_BYTES} bytes");
                return Err(ReflectError::Useless(what));
            }
            for import in imports(&bytes) {
                self.imports.entry(import).or_insert(true);
            }
            self.by_name.insert(name, bytes.into());
        }
        Ok(())
    }

    fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// A missing import to request.
    fn missing(&self) -> Option<String> {
        let mut wanted = self.imports.iter().filter(|(_, hope)| **hope);
        wanted.find(|(name, _)| !self.has(name)).map(|(name, _)| name.clone())
    }

    fn give_up(&mut self, name: String) {
        self.imports.insert(name, false);
    }

    /// Serializes a `FileDescriptorSet`: its files are field 1.
    fn set(&self) -> Vec<u8> {
        let mut set = Vec::with_capacity(self.bytes);
        for file in self.by_name.values() {
            prost::encoding::bytes::encode(1, file, &mut set);
        }
        set
    }
}
