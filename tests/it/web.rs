//! gRPC-Web over HTTP/1.1 on the port that serves gRPC.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{TestServer, on_both_databases};

on_both_databases! {
    async fn a_browser_calls_over_http_1(t: TestServer) {
        let answer = who_am_i(&t, &format!("authorization: Bearer {}\r\n", t.admin().token)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("x-request-id:"), "{answer}");
        assert!(answer.contains("Administrator") && answer.contains("grpc-status:0"), "{answer}");
    }

    async fn a_browser_without_a_credential_is_refused(t: TestServer) {
        let answer = who_am_i(&t, "").await;
        assert!(answer.contains("grpc-status: 16") || answer.contains("grpc-status:16"), "{answer}");
        assert!(!answer.contains("Administrator"), "{answer}");
    }
}

/// The whole answer as text; what is no text in it doesn't matter here.
async fn who_am_i(t: &TestServer, authorization: &str) -> String {
    let mut stream = TcpStream::connect(t.addr()).await.unwrap();
    let head = format!(
        "POST /leadward.v1.DirectoryService/WhoAmI HTTP/1.1\r\nhost: leadward\r\nconnection: close\r\n\
         content-type: application/grpc-web+proto\r\ncontent-length: 5\r\n{authorization}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[0; 5]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
