use std::path::PathBuf;

use tempfile::TempDir;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{header, method, path},
};

use super::*;

const META: &str = "/jira/rest/api/2/attachment/meta";
const ATTACHMENTS: &str = "/jira/rest/api/2/issue/DAS-7/attachments";
const COMMENT: &str = "/jira/rest/api/2/issue/DAS-7/comment";

struct JiraServer {
    mock: MockServer,
    folder: TempDir,
}

impl JiraServer {
    async fn new(limit: u64) -> Self {
        let server = MockServer::start().await;
        let meta = json!({"enabled": true, "uploadLimit": limit});
        Mock::given(method("GET"))
            .and(path(META))
            .respond_with(ResponseTemplate::new(200).set_body_json(meta))
            .mount(&server)
            .await;
        let folder = tempfile::tempdir().unwrap();
        Self { mock: server, folder }
    }

    fn jira(&self, who: Credentials) -> Jira {
        let url = format!("{}/jira/", self.mock.uri());
        Jira::new(&url, who, &TlsOptions::default(), AttachLimits::default()).unwrap()
    }

    fn token(&self) -> Jira {
        self.jira(Credentials::Token("s3cret".to_owned()))
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    async fn answer(&self, place: &str, answer: ResponseTemplate) {
        let mock = Mock::given(method("POST")).and(path(place.to_owned()));
        mock.respond_with(answer).mount(&self.mock).await;
    }

    async fn requests(&self, place: &str) -> Vec<Request> {
        let requests = self.mock.received_requests().await.unwrap();
        requests.into_iter().filter(|one| one.url.path() == place).collect()
    }
}

fn attached() -> ResponseTemplate {
    let entry = json!([{"id": "10001", "filename": "ticket.zip", "size": 9, "content": "http://x/10001"}]);
    ResponseTemplate::new(200).set_body_json(entry)
}

fn key() -> IssueKey {
    "DAS-7".parse().unwrap()
}

#[tokio::test]
async fn a_file_is_uploaded_as_the_api_documents_it() {
    let server = JiraServer::new(1000).await;
    Mock::given(method("POST"))
        .and(path(ATTACHMENTS))
        .and(header("X-Atlassian-Token", "no-check"))
        .and(header("Authorization", "Bearer s3cret"))
        .respond_with(attached())
        .expect(1)
        .mount(&server.mock)
        .await;
    let file = server.file("ti\"cket.zip", b"\x00\xffnine....");
    let attachment = server.token().attach(&key(), &file).await.unwrap();
    assert_eq!(
        (attachment.id.as_str(), attachment.content.as_str()),
        ("10001", "http://x/10001")
    );
    let request = server.requests(ATTACHMENTS).await.remove(0);
    let body = String::from_utf8_lossy(&request.body).into_owned();
    assert!(body.contains("name=\"file\"; filename=\"ti_cket.zip\""), "{body}");
    let whole = request.body.windows(10).any(|part| part == b"\x00\xffnine....");
    assert!(whole, "the bytes arrive as they are");
}

#[tokio::test]
async fn a_comment_is_sent_by_an_account_of_the_cloud() {
    let server = JiraServer::new(1000).await;
    Mock::given(method("POST"))
        .and(path(COMMENT))
        .and(header("Authorization", "Basic bWU6czNjcmV0"))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"id": "55"})))
        .expect(1)
        .mount(&server.mock)
        .await;
    let who = Credentials::Basic {
        user: "me".to_owned(),
        token: "s3cret".to_owned(),
    };
    let id = server.jira(who).comment(&key(), "*FAIL*").await.unwrap();
    assert_eq!(id, "55");
    let sent: Value = server.requests(COMMENT).await[0].body_json().unwrap();
    assert_eq!(sent, json!({"body": "*FAIL*"}));
}

#[tokio::test]
async fn each_refusal_says_what_to_do_and_is_not_tried_again() {
    for (status, remedy) in [
        (302, "login page"),
        (401, "token is wrong"),
        (403, "may not do that"),
        (404, "check the key"),
        (413, "Jira allows less"),
        (500, "before you repeat it"),
    ] {
        let server = JiraServer::new(1000).await;
        let words = json!({"errorMessages": ["because of this"]});
        let answer = ResponseTemplate::new(status).set_body_json(words);
        server.answer(ATTACHMENTS, answer).await;
        let file = server.file("a.zip", b"x");
        let error = server.token().attach(&key(), &file).await.unwrap_err().to_string();
        assert!(error.contains(remedy), "{status}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
        assert!(status == 413 || error.contains("because of this"), "{status}: {error}");
        assert_eq!(server.requests(ATTACHMENTS).await.len(), 1, "{status}");
    }
}

/// Jira answers 404 for a file that is too large, too.
#[tokio::test]
async fn a_file_that_is_too_large_is_told_from_an_issue_that_is_not_there() {
    let html = "<html><body>413 Request Entity Too Large</body></html>";
    let json = |text: &str| json!({ "errorMessages": [text] }).to_string();
    for (status, body, there, says, not) in [
        (
            404,
            json("The attachment is too large."),
            true,
            "Jira allows less",
            "no such issue",
        ),
        (
            404,
            json("file.zip exceeds its maximum permitted size"),
            false,
            "Jira allows less",
            "no such issue",
        ),
        (
            400,
            json("The file is too large."),
            true,
            "Jira allows less",
            "no such issue",
        ),
        (413, html.to_owned(), true, "Jira allows less", "html"),
        (404, String::new(), true, "though the issue is there", "no such issue"),
        (404, json("Issue Does Not Exist"), false, "no such issue", "--max-size"),
    ] {
        let server = JiraServer::new(1000).await;
        server
            .answer(ATTACHMENTS, ResponseTemplate::new(status).set_body_string(body.clone()))
            .await;
        if there {
            Mock::given(method("GET"))
                .and(path("/jira/rest/api/2/issue/DAS-7"))
                .respond_with(ResponseTemplate::new(200).set_body_json(json!({"key": "DAS-7"})))
                .mount(&server.mock)
                .await;
        }
        let file = server.file("a.zip", b"x");
        let error = server.token().attach(&key(), &file).await.unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains(not), "{status} {body}: {error}");
        assert_eq!(server.requests(ATTACHMENTS).await.len(), 1, "an upload is not repeated");
    }
}

