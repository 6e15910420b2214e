//! The kinds of faults, with their syntax and documentation.

/// The syntax of a kind of fault, its effect, and the finding that it provokes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultEntry {
    /// Name before the colon.
    pub name: &'static str,
    /// The keys of this kind.
    pub keys: &'static [&'static str],
    /// What the fault affects, and the keys that select it.
    pub scope: Scope,
    /// Description of the effect.
    pub doc: &'static str,
    /// The rule whose finding it provokes.
    pub finding: &'static str,
    /// An example of the syntax.
    pub example: &'static str,
}

/// What a fault affects, and the keys that select it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Messages: `at=N` (with `count=N`), `every=N` or `p=PROBABILITY`; all of them without any.
    Messages,
    /// The whole call.
    Call,
    /// The end of the call: `after=N` messages, 0 by default.
    End,
    /// Connections: as messages, in the order in which they come.
    Connections,
}

impl Scope {
    /// The keys that select it. `call=N` (only the recorded call N) goes with all but connections.
    #[must_use]
    pub const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Messages => &["at", "count", "every", "p", "call"],
            Self::Call => &["call"],
            Self::End => &["after", "call"],
            Self::Connections => &["at", "count", "every", "p"],
        }
    }
}

macro_rules! entries {
    ($($name:literal $scope:ident $keys:tt $finding:literal $example:literal $doc:literal)*) => {
        &[$(FaultEntry {
            name: $name, keys: &$keys, scope: Scope::$scope, doc: $doc, finding: $finding, example: $example,
        }),*]
    };
}

/// Every kind of fault.
pub const CATALOG: &[FaultEntry] = entries! {
    "drop" Messages [] "missing-rows" "drop:every=10"
        "the message is left out"
    "duplicate" Messages ["copies"] "duplicate-rows" "duplicate:at=5"
        "the message is sent again, `copies` times (1)"
    "reorder" Messages ["by"] "backwards-time" "reorder:at=5,by=2"
        "the message is sent after the next `by` (1) instead of before them"
    "corrupt" Messages ["byte"] "malformed-message" "corrupt:p=0.01"
        "one byte is inverted: number `byte` from 0, else a random one; a byte of the structure makes the message \
            malformed, a byte of a value makes the value wrong"
    "truncate" Messages ["to"] "malformed-message" "truncate:at=3,to=100"
        "the message is cut to `to` bytes, else to a random shorter length"
    "delay" Messages ["by"] "late-first-frame" "delay:at=1,by=6s"
        "the message comes `by` (1s) late, and those behind it do not overtake it"
    "jitter" Messages ["by"] "stall" "jitter:by=50ms"
        "the message comes late by a random time up to `by` (1s)"
    "stall" Messages ["for"] "stall" "stall:at=10,for=3s"
        "silence of `for` (1s) before the message; then everything due meanwhile at once"
    "burst" Call ["size"] "stall" "burst:size=8"
        "messages come `size` (8) at a time, when the last of them is due"
    "drip" Call ["rate"] "low-throughput" "drip:rate=50kB"
        "bytes come at `rate` (10kB) per second, so messages arrive in pieces"
    "abort" End ["status", "message"] "error-status" "abort:after=20,status=UNAVAILABLE"
        "the call ends with `status` (UNAVAILABLE; a name or a number) and `message` (the rest of the text)"
    "reset" End ["code"] "broken-call" "reset:after=20"
        "the stream ends with RST_STREAM, HTTP/2 error `code` (8, CANCEL)"
    "goaway" End [] "broken-call" "goaway:after=20"
        "the connection is announced to close (GOAWAY, NO_ERROR), and closes"
    "close" End [] "broken-call" "close:after=20"
        "the TCP connection closes without GOAWAY, with every call on it"
    "refuse" Connections [] "zero-frames" "refuse:at=1,count=3"
        "the connection to the gRPC port is reset as soon as it is made"
    "nan" Messages [] "nan" "nan:at=5"
        "every value is NaN"
    "zero" Messages [] "all-zero" "zero:at=5,count=3"
        "every value is 0"
    "freeze" Messages [] "frozen-payload" "freeze:at=5,count=10"
        "every row has the values of the last row before; times go on"
    "unknown" Messages ["field", "size"] "unknown-fields" "unknown:field=1999,size=16"
        "a field that no schema knows is added: number `field` (1999), `size` (16) bytes"
    "oversize" Messages ["size"] "gap" "oversize:at=5,size=110MB"
        "the message grows to `size` (110MB) bytes by a field that no schema knows"
};

impl FaultEntry {
    /// The kind with this name.
    pub(super) fn of(name: &str) -> Option<&'static Self> {
        CATALOG.iter().find(|entry| entry.name == name)
    }

    /// All valid keys.
    pub(super) fn all_keys(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.scope.keys().iter().chain(self.keys).copied()
    }
}
