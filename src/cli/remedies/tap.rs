//! Texts of errors of the taps, of replay and of serve, with the flags and commands that help.

use std::error::Error;

use crate::{
    grpc::WireError,
    replay::CompareError,
    report::attach::AttachError,
    serve::ReplayError,
    tap::{
        DialError, ProxyError, RestError, TapError,
        client::CallFault,
        dial::{advice::DialAdvice, metadata::MetadataError},
        health::HealthError,
        rest::error::RestAdvice,
        schema::{ReflectError, SchemaError},
        tls::{
            TlsError,
            remedy::{TlsAdvice, TrustAdvice},
        },
    },
};

/// The text of the error without its causes, with the flags that help; `None` where its own text says all there is.
pub(crate) fn told(error: &(dyn Error + 'static)) -> Option<String> {
    /// The text of the error, if it is of this type.
    fn of<E: Error + 'static>(
        error: &(dyn Error + 'static),
        told: impl FnOnce(&E) -> Option<String>,
    ) -> Option<String> {
        error.downcast_ref().and_then(told)
    }
    of(error, of_dial)
        .or_else(|| of(error, of_tls))
        .or_else(|| of(error, of_rest))
        .or_else(|| of(error, of_tap))
        .or_else(|| of(error, of_fault))
        .or_else(|| of(error, |error| Some(of_health(error))))
        .or_else(|| of(error, of_proxy))
        .or_else(|| of(error, of_schema))
        .or_else(|| of(error, of_reflect))
        .or_else(|| of(error, |error| Some(of_metadata(error))))
        .or_else(|| of(error, of_attach))
        .or_else(|| of(error, of_replay))
        .or_else(|| of(error, of_serve))
}

fn of_dial(error: &DialError) -> Option<String> {
    match error {
        DialError::Options(error) => of_tls(error),
        error => Some(error.told(dial)),
    }
}

fn of_tap(error: &TapError) -> Option<String> {
    match error {
        TapError::Dial(error) => of_dial(error),
        TapError::Health(error) => Some(of_health(error)),
        TapError::Method(_) | TapError::Recorder(_) | TapError::Stopped { .. } => None,
    }
}

fn of_fault(error: &CallFault) -> Option<String> {
    match error {
        CallFault::Wire(WireError::TooLarge { size, .. }) => Some(format!("{error}: --max-msg-sz {size}")),
        CallFault::Wire(_) | CallFault::Refused(_) => None,
    }
}

fn of_proxy(error: &ProxyError) -> Option<String> {
    match error {
        ProxyError::Listen { .. } => Some(format!("{error} with --listen, or --rest-listen")),
        ProxyError::Rest(error) => of_rest(error),
        ProxyError::Dial(error) => of_dial(error),
        ProxyError::Tls(_) => None,
    }
}

fn of_reflect(error: &ReflectError) -> Option<String> {
    match error {
        ReflectError::Dial(error) => of_dial(error),
        _ => None,
    }
}

fn of_rest(error: &RestError) -> Option<String> {
    match error {
        RestError::Tls(error) => of_tls(error),
        RestError::Handshake { url, reason, remedy } => Some(handshake(url, reason, remedy)),
        RestError::OtherProtocol { url, what, remedy } => {
            let remedy = match remedy {
                RestAdvice::DialPlaintext => {
                    "a gRPC port is dialled with --target HOST:PORT --plaintext; --server takes the REST address"
                }
                RestAdvice::Dial => "a gRPC port is dialled with --target HOST:PORT; --server takes the REST address",
                RestAdvice::WriteHttps => return None,
            };
            Some(format!("{url} speaks {what}; no job was created: {remedy}"))
        }
        _ => None,
    }
}

fn of_attach(error: &AttachError) -> Option<String> {
    match error {
        AttachError::Tls(error) => of_tls(error),
        AttachError::Handshake { url, reason, remedy } => Some(handshake(url, reason, remedy)),
        _ => None,
    }
}

fn handshake(url: &str, reason: &str, remedy: &TlsAdvice) -> String {
    format!("could not agree on TLS with {url}: {reason}; {}", tls(remedy))
}

fn of_tls(error: &TlsError) -> Option<String> {
    match error {
        TlsError::NoKey { path } => Some(format!(
            "no PEM private key in {}; name its file with --key, and decrypt an encrypted one with `openssl pkey -in FILE`",
            path.display()
        )),
        TlsError::KeyWithoutCertificate { key } => Some(format!(
            "the key {} was given without its certificate; name that with --cert",
            key.display()
        )),
        _ => None,
    }
}

fn of_health(error: &HealthError) -> String {
    let HealthError {
        target,
        limit,
        asked,
        said,
    } = error;
    format!(
        "{target} did not become ready within {limit:?} ({asked} health checks): {said}; wait longer with --connect-timeout, \
         or look at the job's log"
    )
}

fn of_metadata(error: &MetadataError) -> String {
    let MetadataError { name, problem } = error;
    format!("could not use the header {name:?}: {problem}; write -H 'name: value'")
}

fn of_schema(error: &SchemaError) -> Option<String> {
    match error {
        SchemaError::Import(problem) => Some(format!(
            "could not compile the .proto files: {problem}; --import-path names the folders of imports"
        )),
        SchemaError::Compile(problem) => Some(format!(
            "could not compile the .proto files: {problem}; correct it there, or compile with protoc or buf and give \
             --protoset FILE"
        )),
        SchemaError::Edition { path } => Some(format!(
            "{} is of an edition, which --proto cannot compile; compile it with `protoc --include_imports \
             --descriptor_set_out=FILE` or `buf build -o FILE.binpb` and give --protoset FILE",
            path.display()
        )),
        SchemaError::Protoset { path, what } => Some(format!(
            "could not use the descriptor set {}: {what}; make it with `protoc --include_imports \
             --descriptor_set_out=FILE` or `buf build -o FILE.binpb`",
            path.display()
        )),
        SchemaError::Read { .. } | SchemaError::TooLarge { .. } => None,
    }
}

fn of_replay(error: &CompareError) -> Option<String> {
    matches!(error, CompareError::NoCall { .. }).then(|| format!("{error}; `capture info` lists its calls"))
}

fn of_serve(error: &ReplayError) -> Option<String> {
    match error {
        ReplayError::NoCall { capture } => Some(format!(
            "could not start the replay server: {capture} holds no call to replay; `capture info` shows its content; record again with `capture record`"
        )),
        _ => None,
    }
}

fn dial(advice: &DialAdvice) -> String {
    const WAIT: &str = "is the server running, and is the port right? --connect-timeout waits longer";
    let text = match advice {
        DialAdvice::Wait => WAIT,
        DialAdvice::GiveCertificateOrWait => return format!("give one with --cert and --key; or {WAIT}"),
        DialAdvice::DropPlaintextOrWait => return format!("drop --plaintext if it is one; or {WAIT}"),
        DialAdvice::DialGrpcPort => {
            "this is a web server's port: dial the one of gRPC (the REST side of a Focus Server is given as URL, with \
             `capture record --server`, or `proxy --rest-target`)"
        }
        DialAdvice::WriteHttp => "write http:// instead of https://, or leave the scheme out and add --plaintext",
        DialAdvice::DropTls => "drop the TLS flags, and add --plaintext",
        DialAdvice::Plaintext => "add --plaintext",
        DialAdvice::DialHttps => {
            "the Focus Server calls it http://; dial the job itself with --target https://HOST:PORT"
        }
        DialAdvice::AskForTls => {
            "the Focus Server does not say so; add --cacert FILE, or --insecure if its certificate is self-signed"
        }
        DialAdvice::DropPlaintextAndWriteHttps => {
            "drop --plaintext and write https://, and add --cacert FILE or --insecure if its certificate is self-signed"
        }
        DialAdvice::WriteHttps => {
            "write https://, and add --cacert FILE or --insecure if its certificate is self-signed"
        }
        DialAdvice::DropPlaintext => {
            "drop --plaintext (or use https://), and add --cacert FILE or --insecure if its certificate is self-signed"
        }
        DialAdvice::Tls(advice) => return tls(advice),
        DialAdvice::CheckName | DialAdvice::CheckSocket | DialAdvice::CheckPort => return advice.to_string(),
    };
    text.to_owned()
}

fn tls(advice: &TlsAdvice) -> String {
    match advice {
        TlsAdvice::Plaintext => "the server speaks plain text: add --plaintext".to_owned(),
        TlsAdvice::GiveClientCertificate => {
            "it seems to require a client certificate; give one with --cert FILE --key FILE".to_owned()
        }
        TlsAdvice::NewPin => {
            "if its operator says that it was renewed, give the new SHA-256 with --pin-sha256; otherwise somebody may intercept the connection"
                .to_owned()
        }
        TlsAdvice::Trust { way, may_give_up } => {
            let give_up = if *may_give_up {
                ", or encrypt without verification with --insecure"
            } else {
                ""
            };
            format!("{}{give_up}", trust(way))
        }
        advice => advice.to_string(),
    }
}

fn trust(way: &TrustAdvice) -> String {
    match way {
        TrustAdvice::OtherAuthority(_) => format!("--cacert {way}"),
        TrustAdvice::NameAuthority => "name its certificate authority with --cacert FILE".to_owned(),
        TrustAdvice::NameCertificate => "name the certificate itself with --cacert FILE".to_owned(),
        TrustAdvice::OtherName(name) => {
            format!("verify it against a name that it has, with --authority {name}, or dial the server by that name")
        }
        way => way.to_string(),
    }
}

#[cfg(test)]
mod tests;
