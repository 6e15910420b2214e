//! `capture attach` as a process, against a local stub of the documented Jira API.

use std::{fs, process::Output};

use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path},
};

use crate::support::command;

const ISSUE: &str = "/rest/api/2/issue/DAS-9";

async fn jira() -> MockServer {
    let server = MockServer::start().await;
    let meta = ResponseTemplate::new(200).set_body_json(json!({"enabled": true, "uploadLimit": 100_000}));
    let at = |verb: &str, place: String| Mock::given(method(verb)).and(path(place));
    at("GET", "/rest/api/2/attachment/meta".to_owned())
        .respond_with(meta)
        .mount(&server)
        .await;
    let entry = json!([{"id": "41", "filename": "a.txt", "size": 5, "content": "http://x/41"}]);
    at("POST", format!("{ISSUE}/attachments"))
        .and(header("X-Atlassian-Token", "no-check"))
        .and(header("Authorization", "Bearer s3cret"))
        .respond_with(ResponseTemplate::new(200).set_body_json(entry))
        .mount(&server)
        .await;
    at("POST", format!("{ISSUE}/comment"))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"id": "77"})))
        .mount(&server)
        .await;
    server
}

async fn attach(server: &MockServer, token: Option<&str>, args: &[&str]) -> Output {
    let mut command = command(&["attach", "--jira", &server.uri()]);
    command.args(args).env_remove("JIRA_TOKEN").env_remove("JIRA_USER");
    if let Some(token) = token {
        command.env("JIRA_TOKEN", token);
    }
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_file_and_a_comment_get_onto_the_issue() {
    let server = jira().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.txt");
    fs::write(&file, "hello").unwrap();
    let file = file.to_str().unwrap();
    let done = attach(&server, Some("s3cret"), &["DAS-9", file, "--format", "json"]).await;
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(said["attachments"][0]["id"], "41");
    assert_eq!(said["comment"], "77");
    let requests = server.received_requests().await.unwrap();
    let comment = requests
        .iter()
        .find(|one| one.url.path().ends_with("/comment"))
        .unwrap();
    let body: Value = comment.body_json().unwrap();
    assert!(body["body"].as_str().unwrap().contains("[^a.txt], 5 B"), "{body}");
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_a_refusal_exits_with_4() {
    let server = jira().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.txt");
    fs::write(&file, "hello").unwrap();
    let file = file.to_str().unwrap();
    let none = attach(&server, None, &["DAS-9", file]).await;
    assert_eq!(none.status.code(), Some(2));
    assert!(server.received_requests().await.unwrap().is_empty());
    // The stub knows no other issue: it answers 404.
    let other = attach(&server, Some("s3cret"), &["DAS-10", file]).await;
    assert_eq!(other.status.code(), Some(4));
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(said.contains("check the key") && !said.contains("s3cret"), "{said}");
}
