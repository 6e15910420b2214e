//! Quirks of real Focus Servers, on demand. Pure.

use std::{fmt, str::FromStr};

use serde_json::{Map, Value, json};

use super::options::UnknownWord;

/// A deviation of real Focus Servers that a client must tolerate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quirk {
    /// `stream_port` is a string.
    StringPort,
    /// `stream_port` is a number.
    IntPort,
    /// `view_type` is a string.
    StringViewType,
    /// `view_type` is a number.
    IntViewType,
    /// `status` is empty, as in production.
    EmptyStatus,
    /// `stream_url` has no scheme.
    NoScheme,
    /// The port is in `stream_url`, and there is no `stream_port`.
    PortInUrl,
    /// Errors of `GET /metadata/{job_id}` come with status 200.
    ErrorIn200,
    /// Error texts are under `message`.
    ErrorAsMessage,
    /// Error texts are under `detail`.
    ErrorAsDetail,
    /// A live configure is answered with 503: the system waits for its fibre.
    WaitingForFiber,
    /// A configure for a time range is answered with 404: there is no recording.
    NoRecording,
}

impl Quirk {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::StringPort,
        Self::IntPort,
        Self::StringViewType,
        Self::IntViewType,
        Self::EmptyStatus,
        Self::NoScheme,
        Self::PortInUrl,
        Self::ErrorIn200,
        Self::ErrorAsMessage,
        Self::ErrorAsDetail,
        Self::WaitingForFiber,
        Self::NoRecording,
    ];

    /// Name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StringPort => "string-port",
            Self::IntPort => "int-port",
            Self::StringViewType => "string-view-type",
            Self::IntViewType => "int-view-type",
            Self::EmptyStatus => "empty-status",
            Self::NoScheme => "no-scheme",
            Self::PortInUrl => "port-in-url",
            Self::ErrorIn200 => "error-in-200",
            Self::ErrorAsMessage => "error-as-message",
            Self::ErrorAsDetail => "error-as-detail",
            Self::WaitingForFiber => "waiting-for-fiber",
            Self::NoRecording => "no-recording",
        }
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Quirk {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|quirk| quirk.name() == text);
        found.ok_or_else(|| UnknownWord::new(text, &Self::ALL.map(Self::name)))
    }
}

/// The quirks of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Quirks(pub(super) Vec<Quirk>);

impl Quirks {
    pub(super) fn has(&self, quirk: Quirk) -> bool {
        self.0.contains(&quirk)
    }

    /// Applies the quirks to the body of a configure response.
    pub(super) fn bend(&self, body: &mut Map<String, Value>) {
        for quirk in &self.0 {
            match quirk {
                Quirk::StringPort => change(body, "stream_port", text),
                Quirk::IntPort => change(body, "stream_port", number),
                Quirk::StringViewType => change(body, "view_type", text),
                Quirk::IntViewType => change(body, "view_type", number),
                Quirk::EmptyStatus => drop(body.insert("status".to_owned(), json!(""))),
                Quirk::NoScheme => change(body, "stream_url", |url| {
                    json!(url.as_str()?.split_once("://")?.1).into()
                }),
                Quirk::PortInUrl => {
                    if let (Some(url), Some(port)) = (
                        body.get("stream_url").and_then(Value::as_str).map(ToOwned::to_owned),
                        body.remove("stream_port").as_ref().and_then(text),
                    ) {
                        let port = port.as_str().unwrap_or_default();
                        body.insert("stream_url".to_owned(), json!(format!("{url}:{port}")));
                    }
                }
                _ => {}
            }
        }
    }

    /// The key of error texts.
    pub(super) fn error_key(&self) -> Option<&'static str> {
        self.0.iter().find_map(|quirk| match quirk {
            Quirk::ErrorAsMessage => Some("message"),
            Quirk::ErrorAsDetail => Some("detail"),
            _ => None,
        })
    }
}

fn change(body: &mut Map<String, Value>, key: &str, to: impl Fn(&Value) -> Option<Value>) {
    if let Some(value) = body.get_mut(key)
        && let Some(changed) = to(value)
    {
        *value = changed;
    }
}

fn text(value: &Value) -> Option<Value> {
    match value {
        Value::Number(number) => Some(json!(number.to_string())),
        Value::String(text) => Some(json!(text)),
        _ => None,
    }
}

fn number(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => text.trim().parse::<i64>().ok().map(|number| json!(number)),
        Value::Number(number) => Some(json!(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bent(quirks: &[Quirk]) -> Value {
        let mut body = json!({"status": "fine", "stream_url": "http://h", "stream_port": 7, "view_type": "2"});
        Quirks(quirks.to_vec()).bend(body.as_object_mut().unwrap());
        body
    }

    #[test]
    fn each_quirk_bends_one_thing() {
        assert_eq!(bent(&[Quirk::StringPort])["stream_port"], "7");
        assert_eq!(bent(&[Quirk::StringPort, Quirk::IntPort])["stream_port"], 7);
        assert_eq!(bent(&[Quirk::IntViewType])["view_type"], 2);
        assert_eq!(bent(&[Quirk::StringViewType])["view_type"], "2");
        assert_eq!(bent(&[Quirk::EmptyStatus])["status"], "");
        assert_eq!(bent(&[Quirk::NoScheme])["stream_url"], "h");
        let body = bent(&[Quirk::PortInUrl]);
        assert_eq!(
            (&body["stream_url"], body.get("stream_port")),
            (&json!("http://h:7"), None)
        );
        assert_eq!(bent(&[Quirk::NoScheme, Quirk::PortInUrl])["stream_url"], "h:7");
    }

    #[test]
    fn every_name_is_read_and_an_unknown_one_is_told_the_others() {
        for quirk in Quirk::ALL {
            assert_eq!(quirk.name().parse(), Ok(quirk));
        }
        let error = "odd".parse::<Quirk>().unwrap_err().to_string();
        assert!(error.contains("odd") && error.contains("error-in-200"), "{error}");
    }
}
