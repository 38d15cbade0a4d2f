//! gRPC-Web over HTTP/1.1 on the port that serves gRPC.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{TestServer, on_both_databases};

on_both_databases! {
    async fn a_browser_calls_over_http_1(t: TestServer) {
        let answer = post(&t, WHO_AM_I, &authorization(&t), &[0; 5]).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("x-request-id:"), "{answer}");
        assert!(answer.contains("Administrator") && answer.contains("grpc-status:0"), "{answer}");
    }

    async fn a_browser_without_a_credential_is_refused(t: TestServer) {
        let answer = post(&t, WHO_AM_I, "", &[0; 5]).await;
        assert!(answer.contains("grpc-status: 16") || answer.contains("grpc-status:16"), "{answer}");
        assert!(!answer.contains("Administrator"), "{answer}");
    }

    async fn bytes_that_are_no_message_are_malformed_and_no_fault_of_the_service(t: TestServer) {
        let get_lead = "leadward.v1.LeadService/GetLead";
        for message in [&[0, 0, 0, 0, 4, 0x0a, 2, 0xff, 0xfe][..], &[0, 0, 0, 0, 2, 0x0a, 9]] {
            let answer = post(&t, get_lead, &authorization(&t), message).await;
            assert!(answer.contains("grpc-status: 3"), "{answer}");
            assert!(answer.contains("grpc-status-details-bin"), "{answer}");
        }
    }

    async fn a_call_that_does_not_exist_says_so_with_a_reason(t: TestServer) {
        let answer = post(&t, "leadward.v1.LeadService/SellLead", &authorization(&t), &[0; 5]).await;
        assert!(answer.contains("grpc-status: 12"), "{answer}");
        assert!(answer.contains("grpc-status-details-bin"), "{answer}");
    }

    /// Answering as the caller would be the wrong answer to the right question.
    async fn a_request_id_of_the_callers_is_kept_where_it_is_plain(t: TestServer) {
        for (given, kept) in [("order-7.retry_1", true), ("a b;<script>", false), (&"x".repeat(65), false)] {
            let headers = format!("{}x-request-id: {given}\r\n", authorization(&t));
            let answer = post(&t, WHO_AM_I, &headers, &[0; 5]).await;
            assert_eq!(answer.contains(&format!("x-request-id: {given}\r\n")), kept, "{answer}");
            assert!(answer.contains("x-request-id: "), "{answer}");
        }
    }
}

const WHO_AM_I: &str = "leadward.v1.DirectoryService/WhoAmI";

fn authorization(t: &TestServer) -> String {
    format!("authorization: Bearer {}\r\n", t.admin().token)
}

/// The whole answer as text; what is no text in it doesn't matter here.
async fn post(t: &TestServer, call: &str, headers: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(t.addr()).await.unwrap();
    let head = format!(
        "POST /{call} HTTP/1.1\r\nhost: leadward\r\nconnection: close\r\n\
         content-type: application/grpc-web+proto\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
