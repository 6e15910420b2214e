//! Evidence for Xray, the test management of Jira. Pure.
//!
//! Source: Xray documentation, *Import Execution Results, Xray JSON format*, for Cloud (`POST
//! /api/v2/import/execution`) and for Server and Data Center (`POST /rest/raven/2.0/api/import/execution`). The two differ in
//! the words for the status and in the name of the list of files.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::model::finding::Verdict;

/// The edition of Xray.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Edition {
    /// Xray Cloud.
    #[default]
    Cloud,
    /// Xray Server and Data Center.
    Server,
}

/// One executed test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Execution<'a> {
    /// Key of the test, such as `DAS-45`.
    pub test: &'a str,
    /// Key of the test execution; Xray makes a new one without it.
    pub belongs_to: Option<&'a str>,
    /// Whether the capture passed.
    pub verdict: Verdict,
    /// Start of the stream, RFC 3339.
    pub start: &'a str,
    /// End of the stream, RFC 3339.
    pub finish: &'a str,
    /// Comment on the result: the summary.
    pub comment: &'a str,
    /// Name, media type and bytes of each file.
    pub files: &'a [(String, &'static str, Vec<u8>)],
}

/// Formats the execution as the JSON that Xray imports.
#[must_use]
pub(crate) fn json(done: &Execution<'_>, edition: Edition) -> Value {
    let status = match (done.verdict, edition) {
        (Verdict::Pass, Edition::Cloud) => "PASSED",
        (Verdict::Fail, Edition::Cloud) => "FAILED",
        (Verdict::Pass, Edition::Server) => "PASS",
        (Verdict::Fail, Edition::Server) => "FAIL",
    };
    let list = match edition {
        Edition::Cloud => "evidence",
        Edition::Server => "evidences",
    };
    let file = |(name, media, bytes): &(String, &'static str, Vec<u8>)| json!({"data": STANDARD.encode(bytes), "filename": name, "contentType": media});
    let files: Vec<_> = done.files.iter().map(file).collect();
    let mut test = json!({
        "testKey": done.test,
        "start": done.start,
        "finish": done.finish,
        "comment": done.comment,
        "status": status,
    });
    test[list] = files.into();
    let mut import = json!({"tests": [test]});
    if let Some(key) = done.belongs_to {
        import["testExecutionKey"] = key.into();
    }
    import
}

#[cfg(test)]
mod examples {
    #[test]
    fn example_of_json() {
        use crate::{
            model::Verdict,
            report::ticket::xray::{Edition, Execution, json},
        };
        let files = [("summary.md".to_owned(), "text/markdown", b"# FAIL".to_vec())];
        let done = Execution {
            test: "DAS-45",
            belongs_to: None,
            verdict: Verdict::Fail,
            files: &files,
            start: "2026-11-24T08:00:00Z",
            finish: "2026-11-24T08:00:10Z",
            comment: "nan",
        };
        assert_eq!(json(&done, Edition::Cloud)["tests"][0]["status"], "FAILED");
        assert_eq!(
            json(&done, Edition::Server)["tests"][0]["evidences"][0]["data"],
            "IyBGQUlM"
        );
    }
}