#[tokio::test]
async fn a_refused_token_is_advised_what_was_not_given() {
    let server = JiraServer::new(1000).await;
    server.answer(ATTACHMENTS, ResponseTemplate::new(401)).await;
    let file = server.file("a.zip", b"x");
    let user = Credentials::Basic {
        user: "a@b".to_owned(),
        token: "s3cret".to_owned(),
    };
    let error = server.jira(user).attach(&key(), &file).await.unwrap_err().to_string();
    assert!(error.contains("no account"), "{error}");
    let error = server.token().attach(&key(), &file).await.unwrap_err().to_string();
    assert!(
        error.contains("its account") && !error.contains("no account"),
        "{error}"
    );
}

#[tokio::test]
async fn tls_where_there_is_none_is_said_at_once() {
    let server = JiraServer::new(1000).await;
    let url = server.mock.uri().replace("http://", "https://");
    let who = Credentials::Token("s3cret".to_owned());
    let jira = Jira::new(&url, who, &TlsOptions::default(), AttachLimits::default()).unwrap();
    let file = server.file("a.zip", b"x");
    let error = jira.attach(&key(), &file).await.unwrap_err();
    assert!(matches!(error, AttachError::Handshake { .. }), "{error}");
    assert!(error.to_string().contains("try http://"), "{error}");
}

#[tokio::test]
async fn what_is_too_large_is_not_sent_at_all() {
    let server = JiraServer::new(3).await;
    let file = server.file("a.zip", b"four");
    let error = server.token().attach(&key(), &file).await.unwrap_err().to_string();
    assert!(error.contains("4 bytes") && error.contains("at most 3"), "{error}");
    assert!(server.requests(ATTACHMENTS).await.is_empty());
}

#[tokio::test]
async fn a_jira_that_is_asked_too_much_is_asked_later() {
    let server = JiraServer::new(1000).await;
    let later = ResponseTemplate::new(429).insert_header("Retry-After", "0");
    Mock::given(method("POST"))
        .and(path(ATTACHMENTS))
        .respond_with(later)
        .up_to_n_times(2)
        .mount(&server.mock)
        .await;
    server.answer(ATTACHMENTS, attached()).await;
    let file = server.file("a.zip", b"x");
    assert!(server.token().attach(&key(), &file).await.is_ok());
    assert_eq!(server.requests(ATTACHMENTS).await.len(), 3);
}

#[tokio::test]
async fn nobody_there_is_said_within_the_limit() {
    let limits = AttachLimits {
        connect: Duration::from_millis(300),
        answer: Duration::from_secs(1),
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let jira = Jira::new(&url, Credentials::Token(String::new()), &TlsOptions::default(), limits).unwrap();
    let error = jira.comment(&key(), "x").await.unwrap_err();
    assert!(matches!(error, AttachError::NotConnected { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_not_jiras_is_quoted() {
    let server = JiraServer::new(1000).await;
    let page = ResponseTemplate::new(200).set_body_string("<html>welcome</html>");
    server.answer(COMMENT, page).await;
    let error = server.token().comment(&key(), "x").await.unwrap_err().to_string();
    assert!(
        error.contains("is this a Jira") && error.contains("<html>welcome"),
        "{error}"
    );
}

#[test]
fn keys_and_addresses_are_checked_before_anything_is_sent() {
    for good in ["DAS-1", "A_B2-77", "10023"] {
        assert!(good.parse::<IssueKey>().is_ok(), "{good}");
    }
    for bad in ["", "DAS", "DAS-", "-1", "1DAS-1", "../x-1", "DAS-1/x", "DÄS-1"] {
        assert!(bad.parse::<IssueKey>().is_err(), "{bad}");
    }
    for (bad, problem) in [
        ("jira.example.com", "relative URL"),
        ("ftp://x", "http"),
        ("https://me:pw@x", "credentials"),
    ] {
        let who = Credentials::Token("t".to_owned());
        let made = Jira::new(bad, who, &TlsOptions::default(), AttachLimits::default());
        let error = made.unwrap_err().to_string();
        assert!(error.contains(problem) && !error.contains("pw"), "{bad}: {error}");
    }
}

#[test]
fn a_token_is_not_shown_for_debugging() {
    for who in [
        Credentials::Token("s3cret".to_owned()),
        Credentials::Basic {
            user: "me".to_owned(),
            token: "s3cret".to_owned(),
        },
    ] {
        assert!(!format!("{who:?}").contains("s3cret"));
    }
}
